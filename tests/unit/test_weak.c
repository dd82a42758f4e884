#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <gmp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/mem.h"
#include "survey/weak.h"
#include "weak/curve.h"
#include "weak/lists.h"
#include "weak/plants.h"
#include "weak/primes.h"
#include "weak/rsa.h"
#include "weak/secret.h"

#define MAX_KEYS 1000

static gmp_randstate_t rnd;
static mpz_t primorial;

struct keys {
	struct weak_key k[MAX_KEYS];
	uint8_t *owned[2 * MAX_KEYS];
	size_t n, nowned;
	struct findings result;
	struct weak_costs costs;
	struct weak_options o;
	uint32_t factored[MAX_KEYS];
	size_t nfactored;
};

static struct octets
own(struct keys *s, const void *data, size_t len)
{
	uint8_t *copy = xmalloc(len);

	memcpy(copy, data, len);
	s->owned[s->nowned++] = copy;
	return (struct octets){ copy, len };
}

static struct octets
number(struct keys *s, const mpz_t value)
{
	uint8_t bytes[4096] = { 0 };
	size_t len;

	mpz_export(bytes, &len, 1, 1, 1, 0, value);
	return own(s, bytes, len);
}

static uint32_t
add(struct keys *s, enum public_type type, enum key_kind kind)
{
	struct weak_key *k = &s->k[s->n];

	*k = (struct weak_key){ .key.type = type, .kind = (uint8_t)kind };
	SHA256((const uint8_t *)&s->n, sizeof(s->n), k->fp);
	return (uint32_t)s->n++;
}

static uint32_t
add_rsa(struct keys *s, const mpz_t n, unsigned long e)
{
	uint32_t key = add(s, PUBLIC_RSA, KEY_TLS_SPKI);
	mpz_t exponent;

	mpz_init_set_ui(exponent, e);
	s->k[key].key.modulus = number(s, n);
	s->k[key].key.exponent = number(s, exponent);
	mpz_clear(exponent);
	return key;
}

/* As good as a prime here, and found sooner: nothing up to 65,537 divides it. */
static void
prime(mpz_t to, unsigned bits)
{
	mpz_t g;

	mpz_init(g);
	do {
		mpz_urandomb(to, rnd, bits);
		mpz_setbit(to, bits - 1);
		mpz_setbit(to, bits - 2);
		mpz_gcd(g, to, primorial);
	} while (mpz_cmp_ui(g, 1) != 0);
	mpz_clear(g);
}

static uint32_t
add_product(struct keys *s, const mpz_t p, const mpz_t q)
{
	uint32_t key;
	mpz_t n;

	mpz_init(n);
	mpz_mul(n, p, q);
	key = add_rsa(s, n, 65537);
	mpz_clear(n);
	return key;
}

/* A key of 2,048 bits that nothing is wrong with. */
static uint32_t
add_good(struct keys *s)
{
	uint32_t key;
	mpz_t p, q;

	mpz_inits(p, q, NULL);
	prime(p, 1024);
	prime(q, 1024);
	key = add_product(s, p, q);
	mpz_clears(p, q, NULL);
	return key;
}

static void
take_factors(uint32_t key, const char *p, const char *q, void *arg)
{
	struct keys *s = arg;
	mpz_t a, b, n;

	mpz_init_set_str(a, p, 16);
	mpz_init_set_str(b, q, 16);
	mpz_init(n);
	mpz_import(n, s->k[key].key.modulus.len, 1, 1, 1, 0, s->k[key].key.modulus.data);
	assert_true(mpz_cmp_ui(a, 1) > 0 && mpz_cmp_ui(b, 1) > 0);
	mpz_mul(a, a, b);
	assert_int_equal(mpz_cmp(a, n), 0);
	mpz_clears(a, b, n, NULL);
	s->factored[s->nfactored++] = key;
}

static struct keys *
keys_new(void)
{
	struct keys *s = xcalloc(1, sizeof(*s));

	s->o.threads = 2;
	s->o.factors = take_factors;
	s->o.arg = s;
	return s;
}

static void
keys_free(struct keys *s)
{
	findings_fini(&s->result);
	for (size_t i = 0; i < s->nowned; i++)
		free(s->owned[i]);
	free(s);
}

static void
run(struct keys *s)
{
	char *error;

	findings_fini(&s->result);
	s->nfactored = 0;
	if (weak_run(s->k, s->n, &s->o, &s->result, &s->costs, &error) != WEAK_DONE)
		fail_msg("%s", error);
	for (size_t i = 0; i < s->result.nfindings; i++)
		assert_true(s->result.findings[i].key < s->n);
	/* Each member of a group is weak: its fingerprint may be told. */
	for (size_t i = 0; i < s->result.nmembers; i++) {
		bool weak = false;

		for (size_t j = 0; j < s->result.nfindings; j++)
			weak = weak || s->result.findings[j].key == s->result.members[i];
		assert_true(weak);
	}
}

static const struct finding *
find(const struct keys *s, uint32_t key, enum finding_kind kind)
{
	for (size_t i = 0; i < s->result.nfindings; i++) {
		if (s->result.findings[i].key == key && s->result.findings[i].kind == kind)
			return &s->result.findings[i];
	}
	return NULL;
}

/* Exactly these kinds. */
static void
assert_kinds(const struct keys *s, uint32_t key, size_t n, const enum finding_kind *kinds)
{
	size_t found = 0;

	for (size_t i = 0; i < s->result.nfindings; i++)
		found += s->result.findings[i].key == key;
	for (size_t i = 0; i < n; i++) {
		if (find(s, key, kinds[i]) == NULL)
			fail_msg("key %u has no finding %s", key, finding_kinds[kinds[i]].name);
	}
	if (found != n) {
		for (size_t i = 0; i < s->result.nfindings; i++) {
			if (s->result.findings[i].key == key)
				print_error("%s\n", finding_kinds[s->result.findings[i].kind].name);
		}
		fail_msg("key %u has %zu findings, not %zu", key, found, n);
	}
}

#define KINDS(s, key, ...)                                                            \
	assert_kinds(s, key,                                                          \
	    sizeof((enum finding_kind[]){ __VA_ARGS__ }) / sizeof(enum finding_kind), \
	    (enum finding_kind[]){ __VA_ARGS__ })
#define NO_KINDS(s, key) assert_kinds(s, key, 0, NULL)

static bool
is_partner(const struct keys *s, const struct finding *f, uint32_t key)
{
	bool found = false;

	for (size_t i = 0; i < f->nrefs; i++) {
		const struct finding_group *g = &s->result.groups[s->result.refs[f->refs_at + i]];
		bool self = false;

		for (size_t j = 0; j < g->n; j++) {
			found = found || s->result.members[g->at + j] == key;
			self = self || s->result.members[g->at + j] == f->key;
		}
		assert_true(self);
	}
	return found;
}

static bool
was_factored(const struct keys *s, uint32_t key)
{
	for (size_t i = 0; i < s->nfactored; i++) {
		if (s->factored[i] == key)
			return true;
	}
	return false;
}

static uint8_t
skip_of(const struct keys *s, uint32_t key)
{
	for (size_t i = 0; i < s->result.nskipped; i++) {
		if (s->result.skipped[i].key == key)
			return s->result.skipped[i].reason;
	}
	return FINDING_NSKIPS;
}

/* Pairs, a triangle, all products of some primes, and bystanders. */
static void
test_shared(void **state)
{
	struct keys *s = keys_new();
	const struct finding *f;
	uint32_t a, b, triangle[3], good[3], many[45];
	mpz_t p[10], q;
	size_t n = 0;

	(void)state;
	mpz_init(q);
	for (int i = 0; i < 10; i++) {
		mpz_init(p[i]);
		prime(p[i], 1024);
	}
	good[0] = add_good(s);
	prime(q, 1024);
	a = add_product(s, p[0], q);
	prime(q, 1024);
	b = add_product(s, q, p[0]);
	good[1] = add_good(s);
	for (int i = 0; i < 3; i++)
		triangle[i] = add_product(s, p[1 + i], p[1 + (i + 1) % 3]);
	good[2] = add_good(s);
	run(s);
	for (int i = 0; i < 3; i++)
		NO_KINDS(s, good[i]);
	KINDS(s, a, FINDING_SHARED_PRIME);
	KINDS(s, b, FINDING_SHARED_PRIME);
	f = find(s, a, FINDING_SHARED_PRIME);
	assert_int_equal(f->nrefs, 1);
	assert_true(is_partner(s, f, b));
	assert_false(is_partner(s, f, triangle[0]));
	for (int i = 0; i < 3; i++) {
		KINDS(s, triangle[i], FINDING_SHARED_PRIME);
		f = find(s, triangle[i], FINDING_SHARED_PRIME);
		assert_int_equal(f->nrefs, 2); /* a group a prime */
		assert_true(is_partner(s, f, triangle[(i + 1) % 3]));
		assert_true(is_partner(s, f, triangle[(i + 2) % 3]));
		assert_false(is_partner(s, f, a));
		assert_true(was_factored(s, triangle[i]));
	}
	assert_true(was_factored(s, a) && was_factored(s, b));
	assert_int_equal(s->result.nfindings, 5);

	for (int i = 0; i < 10; i++) {
		for (int j = 0; j < i; j++)
			many[n++] = add_product(s, p[i], p[j]);
	}
	run(s);
	for (size_t i = 0; i < n; i++)
		assert_true(
		    find(s, many[i], FINDING_SHARED_PRIME) != NULL && was_factored(s, many[i]));
	for (int i = 0; i < 3; i++)
		NO_KINDS(s, good[i]);
	for (int i = 0; i < 10; i++)
		mpz_clear(p[i]);
	mpz_clear(q);
	keys_free(s);
}

/* Nothing here may be taken for a key that was factored. */
static void
test_multiples(void **state)
{
	struct keys *s = keys_new();
	uint32_t good = add_good(s), again, thrice, even, square, long_multiple, partner;
	mpz_t n, p, q;

	(void)state;
	mpz_inits(n, p, q, NULL);
	mpz_import(n, s->k[good].key.modulus.len, 1, 1, 1, 0, s->k[good].key.modulus.data);
	again = add_rsa(s, n, 3); /* the modulus once more */
	mpz_mul_ui(n, n, 3);
	thrice = add_rsa(s, n, 65537);
	mpz_mul_ui(n, n, 4);
	even = add_rsa(s, n, 65537);
	prime(p, 1024);
	square = add_product(s, p, p);
	run(s);
	KINDS(s, good, FINDING_SAME_KEY, FINDING_MULTIPLE);
	KINDS(s, again, FINDING_SAME_KEY, FINDING_MULTIPLE);
	KINDS(s, thrice, FINDING_SMALL_FACTOR, FINDING_MULTIPLE);
	KINDS(s, even, FINDING_SMALL_FACTOR, FINDING_MULTIPLE);
	KINDS(s, square, FINDING_SQUARE);
	assert_false(was_factored(s, good));
	assert_true(was_factored(s, thrice) && was_factored(s, even) && was_factored(s, square));
	assert_true(is_partner(s, find(s, good, FINDING_MULTIPLE), thrice));
	assert_true(is_partner(s, find(s, good, FINDING_SAME_KEY), again));

	/* A square's prime in another key; a modulus times a long prime. */
	prime(q, 1024);
	partner = add_product(s, p, q);
	mpz_divexact_ui(n, n, 12);
	prime(q, 512);
	mpz_mul(n, n, q);
	long_multiple = add_rsa(s, n, 65537);
	run(s);
	KINDS(s, square, FINDING_SQUARE, FINDING_SHARED_PRIME);
	KINDS(s, partner, FINDING_SHARED_PRIME);
	KINDS(s, long_multiple, FINDING_MULTIPLE);
	KINDS(s, good, FINDING_SAME_KEY, FINDING_MULTIPLE);
	assert_false(was_factored(s, good) || was_factored(s, long_multiple));
	mpz_clears(n, p, q, NULL);
	keys_free(s);
}

static void
get_modulus(const struct keys *s, uint32_t key, mpz_t n)
{
	mpz_import(n, s->k[key].key.modulus.len, 1, 1, 1, 0, s->k[key].key.modulus.data);
}

/* Whoever multiplies other people's moduli says nothing of these; primes in common still count. */
static void
test_products_of_moduli(void **state)
{
	struct keys *s = keys_new();
	uint32_t good[4], product, with_prime[2], shares[2], whole, half;
	mpz_t n, p, q;

	(void)state;
	mpz_inits(n, p, q, NULL);
	for (int i = 0; i < 4; i++)
		good[i] = add_good(s);
	get_modulus(s, good[0], p);
	get_modulus(s, good[1], q);
	product = add_product(s, p, q);
	get_modulus(s, good[2], p);
	for (int i = 0; i < 2; i++) {
		prime(q, 1024);
		with_prime[i] = add_product(s, p, q);
	}
	/* Of a modulus that shares a prime, too. */
	prime(n, 1024);
	for (int i = 0; i < 2; i++) {
		prime(p, 1024);
		shares[i] = add_product(s, n, p);
	}
	get_modulus(s, shares[0], p);
	prime(q, 512);
	whole = add_product(s, p, q);
	run(s);
	KINDS(s, product, FINDING_MULTIPLE);
	for (int i = 0; i < 3; i++) {
		KINDS(s, good[i], FINDING_MULTIPLE);
		assert_false(was_factored(s, good[i]));
	}
	NO_KINDS(s, good[3]);
	assert_true(is_partner(s, find(s, product, FINDING_MULTIPLE), good[0]));
	assert_true(is_partner(s, find(s, product, FINDING_MULTIPLE), good[1]));
	assert_false(is_partner(s, find(s, product, FINDING_MULTIPLE), good[2]));
	for (int i = 0; i < 2; i++) {
		KINDS(s, with_prime[i], FINDING_MULTIPLE);
		assert_true(is_partner(s, find(s, with_prime[i], FINDING_MULTIPLE), good[2]));
		assert_false(was_factored(s, with_prime[i]));
		assert_true(find(s, shares[i], FINDING_SHARED_PRIME) != NULL);
		assert_true(was_factored(s, shares[i]));
	}
	assert_true(find(s, whole, FINDING_SHARED_PRIME) != NULL);

	/* Who has a prime as modulus tells that of another key. */
	prime(p, 1024);
	mpz_nextprime(p, p);
	prime(q, 1024);
	whole = add_rsa(s, p, 65537);
	half = add_product(s, p, q);
	run(s);
	KINDS(s, half, FINDING_SHARED_PRIME);
	assert_true(was_factored(s, half));
	assert_true(find(s, whole, FINDING_MULTIPLE) != NULL);
	mpz_clears(n, p, q, NULL);
	keys_free(s);
}

static void
set_roca_prime(mpz_t to, unsigned bits)
{
	mpz_t m, k;

	mpz_inits(m, k, NULL);
	mpz_primorial_ui(m, 701); /* as RSALib does for 2,048 bits: the first 126 primes */
	mpz_urandomb(k, rnd, 100);
	mpz_set_ui(to, 65537);
	mpz_powm(to, to, k, m);
	mpz_urandomb(k, rnd, bits - (unsigned)mpz_sizeinbase(m, 2));
	mpz_addmul(to, k, m);
	while (mpz_probab_prime_p(to, 10) == 0)
		mpz_add(to, to, m);
	mpz_clears(m, k, NULL);
}

static void
test_single(void **state)
{
	struct keys *s = keys_new();
	uint32_t close, roca, wiener, exponent[3], lengths[5], huge;
	static const unsigned bits[] = { 512, 829, 1023, 1024, 2047 };
	mpz_t p, q, n, d, e;

	(void)state;
	mpz_inits(p, q, n, d, e, NULL);
	prime(p, 1024);
	mpz_add_ui(q, p, 100000);
	mpz_nextprime(q, q);
	close = add_product(s, p, q);
	set_roca_prime(p, 1020);
	set_roca_prime(q, 1028);
	roca = add_product(s, p, q);

	prime(p, 1024);
	prime(q, 1024);
	mpz_nextprime(p, p);
	mpz_nextprime(q, q);
	mpz_mul(n, p, q);
	mpz_sub_ui(p, p, 1);
	mpz_sub_ui(q, q, 1);
	mpz_mul(p, p, q);
	do {
		prime(d, 500);
	} while (mpz_invert(e, d, p) == 0);
	wiener = add_rsa(s, n, 65537);
	s->k[wiener].key.exponent = number(s, e);

	exponent[0] = add_good(s);
	s->k[exponent[0]].key.exponent = own(s, "\x01", 1);
	exponent[1] = add_good(s);
	s->k[exponent[1]].key.exponent = own(s, "\x01\x00\x00", 3);
	exponent[2] = add_good(s);
	s->k[exponent[2]].key.exponent = s->k[exponent[2]].key.modulus;
	huge = add_good(s);
	s->k[huge].key.exponent = own(s, "\xff\x00\x00\x00\x00\x00\x00\x00\x01", 9);

	for (int i = 0; i < 5; i++) {
		do {
			prime(p, bits[i] / 2);
			prime(q, bits[i] - bits[i] / 2);
			mpz_mul(n, p, q);
		} while (mpz_sizeinbase(n, 2) != bits[i]);
		lengths[i] = add_product(s, p, q);
	}
	run(s);
	KINDS(s, close, FINDING_CLOSE_PRIMES);
	KINDS(s, roca, FINDING_ROCA);
	KINDS(s, wiener, FINDING_SMALL_PRIVATE, FINDING_HUGE_EXPONENT);
	assert_true(was_factored(s, close) && was_factored(s, wiener));
	assert_int_equal(s->nfactored, 2);
	KINDS(s, exponent[0], FINDING_EXPONENT_ONE);
	KINDS(s, exponent[1], FINDING_BAD_EXPONENT);
	KINDS(s, exponent[2], FINDING_BAD_EXPONENT);
	KINDS(s, huge, FINDING_HUGE_EXPONENT);
	KINDS(s, lengths[0], FINDING_FACTORABLE_LENGTH);
	KINDS(s, lengths[1], FINDING_FACTORABLE_LENGTH);
	KINDS(s, lengths[2], FINDING_VERY_SHORT);
	KINDS(s, lengths[3], FINDING_SHORT);
	NO_KINDS(s, lengths[4]);
	mpz_clears(p, q, n, d, e, NULL);
	keys_free(s);
}

/* The fingerprint says power of 65537; only if the powers agree is it RSALib's. */
static void
test_roca_exactly(void **state)
{
	struct rsa_tables t;
	mpz_t n, m, k;

	(void)state;
	rsa_tables_init(&t);
	mpz_inits(n, m, k, NULL);
	set_roca_prime(n, 1024);
	assert_true(rsa_is_roca(&t, n));
	mpz_add_ui(n, n, 2);
	assert_false(rsa_is_roca(&t, n));
	/* 1 modulo 163, 65537 modulo all others: each is a power, no exponent fits both. */
	mpz_primorial_ui(m, 167);
	mpz_divexact_ui(m, m, 163);
	mpz_urandomb(k, rnd, 800);
	mpz_mul(n, m, k);
	mpz_add_ui(n, n, 65537);
	while (mpz_fdiv_ui(n, 163) != 1)
		mpz_add(n, n, m);
	assert_false(rsa_is_roca(&t, n));
	for (int i = 0; i < 39; i++)
		assert_true(t.roca[i].log[mpz_fdiv_ui(n, t.roca[i].prime)] != -1);
	mpz_clears(n, m, k, NULL);
	rsa_tables_fini(&t);
}

static void
test_weight(void **state)
{
	struct keys *s = keys_new();
	uint32_t blocks, vanity, ones;
	mpz_t n, p;

	(void)state;
	mpz_inits(n, p, NULL);
	do {
		mpz_urandomb(n, rnd, 2048);
		for (unsigned bit = 0; bit < 2048; bit++) {
			if (bit % 128 >= 64)
				mpz_clrbit(n, bit);
		}
		mpz_setbit(n, 2047);
		mpz_primorial_ui(p, 65537);
		mpz_gcd(p, p, n);
	} while (mpz_cmp_ui(p, 1) != 0);
	blocks = add_rsa(s, n, 65537);
	do { /* the upper half is somebody's text */
		mpz_urandomb(n, rnd, 1024);
		mpz_setbit(n, 2047);
		mpz_primorial_ui(p, 65537);
		mpz_gcd(p, p, n);
	} while (mpz_cmp_ui(p, 1) != 0);
	vanity = add_rsa(s, n, 65537);
	do {
		mpz_set_ui(n, 0);
		mpz_setbit(n, 2048);
		mpz_urandomb(p, rnd, 1500);
		mpz_sub(n, n, p);
		mpz_primorial_ui(p, 65537);
		mpz_gcd(p, p, n);
	} while (mpz_cmp_ui(p, 1) != 0);
	ones = add_rsa(s, n, 65537);
	run(s);
	KINDS(s, blocks, FINDING_ZERO_BLOCKS);
	KINDS(s, vanity, FINDING_ODD_WEIGHT);
	KINDS(s, ones, FINDING_ODD_WEIGHT);
	mpz_clears(n, p, NULL);
	keys_free(s);
}

/* One point of each curve: the generators of P-256, P-384, secp256k1, and brainpoolP256r1. */
static const struct {
	const char *curve, *x, *y;
} points[] = {
	{ "P-256", "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
	    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5" },
	{ "P-384",
	    "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c"
	    "3a545e3872760ab7",
	    "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d"
	    "7a431d7c90ea0e5f" },
	{ "P-192", "188da80eb03090f67cbf20eb43a18800f4ff0afd82ff1012",
	    "07192b95ffc8da78631011ed6b24cdd573f977a11e794811" },
	{ "secp256k1", "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
	    "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8" },
	{ "brainpoolP256r1", "8bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262",
	    "547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997" },
};

static void
random_bytes(uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)gmp_urandomb_ui(rnd, 8);
}

static size_t
unhex(const char *hex, uint8_t *to)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &to[i]), 1);
	return n;
}

static void
test_points(void **state)
{
	struct keys *s = keys_new();
	uint32_t good[5], compressed, off[5], unknown, infinity, x_for_p;
	uint8_t bytes[200];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 5; i++) {
		bytes[0] = 4;
		n = unhex(points[i].x, bytes + 1);
		n = 1 + n + unhex(points[i].y, bytes + 1 + n);
		good[i] = add(s, PUBLIC_EC, KEY_TLS_SPKI);
		s->k[good[i]].key.curve = points[i].curve;
		s->k[good[i]].key.point = own(s, bytes, n);
		bytes[n - 1] ^= 1;
		off[i] = add(s, PUBLIC_EC, KEY_TLS_SPKI);
		s->k[off[i]].key.curve = points[i].curve;
		s->k[off[i]].key.point = own(s, bytes, n);
	}
	compressed = add(s, PUBLIC_EC, KEY_TLS_SPKI);
	bytes[0] = 2;
	n = unhex(points[0].x, bytes + 1);
	s->k[compressed].key.curve = "P-256";
	s->k[compressed].key.point = own(s, bytes, n + 1);
	infinity = add(s, PUBLIC_EC, KEY_TLS_SPKI);
	s->k[infinity].key.curve = "P-256";
	s->k[infinity].key.point = own(s, "\0", 1);
	unknown = add(s, PUBLIC_EC, KEY_TLS_SPKI);
	s->k[unknown].key.curve = "sect571r1";
	s->k[unknown].key.point = own(s, bytes, n + 1);
	x_for_p = add(s, PUBLIC_EC, KEY_TLS_SPKI); /* a coordinate that is not reduced */
	s->k[x_for_p].key.curve = "P-256";
	bytes[0] = 4;
	memset(bytes + 1, 0xff, 64);
	s->k[x_for_p].key.point = own(s, bytes, 65);
	run(s);
	for (int i = 0; i < 5; i++) {
		if (strcmp(points[i].curve, "P-192") == 0) {
			KINDS(s, good[i], FINDING_SMALL_CURVE);
			KINDS(s, off[i], FINDING_SMALL_CURVE, FINDING_OFF_CURVE);
		} else {
			KINDS(s, off[i], FINDING_OFF_CURVE);
			if (i > 0)
				NO_KINDS(s, good[i]);
		}
	}
	/* One point in two forms. */
	KINDS(s, good[0], FINDING_SAME_KEY);
	KINDS(s, compressed, FINDING_SAME_KEY);
	KINDS(s, infinity, FINDING_OFF_CURVE);
	KINDS(s, x_for_p, FINDING_OFF_CURVE);
	NO_KINDS(s, unknown);
	assert_int_equal(skip_of(s, unknown), FINDING_SKIP_CURVE);
	assert_int_equal(s->result.checks[CHECK_EC].keys, s->n - 1);
	keys_free(s);
}

/* Euler's criterion: is this y of Edwards25519 that of a point? */
static bool
has_point(const struct curve_tables *t, const uint8_t bytes[32])
{
	mpz_t y, u, v;
	bool has;

	mpz_inits(y, u, v, NULL);
	mpz_import(y, 32, -1, 1, 1, 0, bytes);
	mpz_clrbit(y, 255);
	mpz_mul(y, y, y);
	mpz_sub_ui(u, y, 1);
	mpz_mul(v, y, t->d25519);
	mpz_add_ui(v, v, 1);
	mpz_invert(v, v, t->p25519);
	mpz_mul(u, u, v); /* x² */
	mpz_sub_ui(y, t->p25519, 1);
	mpz_fdiv_q_2exp(y, y, 1);
	mpz_powm(u, u, y, t->p25519);
	has = mpz_cmp_ui(u, 1) == 0;
	mpz_clears(y, u, v, NULL);
	return has;
}

static void
test_ed25519(void **state)
{
	static const char *const torsion[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	struct curve_tables t;
	EVP_PKEY *pair;
	uint8_t bytes[32];
	size_t on = 0, len = sizeof(bytes);

	(void)state;
	curve_tables_init(&t);
	for (size_t i = 0; i < sizeof(torsion) / sizeof(torsion[0]); i++) {
		unhex(torsion[i], bytes);
		assert_int_equal(
		    curve_check_ed25519(&t, (struct octets){ bytes, 32 }), POINT_SMALL_ORDER);
	}
	for (int i = 0; i < 200; i++) {
		pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		assert_non_null(pair);
		assert_int_equal(EVP_PKEY_get_raw_public_key(pair, bytes, &len), 1);
		EVP_PKEY_free(pair);
		assert_int_equal(curve_check_ed25519(&t, (struct octets){ bytes, 32 }), POINT_GOOD);
		random_bytes(bytes, 32);
		assert_int_equal(curve_check_ed25519(&t, (struct octets){ bytes, 32 }),
		    has_point(&t, bytes) ? POINT_GOOD : POINT_OFF_CURVE);
		on += has_point(&t, bytes);
	}
	assert_in_range(on, 50, 150); /* half of all numbers are some point's y */
	assert_int_equal(curve_check_ed25519(&t, (struct octets){ bytes, 31 }), POINT_OFF_CURVE);
	curve_tables_fini(&t);
}

/* p = 1 modulo q, of the given length. */
static void
dsa_modulus(mpz_t p, const mpz_t q, unsigned bits)
{
	mpz_t rest;

	mpz_init(rest);
	do {
		mpz_urandomb(p, rnd, bits);
		mpz_setbit(p, bits - 1);
		mpz_fdiv_r(rest, p, q);
		mpz_sub(p, p, rest);
		mpz_add_ui(p, p, 1);
	} while (mpz_even_p(p) || mpz_sizeinbase(p, 2) != bits || mpz_probab_prime_p(p, 10) == 0);
	mpz_clear(rest);
}

/* An element of order q modulo p, where q divides p − 1. */
static void
dsa_element(mpz_t g, const mpz_t p, const mpz_t q)
{
	mpz_t e;

	mpz_init(e);
	mpz_sub_ui(e, p, 1);
	mpz_divexact(e, e, q);
	mpz_urandomm(g, rnd, p);
	mpz_powm(g, g, e, p);
	mpz_clear(e);
}

/* y in the group of order q modulo p; then values that nobody's key has. */
static void
test_dsa(void **state)
{
	struct keys *s = keys_new();
	uint32_t good = 0, same = 0, y[6], no_parameters = 0, long_order = 0;
	mpz_t p, q, g, value;

	(void)state;
	mpz_inits(p, q, g, value, NULL);
	prime(q, 160);
	mpz_nextprime(q, q);
	dsa_modulus(p, q, 1024);
	dsa_element(g, p, q);
	mpz_powm_ui(value, g, 123457, p);
	for (int i = 0; i < 10; i++) {
		uint32_t key = add(s, PUBLIC_DSA, i % 2 == 0 ? KEY_SSH_HOST : KEY_TLS_SPKI);

		s->k[key].key.modulus = number(s, p);
		s->k[key].key.exponent = number(s, q);
		switch (i) {
		case 0:
			good = key;
			break;
		case 1:
			same = key;
			break;
		case 2: /* beside the group */
			mpz_add_ui(value, value, 1);
			break;
		case 3:
			mpz_set_ui(value, 0);
			break;
		case 4:
			mpz_set_ui(value, 1);
			break;
		case 5:
			mpz_sub_ui(value, p, 1);
			break;
		case 6:
			mpz_set(value, p);
			break;
		case 7:
			mpz_add_ui(value, p, 1);
			break;
		case 8:
			no_parameters = key;
			s->k[key].key.modulus = (struct octets){ NULL, 0 };
			break;
		default:
			long_order = key;
			s->k[key].key.exponent = s->k[key].key.modulus;
			break;
		}
		if (i >= 2 && i < 8)
			y[i - 2] = key;
		s->k[key].key.point = mpz_sgn(value) != 0 ? number(s, value)
							  : (struct octets){ NULL, 0 };
	}
	run(s);
	KINDS(s, good, FINDING_DSA_KEY, FINDING_SSH_AND_TLS);
	KINDS(s, same, FINDING_DSA_KEY, FINDING_SSH_AND_TLS);
	KINDS(s, y[0], FINDING_DSA_KEY, FINDING_OFF_GROUP);
	for (int i = 1; i < 4; i++)
		KINDS(s, y[i], FINDING_DSA_KEY, FINDING_SMALL_ORDER);
	for (int i = 4; i < 6; i++)
		KINDS(s, y[i], FINDING_DSA_KEY, FINDING_OFF_GROUP);
	KINDS(s, no_parameters, FINDING_DSA_KEY);
	KINDS(s, long_order, FINDING_DSA_KEY);
	assert_int_equal(skip_of(s, no_parameters), FINDING_SKIP_NO_NUMBER);
	assert_int_equal(skip_of(s, long_order), FINDING_SKIP_TOO_LONG);
	assert_int_equal(s->result.checks[CHECK_DSA].keys, 8);
	mpz_clears(p, q, g, value, NULL);
	keys_free(s);
}

static uint32_t
add_dsa(struct keys *s, const mpz_t p, const mpz_t q, const mpz_t g, const mpz_t y)
{
	uint32_t key = add(s, PUBLIC_DSA, KEY_SSH_HOST);

	s->k[key].key.modulus = number(s, p);
	s->k[key].key.exponent = number(s, q);
	s->k[key].key.generator = number(s, g);
	s->k[key].key.point = number(s, y);
	return key;
}

/* Each parameter wrong by itself. */
static void
test_dsa_groups(void **state)
{
	enum {
		GOOD,
		ONE,
		MINUS_ONE,
		BESIDE,
		BEYOND,
		ORDER,
		MODULUS,
		SHORT_P,
		SHORT_Q,
		STRANGE,
		NKEYS
	};
	struct keys *s = keys_new();
	uint32_t key[NKEYS];
	mpz_t p, q, g, y, a, b, c;

	(void)state;
	mpz_inits(p, q, g, y, a, b, c, NULL);
	prime(q, 160);
	mpz_nextprime(q, q);
	dsa_modulus(p, q, 1028); /* the sum of p and a generator is no byte longer */
	dsa_element(g, p, q);
#define ADD(which, p, q, g)                           \
	do {                                          \
		mpz_powm_ui(y, g, 1000 + (which), p); \
		key[which] = add_dsa(s, p, q, g, y);  \
	} while (0)
	ADD(GOOD, p, q, g);
	/* The value is good, the generator another one. */
	mpz_set_ui(a, 1);
	dsa_element(y, p, q);
	key[ONE] = add_dsa(s, p, q, a, y);
	mpz_sub_ui(a, p, 1);
	dsa_element(y, p, q);
	key[MINUS_ONE] = add_dsa(s, p, q, a, y);
	mpz_add_ui(a, g, 1);
	dsa_element(y, p, q);
	key[BESIDE] = add_dsa(s, p, q, a, y);
	mpz_add(a, g, p);
	dsa_element(y, p, q);
	key[BEYOND] = add_dsa(s, p, q, a, y);
	/* 2q divides p − 1, and all orders are right, but it is no prime. */
	mpz_mul_ui(a, q, 2);
	ADD(ORDER, p, a, g);
	/* A product of two primes, modulo each of which the generator has order q. */
	dsa_modulus(a, q, 512);
	do
		dsa_modulus(b, q, 513);
	while (mpz_cmp(a, b) == 0);
	dsa_element(y, a, q);
	dsa_element(c, b, q);
	mpz_sub(c, c, y);
	mpz_invert(g, a, b);
	mpz_mul(c, c, g);
	mpz_mod(c, c, b);
	mpz_mul(c, c, a);
	mpz_add(g, c, y);
	mpz_mul(a, a, b);
	if (mpz_sizeinbase(a, 2) < 1024)
		fail();
	ADD(MODULUS, a, q, g);
	dsa_modulus(p, q, 1000);
	dsa_element(g, p, q);
	ADD(SHORT_P, p, q, g);
	prime(a, 100);
	mpz_nextprime(a, a);
	dsa_modulus(p, a, 1024);
	dsa_element(g, p, a);
	ADD(SHORT_Q, p, a, g);
	/* q does not divide p − 1: then nothing but 1 has that order. */
	ADD(STRANGE, p, q, g);
#undef ADD
	run(s);
	KINDS(s, key[GOOD], FINDING_DSA_KEY);
	KINDS(s, key[ONE], FINDING_DSA_KEY, FINDING_SMALL_ORDER);
	KINDS(s, key[MINUS_ONE], FINDING_DSA_KEY, FINDING_SMALL_ORDER);
	KINDS(s, key[BESIDE], FINDING_DSA_KEY, FINDING_BAD_GROUP);
	KINDS(s, key[BEYOND], FINDING_DSA_KEY, FINDING_BAD_GROUP);
	KINDS(s, key[ORDER], FINDING_DSA_KEY, FINDING_BAD_GROUP);
	KINDS(s, key[MODULUS], FINDING_DSA_KEY, FINDING_BAD_GROUP);
	KINDS(s, key[SHORT_P], FINDING_DSA_KEY, FINDING_SMALL_GROUP);
	KINDS(s, key[SHORT_Q], FINDING_DSA_KEY, FINDING_SMALL_GROUP);
	KINDS(s, key[STRANGE], FINDING_DSA_KEY, FINDING_BAD_GROUP, FINDING_OFF_GROUP);
	mpz_clears(p, q, g, y, a, b, c, NULL);
	keys_free(s);
}

/* Without the server's word nobody knows what it signs with. */
static void
test_signatures(void **state)
{
	struct keys *s = keys_new();
	uint32_t key[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		key[i] = add_good(s);
		s->k[key[i]].kind = KEY_SSH_HOST;
		s->k[key[i]].sha1_only = FACT_UNKNOWN;
	}
	run(s);
	assert_false(s->result.checks[CHECK_SSH].made);
	assert_non_null(strstr(s->result.checks[CHECK_SSH].why, "no record tells"));
	s->k[key[0]].sha1_only = FACT_YES;
	s->k[key[1]].sha1_only = FACT_NO;
	run(s);
	assert_true(s->result.checks[CHECK_SSH].made);
	assert_int_equal(s->result.checks[CHECK_SSH].keys, 2);
	KINDS(s, key[0], FINDING_SHA1_ONLY);
	NO_KINDS(s, key[1]);
	NO_KINDS(s, key[2]);
	keys_free(s);
}

static void
test_same_key(void **state)
{
	struct keys *s = keys_new();
	uint32_t rsa = add_good(s), ssh_rsa, ec[2], ed[2], dsa, sha1, other;
	uint8_t bytes[65];

	(void)state;
	ssh_rsa = add(s, PUBLIC_RSA, KEY_SSH_HOST);
	s->k[ssh_rsa].key.modulus = s->k[rsa].key.modulus;
	s->k[ssh_rsa].key.exponent = s->k[rsa].key.exponent;
	bytes[0] = 4;
	unhex(points[0].x, bytes + 1);
	unhex(points[0].y, bytes + 33);
	for (int i = 0; i < 2; i++) {
		ec[i] = add(s, PUBLIC_EC, i == 0 ? KEY_SSH_HOST : KEY_TLS_SPKI);
		s->k[ec[i]].key.curve = "P-256";
		s->k[ec[i]].key.point = own(s, bytes, 65);
		ed[i] = add(s, PUBLIC_ED25519, i == 0 ? KEY_SSH_HOST : KEY_TLS_SPKI);
		s->k[ed[i]].key.point = own(s,
		    "\xd7\x5a\x98\x01\x82\xb1\x0a\xb7\xd5\x4b\xfe\xd3\xc9\x64\x07\x3a\x0e\xe1\x72"
		    "\xf3"
		    "\xda\xa6\x23\x25\xaf\x02\x1a\x68\xf7\x07\x51\x1a",
		    32);
	}
	dsa = add(s, PUBLIC_DSA, KEY_SSH_HOST);
	sha1 = add_good(s);
	s->k[sha1].kind = KEY_SSH_HOST;
	s->k[sha1].sha1_only = FACT_YES;
	other = add(s, PUBLIC_UNKNOWN, KEY_TLS_SPKI);
	run(s);
	KINDS(s, rsa, FINDING_SSH_AND_TLS);
	KINDS(s, ssh_rsa, FINDING_SSH_AND_TLS);
	for (int i = 0; i < 2; i++) {
		KINDS(s, ec[i], FINDING_SSH_AND_TLS);
		KINDS(s, ed[i], FINDING_SSH_AND_TLS);
	}
	assert_true(is_partner(s, find(s, rsa, FINDING_SSH_AND_TLS), ssh_rsa));
	assert_false(is_partner(s, find(s, rsa, FINDING_SSH_AND_TLS), ec[0]));
	KINDS(s, dsa, FINDING_DSA_KEY);
	KINDS(s, sha1, FINDING_SHA1_ONLY);
	NO_KINDS(s, other);
	assert_int_equal(skip_of(s, other), FINDING_SKIP_TYPE);
	keys_free(s);
}

/* A key that anyone can make of another's modulus or value says nothing of the other. */
static void
test_made_up(void **state)
{
	struct keys *s = keys_new();
	uint32_t rsa = add_good(s), again, one, even, above, none, dsa, twin, forged, other_group;
	mpz_t p, q, g, y, a;

	(void)state;
	mpz_inits(p, q, g, y, a, NULL);
	get_modulus(s, rsa, a);
	one = add_rsa(s, a, 1);
	even = add_rsa(s, a, 65538);
	above = add_rsa(s, a, 3);
	mpz_add_ui(a, a, 2);
	s->k[above].key.exponent = number(s, a);
	none = add_rsa(s, a, 3);
	s->k[none].key.modulus = s->k[rsa].key.modulus;
	s->k[none].key.exponent = (struct octets){ NULL, 0 };
	s->k[one].kind = s->k[none].kind = KEY_SSH_HOST;

	/* The victim's y has order 2 modulo the odd part of y² − 1. */
	prime(q, 160);
	mpz_nextprime(q, q);
	dsa_modulus(p, q, 1024);
	dsa_element(g, p, q);
	mpz_powm_ui(y, g, 7654321, p);
	dsa = add_dsa(s, p, q, g, y);
	mpz_mul(p, y, y);
	mpz_sub_ui(p, p, 1);
	mpz_tdiv_q_2exp(p, p, mpz_scan1(p, 0));
	mpz_set_ui(q, 2);
	forged = add_dsa(s, p, q, y, y);
	run(s);
	NO_KINDS(s, rsa);
	KINDS(s, one, FINDING_EXPONENT_ONE);
	KINDS(s, even, FINDING_BAD_EXPONENT);
	KINDS(s, above, FINDING_BAD_EXPONENT);
	NO_KINDS(s, none);
	KINDS(s, dsa, FINDING_DSA_KEY);
	assert_true(find(s, forged, FINDING_BAD_GROUP) != NULL);
	assert_true(find(s, forged, FINDING_SAME_KEY) == NULL);

	/* Beside these the true ones are still found; another generator makes another key. */
	get_modulus(s, rsa, a);
	again = add_rsa(s, a, 3);
	twin = add_dsa(s, p, q, g, y);
	s->k[twin].key = s->k[dsa].key;
	other_group = add_dsa(s, p, q, g, y);
	s->k[other_group].key = s->k[dsa].key;
	s->k[other_group].key.generator = s->k[dsa].key.point;
	run(s);
	KINDS(s, rsa, FINDING_SAME_KEY);
	KINDS(s, again, FINDING_SAME_KEY);
	KINDS(s, dsa, FINDING_DSA_KEY, FINDING_SAME_KEY);
	KINDS(s, twin, FINDING_DSA_KEY, FINDING_SAME_KEY);
	KINDS(s, other_group, FINDING_DSA_KEY);
	assert_true(is_partner(s, find(s, dsa, FINDING_SAME_KEY), twin));
	assert_false(is_partner(s, find(s, dsa, FINDING_SAME_KEY), other_group));
	mpz_clears(p, q, g, y, a, NULL);
	keys_free(s);
}

/* Everything that is no key: counted and named, never found weak. */
static void
test_bad_input(void **state)
{
	static uint8_t big[125000], zeros[40];
	struct keys *s = keys_new();
	uint32_t empty, zero, one, three, long_one, padded, no_exponent, zero_exponent,
	    long_exponent, short_point;

	(void)state;
	memset(big, 0xa5, sizeof(big));
	empty = add(s, PUBLIC_RSA, KEY_TLS_SPKI);
	zero = add(s, PUBLIC_RSA, KEY_TLS_SPKI);
	s->k[zero].key.modulus = own(s, zeros, sizeof(zeros));
	s->k[zero].key.exponent = own(s, "\x03", 1);
	one = add(s, PUBLIC_RSA, KEY_TLS_SPKI);
	s->k[one].key.modulus = own(s, "\x01", 1);
	s->k[one].key.exponent = own(s, "\x03", 1);
	three = add(s, PUBLIC_RSA, KEY_TLS_SPKI);
	s->k[three].key.modulus = own(s, "\x00\x03", 2);
	s->k[three].key.exponent = own(s, "\x01", 1);
	long_one = add(s, PUBLIC_RSA, KEY_TLS_SPKI);
	s->k[long_one].key.modulus = own(s, big, sizeof(big)); /* 10^6 bits */
	s->k[long_one].key.exponent = own(s, "\x03", 1);
	padded = add_good(s);
	{
		struct octets m = s->k[padded].key.modulus;
		uint8_t *with = xcalloc(1, m.len + 100);

		memcpy(with + 100, m.data, m.len);
		s->k[padded].key.modulus = own(s, with, m.len + 100);
		free(with);
	}
	no_exponent = add_good(s);
	s->k[no_exponent].key.exponent = (struct octets){ NULL, 0 };
	zero_exponent = add_good(s);
	s->k[zero_exponent].key.exponent = own(s, zeros, 4);
	long_exponent = add_good(s);
	s->k[long_exponent].key.exponent = own(s, big, sizeof(big));
	short_point = add(s, PUBLIC_EC, KEY_TLS_SPKI);
	s->k[short_point].key.curve = "P-256";
	s->k[short_point].key.point = own(s, big, 64);
	run(s);
	NO_KINDS(s, empty);
	NO_KINDS(s, zero);
	NO_KINDS(s, one);
	NO_KINDS(s, long_one);
	NO_KINDS(s, padded);
	NO_KINDS(s, no_exponent);
	KINDS(s, three, FINDING_FACTORABLE_LENGTH, FINDING_EXPONENT_ONE, FINDING_SMALL_FACTOR);
	KINDS(s, zero_exponent, FINDING_BAD_EXPONENT);
	KINDS(s, long_exponent, FINDING_BAD_EXPONENT);
	KINDS(s, short_point, FINDING_OFF_CURVE);
	assert_int_equal(skip_of(s, empty), FINDING_SKIP_NO_NUMBER);
	assert_int_equal(skip_of(s, zero), FINDING_SKIP_NO_NUMBER);
	assert_int_equal(skip_of(s, one), FINDING_SKIP_NO_NUMBER);
	assert_int_equal(skip_of(s, long_one), FINDING_SKIP_TOO_LONG);
	assert_int_equal(skip_of(s, no_exponent), FINDING_SKIP_NO_NUMBER);
	assert_int_equal(s->result.checks[CHECK_RSA].keys, 5);
	keys_free(s);
	s = keys_new();
	run(s); /* no key at all */
	assert_int_equal(s->result.nfindings, 0);
	keys_free(s);
}

/* ---- lists and primes ---- */

static char dir[] = "/tmp/test_weak.XXXXXX";

static char *
put(const char *name, const void *data, size_t len)
{
	char *path = path_join(dir, name);

	assert_int_equal(file_write(path, data, len), 0);
	return path;
}

static int
by_row(const void *a, const void *b)
{
	return memcmp(a, b, LIST_ROW);
}

static void
test_lists(void **state)
{
	struct keys *s = keys_new();
	uint32_t rsa = add_good(s), bystander = add_good(s), by_text[3], ec, ed;
	uint8_t rows[64][LIST_ROW], hash[32], bytes[65], point[32];
	const struct finding *f;
	const char *specs[5];
	char *paths[5], *text, base64[64];

	(void)state;
	for (int i = 0; i < 3; i++)
		by_text[i] = add_good(s);
	ec = add(s, PUBLIC_EC, KEY_TLS_SPKI);
	bytes[0] = 4;
	unhex(points[0].x, bytes + 1);
	unhex(points[0].y, bytes + 33);
	s->k[ec].key.curve = "P-256";
	s->k[ec].key.point = own(s, bytes, 65);
	/* A key that begins with a zero byte is a number in 31 bytes for badkeys. */
	ed = add(s, PUBLIC_ED25519, KEY_SSH_HOST);
	memset(point, 0, sizeof(point));
	point[1] = 7;
	s->k[ed].key.point = own(s, point, 32);

	random_bytes((uint8_t *)rows, sizeof(rows));
	SHA256(s->k[rsa].key.modulus.data, s->k[rsa].key.modulus.len, hash);
	memcpy(rows[0], hash, 15);
	rows[0][15] = 3;
	SHA256(bytes + 1, 32, hash);
	memcpy(rows[1], hash, 15);
	rows[1][15] = 200;
	SHA256(point + 1, 31, hash);
	memcpy(rows[2], hash, 15);
	rows[2][15] = 9;
	qsort(rows, 64, LIST_ROW, by_row);
	paths[0] = put("blocklist.dat", rows, sizeof(rows));
	free(put("badkeysdata.json",
	    "{\"blocklists\": [{\"id\": 3, \"name\": \"debianssl\"}, {\"id\": \"x\"}, 7]}", 64));
	EVP_EncodeBlock((uint8_t *)base64, s->k[by_text[1]].fp, 32);
	base64[43] = '\0'; /* OpenSSH leaves the padding out */
	{
		char plain[65], colons[97];

		for (int i = 0; i < 32; i++) {
			snprintf(plain + 2 * i, 3, "%02x", s->k[by_text[0]].fp[i]);
			snprintf(colons + 3 * i, 4, "%02X:", s->k[by_text[2]].fp[i]);
		}
		colons[95] = '\0';
		text = xasprintf("# name: vendor firmware\n# note: seen in 2019\n\n%s first\r\n"
				 "  SHA256:%s # second\nno fingerprint\n%s\nabcdef\nSHA256:short",
		    plain, base64, colons);
	}
	paths[1] = put("text", text, strlen(text));
	rows[10][0] = 0xff;
	paths[2] = put("unsorted", rows, sizeof(rows));
	paths[3] = put("torn", rows, sizeof(rows) - 3);
	for (int i = 0; i < 4; i++)
		specs[i] = paths[i];
	specs[1] = xasprintf("named=%s", paths[1]);
	specs[4] = "/nowhere/at/all";
	s->o.lists = specs;
	s->o.nlists = 5;
	run(s);
	KINDS(s, rsa, FINDING_LISTED);
	KINDS(s, ec, FINDING_LISTED);
	NO_KINDS(s, bystander);
	assert_true(find(s, ed, FINDING_LISTED) != NULL);
	for (int i = 0; i < 3; i++)
		KINDS(s, by_text[i], FINDING_LISTED);
	f = find(s, rsa, FINDING_LISTED);
	assert_int_equal(f->list, 0);
	assert_int_equal(f->part, 3);
	assert_string_equal(s->result.lists[0].parts[3], "debianssl");
	assert_null(s->result.lists[0].parts[200]);
	assert_int_equal(s->result.lists[0].rows, 64);
	assert_string_equal(s->result.lists[1].name, "named");
	assert_string_equal(s->result.lists[1].note, "seen in 2019");
	assert_int_equal(s->result.lists[1].rows, 3);
	assert_int_equal(s->result.lists[1].bad, 3);
	assert_null(s->result.lists[1].error);
	assert_non_null(strstr(s->result.lists[2].error, "not sorted"));
	assert_non_null(strstr(s->result.lists[3].error, "whole rows"));
	assert_non_null(strstr(s->result.lists[4].error, "No such file"));
	assert_true(s->result.checks[CHECK_LISTS].made);
	assert_non_null(s->result.checks[CHECK_LISTS].why);
	s->o.nlists = 0;
	run(s);
	assert_false(s->result.checks[CHECK_LISTS].made);
	NO_KINDS(s, rsa);
	for (int i = 0; i < 4; i++) {
		unlink(paths[i]);
		free(paths[i]);
	}
	free((char *)specs[1]);
	free(text);
	keys_free(s);
}

static void
test_primes(void **state)
{
	struct keys *s = keys_new();
	uint32_t first, second, third, good = add_good(s);
	mpz_t p, q, product;
	uint8_t bytes[600] = { 1, 1 };
	char *paths[4], *text, *hex, *fault;
	const char *in[5];
	size_t len;

	(void)state;
	mpz_inits(p, q, product, NULL);
	prime(p, 1024);
	prime(q, 1024);
	first = add_product(s, p, q);
	mpz_set(product, p);
	prime(p, 1024);
	second = add_product(s, p, q); /* shares q with the first, too */
	prime(q, 2048);
	mpz_mul(product, product, q);
	mpz_export(bytes + 2, &len, -1, 1, 1, 0, product);
	paths[0] = put("primes1024.dat", bytes, len + 2);
	prime(p, 1024);
	prime(q, 1024);
	third = add_product(s, p, q);
	hex = mpz_get_str(NULL, 16, p);
	text = xasprintf("survey-primes 1 2\n# from nowhere\n%s\n\nFFFFFFFFFFFFFFFB\n", hex);
	paths[1] = put("own.primes", text, strlen(text));
	paths[2] = put("torn.primes", text, strlen(text) - 18);
	paths[3] = put("other.primes", "survey-primes 1 1\nnone\n", 23);
	in[0] = "/nowhere/at/all";
	in[1] = dir;
	s->o.primes = in;
	s->o.nprimes = 2;
	run(s);
	KINDS(s, first, FINDING_KNOWN_PRIME, FINDING_SHARED_PRIME);
	KINDS(s, second, FINDING_SHARED_PRIME);
	KINDS(s, third, FINDING_KNOWN_PRIME);
	NO_KINDS(s, good);
	assert_true(was_factored(s, third));
	assert_true(s->result.checks[CHECK_KNOWN_PRIMES].made);
	assert_non_null(strstr(s->result.checks[CHECK_KNOWN_PRIMES].why, "other.primes"));
	s->o.nprimes = 1;
	run(s);
	KINDS(s, first, FINDING_SHARED_PRIME);
	NO_KINDS(s, third);
	assert_false(s->result.checks[CHECK_KNOWN_PRIMES].made);
	assert_int_equal(s->result.checks[CHECK_KNOWN_PRIMES].keys, 0);

	mpz_set_ui(product, 1);
	in[0] = paths[2];
	assert_int_equal(known_primes_read(in, 1, product, &fault), 0);
	assert_non_null(strstr(fault, "torn"));
	assert_int_equal(mpz_cmp_ui(product, 1), 0);
	free(fault);
	for (int i = 0; i < 4; i++) {
		unlink(paths[i]);
		free(paths[i]);
	}
	free(text);
	free(hex);
	mpz_clears(p, q, product, NULL);
	keys_free(s);
}

/* ---- the self-check ---- */

static void
test_self_check(void **state)
{
	struct finding findings[64];
	struct finding_group group;
	uint32_t refs[1] = { 0 };
	struct findings result = { .findings = findings, .groups = &group, .refs = refs };
	struct octets zero_blocks = { NULL, 0 };
	struct plants p;
	mpz_t n;
	char *error;
	size_t first_pair = 0;

	(void)state;
	plants_init(&p);
	assert_int_equal(p.n, NPLANTS);
	for (uint32_t i = 0; i < p.n; i++) {
		if (strcmp(p.plants[i].what, "a modulus of zero blocks") == 0)
			zero_blocks = p.plants[i].key.key.modulus;
	}
	/* It shares no factor with any modulus of a survey, however damaged that is. */
	mpz_init(n);
	mpz_import(n, zero_blocks.len, 1, 1, 1, 0, zero_blocks.data);
	assert_true(mpz_probab_prime_p(n, 20) > 0);
	mpz_clear(n);
	error = plants_check(&p, 7, &result); /* nothing was found */
	assert_non_null(strstr(error, "self-check failed"));
	free(error);
	/* All as it must be: then each finding left out is missed, and one more is too many. */
	{
		struct finding finding = { .refs_at = 0, .nrefs = 1 };
		uint32_t members[2 * NPLANTS];

		for (uint32_t i = 0; i < p.n; i++) {
			for (unsigned kind = 0; kind < FINDING_NKINDS; kind++) {
				if ((p.plants[i].expected >> kind & 1) == 0)
					continue;
				finding.key = 7 + i;
				finding.kind = (uint8_t)kind;
				findings[result.nfindings++] = finding;
			}
			members[i] = 7 + i;
		}
		group = (struct finding_group){ 0, p.n };
		result.members = members;
		assert_null(plants_check(&p, 7, &result));
		for (size_t i = 0; i < result.nfindings; i++) {
			struct finding left = findings[i];

			findings[i].key = 0;
			error = plants_check(&p, 7, &result);
			assert_non_null(error);
			free(error);
			findings[i] = left;
		}
		findings[result.nfindings++] = (struct finding){ .key = 7 + 15,
			.kind = FINDING_ROCA };
		error = plants_check(&p, 7, &result);
		assert_non_null(strstr(error, "more was found"));
		free(error);
		result.nfindings--;
		group.n = first_pair; /* findings, but without the partner */
		error = plants_check(&p, 7, &result);
		assert_non_null(error);
		free(error);
	}
	plants_fini(&p);
}

/* The same keys give the same result, whichever thread finds what first. */
static void
test_threads(void **state)
{
	struct keys *s = keys_new();
	uint32_t *members = NULL;
	size_t n = 0;
	mpz_t p, q;

	(void)state;
	mpz_inits(p, q, NULL);
	for (int i = 0; i < 40; i++) {
		if (i % 4 == 0)
			prime(p, 1024);
		prime(q, 1024);
		add_product(s, p, q);
	}
	for (unsigned threads = 1; threads < 8; threads++) {
		s->o.threads = threads;
		run(s);
		assert_int_equal(s->result.ngroups, 10);
		if (members == NULL) {
			n = s->result.nmembers;
			members = xcalloc(n, sizeof(*members));
			memcpy(members, s->result.members, n * sizeof(*members));
		}
		assert_int_equal(s->result.nmembers, n);
		assert_memory_equal(s->result.members, members, n * sizeof(*members));
	}
	free(members);
	mpz_clears(p, q, NULL);
	keys_free(s);
}

static void
test_stop_and_disk(void **state)
{
	volatile sig_atomic_t stop = 1;
	struct keys *s = keys_new();
	char *error;

	(void)state;
	for (int i = 0; i < 100; i++)
		add_good(s);
	s->o.stop = &stop;
	assert_int_equal(weak_run(s->k, s->n, &s->o, &s->result, &s->costs, &error), WEAK_STOPPED);
	assert_int_equal(s->result.nfindings, 0);
	stop = 0;
	s->o.memory = 1;
	s->o.dir = "/nowhere/at/all";
	assert_int_equal(weak_run(s->k, s->n, &s->o, &s->result, &s->costs, &error), WEAK_FAILED);
	assert_non_null(strstr(error, "/nowhere/at/all: No such file"));
	free(error);
	s->o.dir = dir;
	run(s);
	assert_true(s->costs.file_bytes > 0);
	keys_free(s);
}

/* What GMP frees is overwritten. */
static void
test_secrets(void **state)
{
	void *(*allocate)(size_t), *(*reallocate)(void *, size_t, size_t);
	void (*release)(void *, size_t);
	uint8_t *p, *moved;

	(void)state;
	secret_init();
	mp_get_memory_functions(&allocate, &reallocate, &release);
	p = allocate(4096);
	memset(p, 0x77, 4096);
	moved = reallocate(p, 4096, 8192);
	assert_int_equal(moved[4095], 0x77);
	assert_ptr_not_equal(moved, p); /* a copy, for the old one is wiped before it is freed */
	release(moved, 8192);
}

static int
setup(void **state)
{
	(void)state;
	gmp_randinit_default(rnd);
	gmp_randseed_ui(rnd, 20260702);
	mpz_init(primorial);
	mpz_primorial_ui(primorial, RSA_SMALL_PRIME);
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	gmp_randclear(rnd);
	mpz_clear(primorial);
	return file_remove_tree(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_multiples),
		cmocka_unit_test(test_products_of_moduli),
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_roca_exactly),
		cmocka_unit_test(test_weight),
		cmocka_unit_test(test_points),
		cmocka_unit_test(test_ed25519),
		cmocka_unit_test(test_dsa),
		cmocka_unit_test(test_dsa_groups),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_same_key),
		cmocka_unit_test(test_made_up),
		cmocka_unit_test(test_bad_input),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_primes),
		cmocka_unit_test(test_self_check),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_stop_and_disk),
		cmocka_unit_test(test_secrets),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
