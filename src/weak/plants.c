#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "survey/buf.h"
#include "survey/finding.h"
#include "survey/mem.h"

#include "plants.h"

#define PRIME_BITS 512
#define ROOM ((size_t)16 << 10) /* bytes for all numbers */

#define BIT(kind) (UINT32_C(1) << (kind))

static void
random_bytes(void *to, size_t len)
{
	/* Up to 256 bytes come whole (getrandom(2)). */
	if (len > 256 || getrandom(to, len, 0) != (ssize_t)len)
		abort();
}

static void
random_bits(mpz_t to, unsigned bits)
{
	uint8_t bytes[2 * PRIME_BITS / 8];

	random_bytes(bytes, sizeof(bytes));
	mpz_import(to, sizeof(bytes), 1, 1, 1, 0, bytes);
	mpz_fdiv_r_2exp(to, to, bits);
	mpz_setbit(to, bits - 1);
}

/* Two of these multiply to the full length. */
static void
random_prime(mpz_t to)
{
	random_bits(to, PRIME_BITS);
	mpz_setbit(to, PRIME_BITS - 2);
	mpz_nextprime(to, to);
}

static struct octets
keep(struct plants *p, const mpz_t value)
{
	uint8_t *at = p->bytes + p->used;
	size_t len = (mpz_sizeinbase(value, 2) + 7) / 8;

	if (p->used + len > p->cap)
		abort();
	mpz_export(at, NULL, 1, 1, 1, 0, value);
	p->used += len;
	return (struct octets){ at, len };
}

static struct plant *
add(struct plants *p, const char *what, uint32_t expected, enum public_type type,
    enum key_kind kind)
{
	struct plant *plant = &p->plants[p->n++];

	*plant = (struct plant){ .what = what, .expected = expected, .partner = -1 };
	plant->key.key.type = type;
	plant->key.kind = (uint8_t)kind;
	random_bytes(plant->key.fp, sizeof(plant->key.fp));
	return plant;
}

static struct plant *
add_rsa(struct plants *p, const char *what, uint32_t expected, const mpz_t n, const mpz_t e)
{
	struct plant *plant = add(p, what, expected | BIT(FINDING_SHORT), PUBLIC_RSA, KEY_TLS_SPKI);

	plant->key.key.modulus = keep(p, n);
	plant->key.key.exponent = keep(p, e);
	return plant;
}

static void
pair(struct plants *p)
{
	p->plants[p->n - 2].partner = (int)p->n - 1;
	p->plants[p->n - 1].partner = (int)p->n - 2;
}

static void
add_shared(struct plants *p, mpz_t n, const mpz_t e)
{
	mpz_t shared, other;

	mpz_inits(shared, other, NULL);
	random_prime(shared);
	for (int i = 0; i < 2; i++) {
		random_prime(other);
		mpz_mul(n, shared, other);
		add_rsa(p, "two keys that share a prime", BIT(FINDING_SHARED_PRIME), n, e);
	}
	pair(p);
	mpz_clears(shared, other, NULL);
}

static void
add_special_primes(struct plants *p, mpz_t n, const mpz_t e)
{
	mpz_t a, b;

	mpz_inits(a, b, NULL);
	random_prime(p->known);
	random_prime(a);
	mpz_mul(n, p->known, a);
	add_rsa(p, "a key with a known prime", BIT(FINDING_KNOWN_PRIME), n, e);
	random_prime(a);
	mpz_mul(n, a, a);
	add_rsa(p, "the square of a prime", BIT(FINDING_SQUARE), n, e);
	random_prime(a);
	mpz_nextprime(b, a);
	mpz_mul(n, a, b);
	add_rsa(p, "a key of close primes", BIT(FINDING_CLOSE_PRIMES), n, e);
	random_prime(a);
	random_prime(b);
	mpz_mul_ui(b, b, 30011);
	mpz_mul(n, a, b);
	add_rsa(p, "a modulus with a small factor", BIT(FINDING_SMALL_FACTOR), n, e);
	mpz_clears(a, b, NULL);
}

/* k·M + (65537^a mod M), as RSALib makes them. */
static void
roca_prime(mpz_t to)
{
	mpz_t m, power, exponent, k;

	mpz_inits(m, power, exponent, k, NULL);
	mpz_primorial_ui(m, 167);
	random_bits(exponent, 64);
	mpz_set_ui(power, 65537);
	mpz_powm(power, power, exponent, m);
	/* Not shorter than the other primes: the top bits of both factors are set. */
	random_bits(k, PRIME_BITS - (unsigned)mpz_sizeinbase(m, 2) + 2);
	mpz_addmul(power, k, m);
	while (mpz_probab_prime_p(power, 20) == 0)
		mpz_add(power, power, m);
	mpz_set(to, power);
	mpz_clears(m, power, exponent, k, NULL);
}

static void
add_roca(struct plants *p, mpz_t n, const mpz_t e)
{
	mpz_t a;

	mpz_init(a);
	roca_prime(a);
	roca_prime(n);
	mpz_mul(n, n, a);
	add_rsa(p, "a key of RSALib", BIT(FINDING_ROCA), n, e);
	mpz_clear(a);
}

static void
add_small_private(struct plants *p, mpz_t n)
{
	mpz_t a, b, d, e;

	mpz_inits(a, b, d, e, NULL);
	do {
		random_prime(a);
		random_prime(b);
		mpz_mul(n, a, b);
		mpz_sub_ui(a, a, 1);
		mpz_sub_ui(b, b, 1);
		mpz_mul(a, a, b);
		random_bits(d, PRIME_BITS / 2 - 8);
	} while (mpz_invert(e, d, a) == 0 || mpz_sizeinbase(e, 2) <= 64);
	add_rsa(p, "a small private exponent",
	    BIT(FINDING_SMALL_PRIVATE) | BIT(FINDING_HUGE_EXPONENT), n, e);
	mpz_clears(a, b, d, e, NULL);
}

/*
 * Twelve random bits of each 32, twenty zeros.  A prime: a number by chance alone has factors
 * that a damaged modulus of the survey may have, too, which would be found, and rightly.
 */
static void
add_zero_blocks(struct plants *p, mpz_t n, const mpz_t e)
{
	do {
		random_bits(n, 2 * PRIME_BITS);
		for (mp_bitcnt_t bit = 0; bit < 2 * PRIME_BITS; bit++) {
			if (bit % 32 >= 12)
				mpz_clrbit(n, bit);
		}
		mpz_setbit(n, 2 * PRIME_BITS - 1);
		mpz_setbit(n, 0);
	} while (mpz_probab_prime_p(n, 20) == 0);
	add_rsa(p, "a modulus of zero blocks", BIT(FINDING_ZERO_BLOCKS), n, e);
}

static void
random_modulus(mpz_t n)
{
	mpz_t a;

	mpz_init(a);
	random_prime(a);
	random_prime(n);
	mpz_mul(n, n, a);
	mpz_clear(a);
}

static void
add_exponents(struct plants *p, mpz_t n, mpz_t e)
{
	random_modulus(n);
	mpz_set_ui(e, 1);
	add_rsa(p, "the exponent 1", BIT(FINDING_EXPONENT_ONE), n, e);
	random_modulus(n);
	mpz_set_ui(e, 65536);
	add_rsa(p, "an even exponent", BIT(FINDING_BAD_EXPONENT), n, e);
	mpz_set_ui(e, 65537);
}

static void
add_listed(struct plants *p, mpz_t n, const mpz_t e)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	struct plant *plant;

	random_modulus(n);
	plant = add_rsa(p, "a key whose number is on a list", BIT(FINDING_LISTED), n, e);
	SHA256(plant->key.key.modulus.data, plant->key.key.modulus.len, hash);
	memcpy(p->row, hash, LIST_ROW - 1);
	p->row[LIST_ROW - 1] = 1;
	p->rows.rows = p->row;
	p->rows.n = 1;
	random_modulus(n);
	plant = add_rsa(p, "a key whose fingerprint is on a list", BIT(FINDING_LISTED), n, e);
	p->text.fps = xcalloc(1, KEY_LEN);
	memcpy(p->text.fps[0], plant->key.fp, KEY_LEN);
	p->text.n = 1;
}

/* One modulus as a host key and in a certificate; and one that nothing is wrong with but its length. */
static void
add_same(struct plants *p, mpz_t n, const mpz_t e)
{
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			random_modulus(n);
		add_rsa(p, "one key for SSH and TLS", BIT(FINDING_SSH_AND_TLS), n, e);
	}
	p->plants[p->n - 1].key.kind = KEY_SSH_HOST;
	pair(p);
	random_modulus(n);
	add_rsa(p, "a sound key", 0, n, e);
}

/* A server that signs with SHA-1 only, and a DSA key that anyone can sign for. */
static void
add_outdated(struct plants *p, mpz_t n, const mpz_t e)
{
	struct plant *plant;

	random_modulus(n);
	plant = add_rsa(p, "a host key of a server with SHA-1 only", BIT(FINDING_SHA1_ONLY), n, e);
	plant->key.kind = KEY_SSH_HOST;
	plant->key.sha1_only = FACT_YES;
	plant = add(p, "a DSA value of order 1",
	    BIT(FINDING_DSA_KEY) | BIT(FINDING_SMALL_ORDER) | BIT(FINDING_SMALL_GROUP) |
		BIT(FINDING_BAD_GROUP),
	    PUBLIC_DSA, KEY_SSH_HOST);
	random_prime(n);
	plant->key.key.modulus = keep(p, n);
	random_bits(n, 160);
	plant->key.key.exponent = keep(p, n);
	mpz_set_ui(n, 1);
	plant->key.key.point = keep(p, n);
}

static void
add_points(struct plants *p)
{
	/* y = 2707…: one of the four points of order 8. */
	static const uint8_t order8[32] = { 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45,
		0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33,
		0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 };
	uint8_t *at = p->bytes + p->used;
	struct plant *plant;

	if (p->used + 65 > p->cap)
		abort();
	/* A random pair is on the curve once in 2^256. */
	random_bytes(at, 65);
	at[0] = 4;
	p->used += 65;
	plant = add(p, "a point off its curve", BIT(FINDING_OFF_CURVE), PUBLIC_EC, KEY_TLS_SPKI);
	plant->key.key.curve = "P-256";
	plant->key.key.point = (struct octets){ at, 65 };
	plant = add(
	    p, "a point of order 8", BIT(FINDING_SMALL_ORDER), PUBLIC_ED25519, KEY_TLS_SPKI);
	plant->key.key.point = (struct octets){ order8, sizeof(order8) };
}

void
plants_init(struct plants *p)
{
	mpz_t n, e;

	*p = (struct plants){ .cap = ROOM };
	p->bytes = xmalloc(p->cap);
	mpz_init(p->known);
	mpz_init(n);
	mpz_init_set_ui(e, 65537);
	add_shared(p, n, e);
	add_special_primes(p, n, e);
	add_roca(p, n, e);
	add_small_private(p, n);
	add_zero_blocks(p, n, e);
	add_exponents(p, n, e);
	add_listed(p, n, e);
	add_same(p, n, e);
	add_outdated(p, n, e);
	add_points(p);
	mpz_clears(n, e, NULL);
}

void
plants_fini(struct plants *p)
{
	explicit_bzero(p->bytes, p->cap);
	free(p->bytes);
	free(p->text.fps);
	mpz_clear(p->known);
}

/* Is the key's partner in one of the finding's groups? */
static bool
has_partner(const struct findings *result, const struct finding *f, uint32_t partner)
{
	for (size_t i = 0; i < f->nrefs; i++) {
		const struct finding_group *g = &result->groups[result->refs[f->refs_at + i]];

		for (size_t j = 0; j < g->n; j++) {
			if (result->members[g->at + j] == partner)
				return true;
		}
	}
	return false;
}

static char *
complaint(const struct plant *plant, bool found, uint32_t kinds)
{
	struct buf b;

	buf_init(&b);
	buf_printf(&b, "the self-check failed: of %s, planted among the keys, %s", plant->what,
	    found ? "more was found than is there" : "not all was found");
	for (unsigned kind = 0; kind < FINDING_NKINDS; kind++) {
		if (((found ? kinds & ~plant->expected : plant->expected & ~kinds) & BIT(kind)) !=
		    0)
			buf_printf(&b, " (%s)", finding_kinds[kind].name);
	}
	buf_adds(&b, "; no result of this run can be trusted");
	return buf_steal(&b);
}

char *
plants_check(const struct plants *p, uint32_t first, const struct findings *result)
{
	uint32_t kinds[NPLANTS] = { 0 };
	bool together[NPLANTS] = { false };

	for (size_t i = 0; i < result->nfindings; i++) {
		const struct finding *f = &result->findings[i];
		uint32_t at = f->key - first;

		if (f->key < first)
			continue;
		kinds[at] |= BIT(f->kind);
		if (p->plants[at].partner != -1 &&
		    has_partner(result, f, first + (uint32_t)p->plants[at].partner))
			together[at] = true;
	}
	for (uint32_t i = 0; i < p->n; i++) {
		const struct plant *plant = &p->plants[i];
		bool found = (kinds[i] & plant->expected) == plant->expected &&
			     (plant->partner == -1 || together[i]);

		if (!found || kinds[i] != plant->expected)
			return complaint(plant, found, kinds[i]);
	}
	return NULL;
}
