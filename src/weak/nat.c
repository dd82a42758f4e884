/* Pure. */
#include "nat.h"

#define WRAP_MIN 64 /* limbs; measured with GMP 6.2.1: below it the plain product is as fast */

#ifdef HAVE_GMP_MULMOD_BNM1
/* In libgmp, for its own use; CMakeLists.txt looks whether they link and compute rightly. */
mp_size_t __gmpn_mulmod_bnm1_next_size(mp_size_t n);
void __gmpn_mulmod_bnm1(mp_limb_t *r, mp_size_t m, const mp_limb_t *a, mp_size_t an,
    const mp_limb_t *b, mp_size_t bn, mp_limb_t *scratch);
#endif

_Static_assert(GMP_NUMB_BITS == 64 && sizeof(mp_limb_t) == 8, "limbs of 64 bits");

size_t
nat_from_bytes(mp_limb_t *to, const uint8_t *bytes, size_t len)
{
	size_t n = nat_limbs(len);

	for (size_t i = 0; i < n; i++) {
		mp_limb_t limb = 0;
		size_t end = len - i * 8, start = end > 8 ? end - 8 : 0;

		for (size_t j = start; j < end; j++)
			limb = limb << 8 | bytes[j];
		to[i] = limb;
	}
	return nat_size(to, n);
}

void
nat_mul(mp_limb_t *r, const mp_limb_t *a, size_t an, const mp_limb_t *b, size_t bn)
{
	if (an >= bn)
		mpn_mul(r, a, (mp_size_t)an, b, (mp_size_t)bn);
	else
		mpn_mul(r, b, (mp_size_t)bn, a, (mp_size_t)an);
}

size_t
nat_wrap_size(size_t n)
{
#ifdef HAVE_GMP_MULMOD_BNM1
	return n < WRAP_MIN ? 0 : (size_t)__gmpn_mulmod_bnm1_next_size((mp_size_t)n);
#else
	(void)n;
	return 0;
#endif
}

size_t
nat_wrap_scratch(size_t m)
{
	return 2 * m + 4;
}

void
nat_mul_wrapped(mp_limb_t *r, size_t m, const mp_limb_t *a, size_t an, const mp_limb_t *b,
    size_t bn, mp_limb_t *scratch)
{
#ifdef HAVE_GMP_MULMOD_BNM1
	if (an >= bn)
		__gmpn_mulmod_bnm1(r, (mp_size_t)m, a, (mp_size_t)an, b, (mp_size_t)bn, scratch);
	else
		__gmpn_mulmod_bnm1(r, (mp_size_t)m, b, (mp_size_t)bn, a, (mp_size_t)an, scratch);
#else
	(void)r, (void)m, (void)a, (void)an, (void)b, (void)bn, (void)scratch;
#endif
}

void
nat_product(mpz_t p, const mpz_t *v, size_t n)
{
	mpz_t right;

	if (n == 1) {
		mpz_set(p, v[0]);
		return;
	}
	mpz_init(right);
	nat_product(p, v, n / 2);
	nat_product(right, v + n / 2, n - n / 2);
	mpz_mul(p, p, right);
	mpz_clear(right);
}
