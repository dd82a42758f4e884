/* Pure. */
#include <stdbool.h>

#include "survey/finding.h"

#include "dsa.h"

#define MIN_BITS 1024
#define MIN_ORDER_BITS 160

#define BIT(kind) (UINT32_C(1) << (kind))

/*
 * Fermat's test with 2.  Of random numbers none that is no prime passes; who makes one that does
 * has spoilt a key of his own.
 */
static bool
is_prime(const mpz_t n)
{
	mpz_t e, power;
	bool prime;

	if (mpz_even_p(n) || mpz_cmp_ui(n, 3) <= 0)
		return mpz_cmp_ui(n, 2) == 0 || mpz_cmp_ui(n, 3) == 0;
	mpz_init(e);
	mpz_init_set_ui(power, 2);
	mpz_sub_ui(e, n, 1);
	mpz_powm(power, power, e, n);
	prime = mpz_cmp_ui(power, 1) == 0;
	mpz_clears(e, power, NULL);
	return prime;
}

/* 0, 1 or −1 */
static bool
has_small_order(const mpz_t v, const mpz_t minus_one)
{
	return mpz_cmp_ui(v, 1) <= 0 || mpz_cmp(v, minus_one) == 0;
}

static bool
is_in_group(const mpz_t v, const mpz_t p, const mpz_t q)
{
	mpz_t power;
	bool in;

	if (mpz_cmp(v, p) >= 0)
		return false;
	mpz_init(power);
	mpz_powm(power, v, q, p);
	in = mpz_cmp_ui(power, 1) == 0;
	mpz_clear(power);
	return in;
}

uint32_t
dsa_check(const mpz_t p, const mpz_t q, const mpz_t g, const mpz_t y)
{
	uint32_t found = 0;
	mpz_t minus_one;

	if (mpz_sizeinbase(p, 2) < MIN_BITS || mpz_sizeinbase(q, 2) < MIN_ORDER_BITS)
		found |= BIT(FINDING_SMALL_GROUP);
	if (mpz_cmp_ui(p, 3) <= 0 || mpz_even_p(p) || mpz_cmp_ui(q, 1) <= 0)
		return found | BIT(FINDING_BAD_GROUP) | BIT(FINDING_OFF_GROUP);
	mpz_init(minus_one);
	mpz_sub_ui(minus_one, p, 1);
	if (mpz_divisible_p(minus_one, q) == 0 || !is_prime(q) || !is_prime(p))
		found |= BIT(FINDING_BAD_GROUP);
	if (mpz_sgn(g) != 0) {
		if (has_small_order(g, minus_one))
			found |= BIT(FINDING_SMALL_ORDER);
		else if (!is_in_group(g, p, q))
			found |= BIT(FINDING_BAD_GROUP);
	}
	if (has_small_order(y, minus_one))
		found |= BIT(FINDING_SMALL_ORDER);
	else if (!is_in_group(y, p, q))
		found |= BIT(FINDING_OFF_GROUP);
	mpz_clear(minus_one);
	return found;
}
