/* Natural numbers as GMP's limbs, lowest first, and how they are multiplied. */
#ifndef WEAK_NAT_H
#define WEAK_NAT_H

#include <gmp.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed limbs; the highest is not zero; n = 0: zero. */
struct nat {
	const mp_limb_t *d;
	size_t n;
};

/* n without zeros at the top. */
static inline size_t
nat_size(const mp_limb_t *d, size_t n)
{
	while (n > 0 && d[n - 1] == 0)
		n--;
	return n;
}

/* Limbs that len big-endian bytes need. */
static inline size_t
nat_limbs(size_t len)
{
	return (len + sizeof(mp_limb_t) - 1) / sizeof(mp_limb_t);
}

/* The number in big-endian bytes, into nat_limbs(len) limbs; returns those in use. */
size_t nat_from_bytes(mp_limb_t *to, const uint8_t *bytes, size_t len);

/* r = a·b in an + bn limbs, none of them shared with a or b; an, bn >= 1 in any order. */
void nat_mul(mp_limb_t *r, const mp_limb_t *a, size_t an, const mp_limb_t *b, size_t bn);

/*
 * a·b modulo B^m − 1, B = 2^64: the middle limbs of a long product for less
 * than the whole.  nat_wrap_size() gives an m >= n for this, or 0 where it brings nothing;
 * an, bn <= m < 2·(an + bn).  r has m limbs, scratch nat_wrap_scratch(m) limbs.
 */
size_t nat_wrap_size(size_t n);
size_t nat_wrap_scratch(size_t m);
void nat_mul_wrapped(mp_limb_t *r, size_t m, const mp_limb_t *a, size_t an, const mp_limb_t *b,
    size_t bn, mp_limb_t *scratch);

/* p = v[0]·v[1]·…, n >= 1 of them. */
void nat_product(mpz_t p, const mpz_t *v, size_t n);

#endif
