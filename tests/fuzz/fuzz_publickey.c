/*
 * The first byte chooses the kind of a key, the rest, cut at newlines, are the members of
 * struct host_public.  The fingerprint is that of the raw bytes, so that they are looked into.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "survey/base64.h"
#include "survey/mem.h"
#include "survey/publickey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static void
check(struct octets o)
{
	volatile uint8_t sum = 0;

	CHECK((o.data == NULL) == (o.len == 0));
	for (size_t i = 0; i < o.len; i++)
		sum ^= o.data[i];
	(void)sum;
}

static void
fingerprint(const char *raw, enum key_kind kind, struct arena *a, uint8_t fp[static KEY_LEN])
{
	uint8_t *bytes = arena_alloc(a, BASE64_ROOM(strlen(raw)));
	struct octets o = { bytes, 0 };

	if (base64_decode(raw, strlen(raw), bytes, &o.len) &&
	    (kind == KEY_SSH_HOST || public_key_spki(o, &o)))
		SHA256(o.data, o.len, fp);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	enum key_kind kind = len > 0 && (data[0] & 1) != 0 ? KEY_TLS_SPKI : KEY_SSH_HOST;
	struct host_public given = { 0 };
	const char **member[] = { &given.raw, &given.modulus, &given.exponent, &given.point,
		&given.x, &given.y, &given.bytes };
	uint8_t fp[KEY_LEN] = { 0 };
	struct public_key key;
	struct arena a;

	if (len == 0)
		return 0;
	arena_init(&a);
	for (size_t at = 1, i = 0; at < len && i < sizeof(member) / sizeof(member[0]); i++) {
		const uint8_t *nl = memchr(data + at, '\n', len - at);
		size_t end = nl != NULL ? (size_t)(nl - data) : len;

		if (end > at)
			*member[i] = arena_strndup(&a, (const char *)data + at, end - at);
		at = end + 1;
	}
	if (given.raw != NULL)
		fingerprint(given.raw, kind, &a, fp);
	if (public_key_decode(&given, kind, fp, &a, &key) == PUBLIC_OK) {
		CHECK(key.type < NPUBLIC_TYPES);
		CHECK((key.type == PUBLIC_RSA || key.type == PUBLIC_DSA) == (key.modulus.len > 0));
		CHECK((key.type == PUBLIC_EC) == (key.curve != NULL));
		CHECK(key.type != PUBLIC_RSA ||
		      (key.modulus.data[0] != 0 && key.bits > (key.modulus.len - 1) * 8));
		check(key.modulus);
		check(key.exponent);
		check(key.point);
	}
	arena_fini(&a);
	return 0;
}
