/* Pure: tails of binomial distributions. */
#include <math.h>

#include "survey/binomial.h"

/* The natural logarithm of the probability of exactly k successes. */
static double
log_exactly(double n, double p, double k)
{
	return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p);
}

double
binomial_at_most(uint64_t n, double p, uint64_t k)
{
	double term, sum;

	if (k >= n || !(p > 0))
		return 1;
	if (p >= 1)
		return 0;
	if ((double)k >= (double)n * p)
		return 1; /* not few: nobody asks how much more than one half that is */
	/* Below the mean each term is smaller than the one above it, soon by far. */
	term = sum = exp(log_exactly((double)n, p, (double)k));
	for (uint64_t i = k; i > 0 && term > sum * 1e-12; i--) {
		term *= (double)i * (1 - p) / ((double)(n - i + 1) * p);
		sum += term;
	}
	return sum < 1 ? sum : 1;
}

double
binomial_fell(uint64_t n1, uint64_t k1, uint64_t n2, uint64_t k2)
{
	if (n1 == 0 || n2 == 0)
		return 1;
	return binomial_at_most(k1 + k2, (double)n2 / ((double)n1 + (double)n2), k2);
}
