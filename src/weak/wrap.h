/*
 * Sums of products of long numbers modulo B^W − 1, B = 2^64, by transforms modulo a few primes.
 *
 * A number that several products need is transformed once, and a sum of products costs
 * one way back.  For this the trees of batch GCD are several times faster than with
 * whole products of GMP.
 */
#ifndef WEAK_WRAP_H
#define WEAK_WRAP_H

#include <stdbool.h>

#include "nat.h"
#include "ntt.h"

#define WRAP_FACTORS 4
#define WRAP_SUMS 2
#define WRAP_COMBINED 5 /* limbs of the product of all primes */

/* How a residue modulo a product of the first primes follows from those modulo each. */
struct wrap_crt {
	mp_limb_t cofactor[NTT_PRIMES][WRAP_COMBINED]; /* product of the other primes */
	mp_limb_t minus[WRAP_COMBINED]; /* −product, modulo B^limbs */
	uint64_t inverse[NTT_PRIMES]; /* of the cofactor modulo the prime */
};

struct wrap {
	struct ntt ntt;
	struct wrap_crt crt[NTT_PRIMES + 1]; /* by number of primes */
};

/* How numbers become polynomials. */
struct wrap_shape {
	unsigned log; /* of the number of coefficients */
	unsigned primes;
	unsigned digits, digit_bits; /* of a coefficient */
	size_t limbs; /* W */
};

/* Sum of a·b over the pairs, of which the limbs from `from` on are wanted. */
struct wrap_sum {
	unsigned npairs;
	struct {
		unsigned a, b; /* numbers of factors */
	} pair[2];
	mp_limb_t *to;
	size_t from, n;
};

/* Does the processor have what all that follows needs (AVX2 and FMA)? */
bool wrap_possible(void);

/* W >= limbs, as short as it can be had for the least work. */
struct wrap_shape wrap_shape(size_t limbs);

/* Any W for so many limbs is at most this. */
static inline size_t
wrap_room(size_t limbs)
{
	return limbs + limbs / 8 + 16;
}

/* For shapes of up to so many limbs.  False: they are too many. */
bool wrap_init(struct wrap *w, size_t limbs);
void wrap_fini(struct wrap *w);

/* Doubles, aligned to 32 bytes, that wrap_sums() needs. */
size_t wrap_scratch(const struct wrap_shape *s, size_t nfactors, size_t nsums);
/* Factors have at most W limbs; n may be 0. */
void wrap_sums(const struct wrap *w, const struct wrap_shape *s, const struct nat *factors,
    size_t nfactors, const struct wrap_sum *sums, size_t nsums, double *scratch);

#endif
