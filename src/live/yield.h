/* Has a run found what it should have? */
#ifndef LIVE_YIELD_H
#define LIVE_YIELD_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Of the addresses of a country at least one in so many has a listener on
 * port 25.  Published scans found one in a few hundred to a few thousand.
 */
#define YIELD_LEAST 20000
#define YIELD_P 1e-6
/* Less than this share of an earlier run's rate is too little, if it is as unlikely beside that. */
#define YIELD_SHARE 0.5

struct yield {
	bool scanned; /* zmap has looked for hosts, to the end */
	long
	    least; /* hits in a million addresses that are expected (scan.least_hits); 0: not told */
	/* A sample: what the last complete run found, of the same config in as many addresses; or NULL. */
	const char *earlier;
	uint64_t earlier_probed, earlier_hits;
	bool usual; /* for port 25 in whole countries: a usual rate is known */
	bool analyzed;
	long port;
	uint64_t probed; /* addresses */
	uint64_t hits, records;
	uint64_t keys;
};

/* What is missing, as a sentence that the caller frees; NULL: nothing. */
char *yield_fault(const struct yield *y);

#endif
