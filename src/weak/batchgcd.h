/*
 * Does a modulus share a factor with any of the others?  For all of many at
 * once, in quasi-linear time (Bernstein, "How to find smooth parts of
 * integers", 2004, and "Scaled remainder trees", 2004; the use on keys:
 * Heninger, Durumeric, Wustrow, Halderman, "Mining your Ps and Qs", 2012).
 */
#ifndef WEAK_BATCHGCD_H
#define WEAK_BATCHGCD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nat.h"

struct batch_options {
	unsigned threads; /* at least 1 */
	size_t memory; /* bytes to stay below; 0: no bound */
	const char *dir; /* where levels go that do not fit; NULL: nowhere */
	struct nat
	    extra; /* a number beside the moduli, which each is tested against, too; n = 0: none */
	bool plain; /* for tests: multiply with GMP alone, as a processor without AVX2 does */
	bool only_extra; /* test against nothing else; then moduli may be equal */
	const volatile sig_atomic_t *stop; /* NULL: never */
};

/* What it took, for the log and for benchmarks. */
struct batch_cost {
	size_t moduli_bytes; /* of one level */
	uint64_t file_bytes;
	unsigned depth; /* of the tree */
	double up_s, root_s, down_s; /* wall time */
};

enum batch_result {
	BATCH_OK,
	BATCH_STOPPED,
	BATCH_FAILED /* errno says why: the file of levels */
};

/*
 * Calls hit(i, g) for each i with g = gcd(moduli[i], extra · product of all
 * the others) > 1, in any order, one call at a time, maybe in other threads.
 * Moduli are > 1 and distinct: equal ones would be each other's whole factor.
 * g is wiped after the call.
 */
enum batch_result batch_gcd(const struct nat *moduli, size_t n, const struct batch_options *o,
    void (*hit)(size_t i, struct nat g, void *arg), void *arg, struct batch_cost *cost);

#endif
