/*
 * Number-theoretic transforms: polynomials modulo X^N − 1 over a field of some
 * 2^49 elements, as their values at the N roots of 1.
 */
#ifndef WEAK_NTT_H
#define WEAK_NTT_H

#include <stddef.h>
#include <stdint.h>

#define NTT_PRIMES 6
#define NTT_PRIME_BITS 49 /* all primes are above 2^48.99 */
#define NTT_MIN_LOG 6
#define NTT_MAX_LOG 28

/*
 * Elements are doubles that hold integers, balanced around 0: a product is exact with a
 * fused multiplication and addition (the method of FLINT 3's fft_small, Schultz 2022).
 */
struct ntt_prime {
	uint64_t n;
	double p, inverse; /* n, and 1/n, rounded */
	double *root; /* by block, in bit-reversed order: what splits X^2n − c² */
};

struct ntt {
	unsigned log; /* of the longest transform */
	struct ntt_prime prime[NTT_PRIMES];
};

/* Roots for transforms of up to 2^log elements, log <= NTT_MAX_LOG. */
void ntt_init(struct ntt *t, unsigned log);
void ntt_fini(struct ntt *t);

/*
 * In place, 2^log elements, aligned to 32 bytes.  Forwards: |x| <= 5/4·p, afterwards
 * <= 5/2·p, in an order of their own, which is that of backwards.
 * Backwards: |x| <= p, before and after; all are 2^log times what they were.
 */
void ntt_forward(const struct ntt *t, unsigned prime, double *x, unsigned log);
void ntt_backward(const struct ntt *t, unsigned prime, double *x, unsigned log);

/* v to the power e, modulo n < 2^63. */
uint64_t ntt_power(uint64_t v, uint64_t e, uint64_t n);
/* v < n as an element: between −n/2 and n/2. */
double ntt_element(uint64_t v, uint64_t n);

#endif
