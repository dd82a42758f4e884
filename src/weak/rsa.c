/* Pure. */
#include <string.h>

#include "survey/weak.h"

#include "rsa.h"

#define FERMAT_ROUNDS 100
#define WIENER_MIN_BITS 32 /* a private exponent is small only beside a large public one */
#define ROCA_MIN_BITS 256 /* shorter moduli are in the group by chance */

#define BIT(kind) (UINT32_C(1) << (kind))

_Static_assert(FINDING_NKINDS <= 32, "kinds are bits");

/* ---- tables ---- */

static void
init_roca(struct roca_prime *r, unsigned prime)
{
	unsigned power = 1;

	r->prime = (uint16_t)prime;
	memset(r->log, 0xff, sizeof(r->log));
	for (r->order = 0; r->log[power] == -1; r->order++) {
		r->log[power] = (int16_t)r->order;
		power = power * 65537 % prime;
	}
}

void
rsa_tables_init(struct rsa_tables *t)
{
	mpz_t prime;

	mpz_init(prime);
	mpz_init(t->primorial);
	mpz_primorial_ui(t->primorial, RSA_SMALL_PRIME);
	for (unsigned i = 0; i < ROCA_PRIMES; i++) {
		mpz_nextprime(prime, prime);
		init_roca(&t->roca[i], (unsigned)mpz_get_ui(prime));
	}
	mpz_clear(prime);
}

void
rsa_tables_fini(struct rsa_tables *t)
{
	mpz_clear(t->primorial);
}

/* ---- factors ---- */

bool
rsa_strip_small(const struct rsa_tables *t, mpz_t n)
{
	bool any = false;
	mpz_t g;

	mpz_init(g);
	for (;;) {
		mpz_gcd(g, n, t->primorial);
		if (mpz_cmp_ui(g, 1) == 0 || mpz_sgn(n) == 0)
			break;
		mpz_divexact(n, n, g);
		any = true;
	}
	mpz_clear(g);
	return any;
}

/*
 * Fermat: n = a² − b² = (a + b)(a − b), with a just above the root when the
 * factors are close.  A square is found in round 0.
 */
static uint32_t
check_close_primes(const mpz_t n, mpz_t p)
{
	uint32_t found = 0;
	mpz_t a, b2, step;

	mpz_inits(a, b2, step, NULL);
	mpz_sqrtrem(a, b2, n);
	if (mpz_sgn(b2) == 0) {
		mpz_set(p, a);
		found = BIT(FINDING_SQUARE);
	}
	for (int round = 0; found == 0 && mpz_odd_p(n) && round < FERMAT_ROUNDS; round++) {
		if (round == 0) {
			mpz_add_ui(a, a, 1);
			mpz_mul(b2, a, a);
			mpz_sub(b2, b2, n);
		} else { /* (a + 1)² = a² + 2a + 1 */
			mpz_mul_2exp(step, a, 1);
			mpz_add_ui(step, step, 1);
			mpz_add(b2, b2, step);
			mpz_add_ui(a, a, 1);
		}
		if (mpz_perfect_square_p(b2) != 0) {
			mpz_sqrt(b2, b2);
			mpz_sub(p, a, b2);
			if (mpz_cmp_ui(p, 1) > 0)
				found = BIT(FINDING_CLOSE_PRIMES);
			break;
		}
	}
	mpz_clears(a, b2, step, NULL);
	return found;
}

static uint64_t
common_divisor(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/*
 * RSALib's primes are k·M + (65537^a mod M), M a product of the smallest
 * primes: so a modulus is a power of 65537 modulo each of them (Nemec, Sys,
 * Svenda, Klinec, Matyas, "The Return of Coppersmith's Attack", 2017).  It must
 * be the same power modulo all: the logarithms, each modulo its order, have to
 * agree.  By chance that happens to one number of 2^155.
 */
bool
rsa_is_roca(const struct rsa_tables *t, const mpz_t n)
{
	uint64_t power = 0, order = 1;

	if (mpz_sizeinbase(n, 2) < ROCA_MIN_BITS)
		return false;
	for (unsigned i = ROCA_PRIMES; i-- > 0;) {
		const struct roca_prime *r = &t->roca[i];
		int log = r->log[mpz_fdiv_ui(n, r->prime)];
		uint64_t steps = r->order / common_divisor(order, r->order);

		if (log == -1)
			return false;
		/* The power that is `power` modulo `order` and `log` modulo r->order. */
		for (uint64_t step = 0; power % r->order != (uint64_t)log; step++) {
			if (step == steps)
				return false;
			power += order;
		}
		order *= steps;
	}
	return true;
}

/* With k/d close to e/n: φ = ed/k, and p + q = n + 1 − φ gives both. */
static bool
try_fraction(const mpz_t n, const mpz_t e, const mpz_t k, const mpz_t d, mpz_t tmp, mpz_t p)
{
	if (mpz_sgn(k) == 0)
		return false;
	mpz_mul(tmp, e, d);
	mpz_fdiv_q(tmp, tmp, k);
	mpz_sub(tmp, n, tmp);
	mpz_add_ui(tmp, tmp, 1);
	if (mpz_odd_p(tmp))
		return false;
	mpz_fdiv_q_2exp(tmp, tmp, 1); /* (p + q) / 2 */
	mpz_mul(p, tmp, tmp);
	mpz_sub(p, p, n);
	if (mpz_sgn(p) < 0 || mpz_perfect_square_p(p) == 0)
		return false;
	mpz_sqrt(p, p); /* (p − q) / 2 */
	mpz_add(p, tmp, p);
	return mpz_cmp_ui(p, 1) > 0 && mpz_cmp(p, n) < 0 && mpz_divisible_p(n, p) != 0;
}

/*
 * Wiener: a private exponent below a third of n's fourth root is the
 * denominator of a convergent of e/n, or of a fraction between two
 * ("Cryptanalysis of short RSA secret exponents", 1990).
 */
static bool
check_small_private(const mpz_t n, const mpz_t e, mpz_t p)
{
	mpz_t x, y, q, k0, k1, d0, d1, k, d, tmp;
	bool found = false;

	if (mpz_sizeinbase(e, 2) <= WIENER_MIN_BITS || mpz_cmp(e, n) >= 0)
		return false;
	mpz_inits(x, y, q, k0, k1, d0, d1, k, d, tmp, NULL);
	mpz_set(x, e);
	mpz_set(y, n);
	mpz_set_ui(k1, 1);
	mpz_set_ui(d0, 1);
	for (bool even = true; !found && mpz_sgn(y) != 0; even = !even) {
		mpz_fdiv_qr(q, tmp, x, y);
		mpz_swap(x, y);
		mpz_swap(y, tmp);
		mpz_mul(k, q, k1);
		mpz_add(k, k, k0);
		mpz_mul(d, q, d1);
		mpz_add(d, d, d0);
		mpz_swap(k0, k1);
		mpz_swap(k1, k);
		mpz_swap(d0, d1);
		mpz_swap(d1, d);
		if (mpz_sizeinbase(d1, 2) > mpz_sizeinbase(n, 2) / 2)
			break;
		mpz_set(k, k1);
		mpz_set(d, d1);
		if (even) {
			mpz_add(k, k, k0);
			mpz_add(d, d, d0);
		}
		found = try_fraction(n, e, k, d, tmp, p);
	}
	mpz_clears(x, y, q, k0, k1, d0, d1, k, d, tmp, NULL);
	return found;
}

/* ---- the shape of the modulus ---- */

static unsigned
percent_of_ones(const mpz_t n)
{
	return (unsigned)(mpz_popcount(n) * 100 / mpz_sizeinbase(n, 2));
}

/*
 * Primes put together from random words with fixed zeros between them leave
 * zeros in their product, in both halves.  Few ones in the upper half alone are
 * somebody's choice, and harmless by themselves.
 */
static uint32_t
check_weight(const struct rsa_tables *t, const mpz_t n)
{
	size_t bits = mpz_sizeinbase(n, 2);
	unsigned ones = percent_of_ones(n), slack = bits > 2000 ? 10 : bits > 1000 ? 12 : 17;
	bool few = ones < 40 && bits >= 500;
	uint32_t found = 0;
	mpz_t part;

	if (!few && ones > 50 - slack && ones <= 50 + slack)
		return 0;
	mpz_init(part);
	if (few) {
		mpz_fdiv_r_2exp(part, n, bits / 2);
		if (mpz_sgn(part) == 0 || percent_of_ones(part) < 40)
			found = BIT(FINDING_ZERO_BLOCKS);
	}
	if (found == 0 && (ones <= 50 - slack || ones > 50 + slack))
		found = BIT(FINDING_ODD_WEIGHT);
	mpz_set(part, n);
	if (rsa_strip_small(t, part)) /* it is damaged, and there is a finding for that */
		found = 0;
	mpz_clear(part);
	return found;
}

static uint32_t
check_length(const mpz_t n)
{
	static const struct {
		size_t below;
		enum finding_kind kind;
	} lengths[] = { { 830, FINDING_FACTORABLE_LENGTH }, { 1024, FINDING_VERY_SHORT },
		{ 2040, FINDING_SHORT } };
	size_t bits = mpz_sizeinbase(n, 2);

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		if (bits < lengths[i].below)
			return BIT(lengths[i].kind);
	}
	return 0;
}

static uint32_t
check_exponent(const mpz_t n, const mpz_t e)
{
	if (mpz_cmp_ui(e, 1) == 0)
		return BIT(FINDING_EXPONENT_ONE);
	if (mpz_even_p(e) || mpz_cmp(e, n) >= 0)
		return BIT(FINDING_BAD_EXPONENT);
	return mpz_sizeinbase(e, 2) > 64 ? BIT(FINDING_HUGE_EXPONENT) : 0;
}

uint32_t
rsa_check(const struct rsa_tables *t, const mpz_t n, const mpz_t e, mpz_t p)
{
	uint32_t found = check_length(n) | check_exponent(n, e) | check_weight(t, n);

	found |= check_close_primes(n, p);
	if (rsa_is_roca(t, n))
		found |= BIT(FINDING_ROCA);
	if ((found & (BIT(FINDING_SQUARE) | BIT(FINDING_CLOSE_PRIMES))) == 0 &&
	    check_small_private(n, e, p))
		found |= BIT(FINDING_SMALL_PRIVATE);
	return found;
}
