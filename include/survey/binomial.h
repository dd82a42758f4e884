/* How likely so few successes are. */
/* Layer: base */
#ifndef SURVEY_BINOMIAL_H
#define SURVEY_BINOMIAL_H

#include <stdint.h>

/*
 * The probability of k or fewer successes in n independent trials that succeed
 * with probability p each (0 to 1).  Takes no longer for a large n.
 */
double binomial_at_most(uint64_t n, double p, uint64_t k);

/*
 * Two samples of one thing: n1 trials gave k1 successes, n2 more gave k2.  The
 * probability of k2 or fewer, were the rate the same all the time: of the
 * k1 + k2 successes each lies in the second sample with n2 / (n1 + n2), so it
 * need not be known (a conditional test; Przyborowski and Wilenski 1940).
 */
double binomial_fell(uint64_t n1, uint64_t k1, uint64_t n2, uint64_t k2);

#endif
