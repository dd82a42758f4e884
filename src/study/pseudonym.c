#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/hex.h"
#include "survey/log.h"
#include "survey/pseudonym.h"

#define KEY_FILE "anonymise.key"

_Static_assert(PSEUDONYM_KEY == crypto_auth_hmacsha256_KEYBYTES, "the key of HMAC-SHA-256");
_Static_assert(PSEUDONYM_BYTES <= IP_ALIAS_MAX, "a pseudonym fits an address");

void
pseudonym_hash(const unsigned char key[PSEUDONYM_KEY], const char *kind, const void *data,
    size_t len, unsigned char out[32])
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, PSEUDONYM_KEY);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)kind, strlen(kind) + 1);
	crypto_auth_hmacsha256_update(&state, data, len);
	crypto_auth_hmacsha256_final(&state, out);
}

void
pseudonym_text(const unsigned char key[PSEUDONYM_KEY], const char *kind, const char *prefix,
    const char *text, struct buf *out)
{
	unsigned char sum[32];

	pseudonym_hash(key, kind, text, strlen(text), sum);
	buf_adds(out, prefix);
	hex_add(out, sum, PSEUDONYM_BYTES);
}

struct ip
pseudonym_address(const unsigned char key[PSEUDONYM_KEY], const struct ip *ip)
{
	struct ip alias = { .family = IP_ALIAS };
	unsigned char sum[32];
	char text[IP_STRLEN];

	ip_format(ip, text);
	pseudonym_hash(key, "ip", text, strlen(text), sum);
	memcpy(alias.a, sum, PSEUDONYM_BYTES);
	alias.a[15] = PSEUDONYM_BYTES;
	return alias;
}

int
pseudonym_key(const char *dir, unsigned char key[PSEUDONYM_KEY])
{
	char *path = path_join(dir, KEY_FILE), *text;
	struct buf b;
	size_t len;
	int rc = -1;

	buf_init(&b);
	if ((text = file_read(path, 4096, &len)) != NULL) {
		if (len >= 2 * PSEUDONYM_KEY &&
		    hex_parse(text, 2 * PSEUDONYM_KEY, key, PSEUDONYM_KEY))
			rc = 0;
		else
			log_error("%s is no key of %d hex digits; remove it for a new one", path,
			    2 * PSEUDONYM_KEY);
	} else if (errno != ENOENT) {
		log_error("cannot read %s: %s", path, strerror(errno));
	} else {
		randombytes_buf(key, PSEUDONYM_KEY);
		hex_add(&b, key, PSEUDONYM_KEY);
		buf_addc(&b, '\n');
		if ((rc = file_write(path, b.data, b.len)) == -1)
			log_error("cannot write %s: %s", path, strerror(errno));
	}
	buf_fini(&b);
	free(text);
	free(path);
	return rc;
}
