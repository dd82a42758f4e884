/*
 * Input: up to 16 keys, each a byte of type and kind, a byte for the curve, the
 * lengths of modulus, exponent and point in two bytes each, and their bytes.  All
 * checks run over them together.
 */
#include <stdlib.h>
#include <string.h>

#include "weak/run.h"
#include "weak/secret.h"

#define MAX_KEYS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const curves[] = { NULL, "P-256", "P-384", "P-521", "P-224", "P-192",
	"secp256k1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1", "sect283k1", "" };

static const enum public_type types[] = { PUBLIC_RSA, PUBLIC_EC, PUBLIC_ED25519, PUBLIC_DSA,
	PUBLIC_ED448 };

static struct octets
take(const uint8_t **data, size_t *len, size_t want)
{
	struct octets b = { *data, want < *len ? want : *len };

	*data += b.len;
	*len -= b.len;
	return b;
}

static size_t
length(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

static bool
take_key(const uint8_t **data, size_t *len, struct weak_key *k)
{
	const uint8_t *head = *data;

	if (*len < 8)
		return false;
	*data += 8;
	*len -= 8;
	*k = (struct weak_key){ .kind = head[0] >> 4 & 1, .result = head[0] >> 5 & 3 };
	k->key.type = types[head[0] % 5];
	k->sha1_only = (head[0] & 0x80) != 0;
	k->key.curve = curves[head[1] % (sizeof(curves) / sizeof(curves[0]))];
	k->key.modulus = take(data, len, length(head + 2));
	k->key.exponent = take(data, len, length(head + 4));
	k->key.point = take(data, len, length(head + 6));
	k->key.generator = head[1] % 2 == 0 ? k->key.point : k->key.exponent;
	return true;
}

/* Factors that are given away are some. */
static void
check_factors(uint32_t key, const char *p, const char *q, void *arg)
{
	const struct weak_key *k = (const struct weak_key *)arg + key;
	mpz_t a, b, n;

	mpz_init_set_str(a, p, 16);
	mpz_init_set_str(b, q, 16);
	mpz_init(n);
	mpz_import(n, k->key.modulus.len, 1, 1, 1, 0, k->key.modulus.data);
	if (mpz_cmp_ui(a, 1) <= 0 || mpz_cmp_ui(b, 1) <= 0)
		abort();
	mpz_mul(a, a, b);
	if (mpz_cmp(a, n) != 0)
		abort();
	mpz_clears(a, b, n, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct weak_key keys[MAX_KEYS];
	struct weak_options o = { .factors = check_factors, .arg = keys };
	struct findings result = { .nfindings = 0 };
	struct weak_run_state r = { .keys = keys, .o = &o, .threads = 1, .out = &result };

	secret_init();
	while (r.n < MAX_KEYS && take_key(&data, &len, &keys[r.n]))
		r.n++;
	run_init(&r, false);
	run_single(&r);
	run_same(&r);
	if (run_shared(&r) != BATCH_OK)
		abort();
	for (size_t i = 0; i < r.found[0].n; i++) {
		if (r.found[0].v[i].key >= r.n || r.found[0].v[i].kind >= FINDING_NKINDS)
			abort();
	}
	run_fini(&r);
	findings_fini(&result);
	return 0;
}
