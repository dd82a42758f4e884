/* Arithmetic modulo a prime below 2^49, four elements at a time.  For x86-64 with AVX2 and FMA. */
#ifndef WEAK_LANES_H
#define WEAK_LANES_H

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

#define LANES 4

typedef __m256d lanes;

static inline lanes
lanes_round(lanes x)
{
	return _mm256_round_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* x modulo p, |x| < 16·p; the result is at most half of p, and a little. */
static inline lanes
lanes_reduce(lanes x, lanes p, lanes inverse)
{
	return _mm256_fnmadd_pd(lanes_round(_mm256_mul_pd(x, inverse)), p, x);
}

/*
 * x·w modulo p, with w_p = w/p rounded.  |x| <= 4·p and |w| <= p/2, or |x·w| <= 2·p²: then
 * the quotient is below 2^50 and off by less than 3/8 before it is rounded, and the result's
 * magnitude below 7/8·p.  All steps but the quotient are exact.
 */
static inline lanes
lanes_mul(lanes x, lanes w, lanes w_p, lanes p)
{
	lanes high = _mm256_mul_pd(x, w), q = lanes_round(_mm256_mul_pd(x, w_p));

	return _mm256_add_pd(_mm256_fnmadd_pd(q, p, high), _mm256_fmsub_pd(x, w, high));
}

#endif
#endif
