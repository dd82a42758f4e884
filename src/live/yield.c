/* Pure: nothing found is no success. */
#include <inttypes.h>
#include <stddef.h>

#include "survey/binomial.h"
#include "survey/mem.h"
#include "survey/text.h"

#include "yield.h"

#define FILTERED                                                                           \
	"most often the provider filters outgoing port %ld: ask it, scan from elsewhere, " \
	"and let scan.canaries tell (survey doctor asks them)"

#define ALL_RIGHT "; if it is right, say so in scan.least_hits"

/* Few, by the best measure that there is: what somebody expects, an earlier run, what is usual. */
static char *
too_few(const struct yield *y)
{
	double share = YIELD_SHARE * (double)y->earlier_hits * (double)y->probed;

	if (y->least > 0)
		return binomial_at_most(y->probed, (double)y->least / 1e6, y->hits) >= YIELD_P
			   ? NULL
			   : xasprintf("too little was found: %" PRIu64 " of %" PRIu64
				       " addresses answered on port %ld, where at least %ld in a "
				       "million are expected (scan.least_hits); " FILTERED,
				 y->hits, y->probed, y->port, y->least, y->port);
	if (y->earlier != NULL)
		return (double)y->hits * (double)y->earlier_probed >= share ||
			       binomial_fell(y->earlier_probed, y->earlier_hits, y->probed,
				   y->hits) >= YIELD_P
			   ? NULL
			   : xasprintf("too little was found: %" PRIu64 " of %" PRIu64
				       " addresses answered on port %ld, where %" PRIu64
				       " of %" PRIu64 " did in the run before, %s (less than half, "
				       "and binomial p < %.0e); " FILTERED ALL_RIGHT,
				 y->hits, y->probed, y->port, y->earlier_hits, y->earlier_probed,
				 y->earlier, YIELD_P, y->port);
	if (!y->usual || binomial_at_most(y->probed, 1.0 / YIELD_LEAST, y->hits) >= YIELD_P)
		return NULL;
	return xasprintf(
	    "too little was found: %" PRIu64 " of %" PRIu64
	    " addresses answered on port %ld, where at least one in %d usually does; " FILTERED
		ALL_RIGHT,
	    y->hits, y->probed, y->port, YIELD_LEAST, y->port);
}

char *
yield_fault(const struct yield *y)
{
	char *few;

	if (y->scanned && y->hits == 0)
		return xasprintf("nothing was found: none of %" PRIu64
				 " %s answered on port %ld; " FILTERED,
		    y->probed, text_noun(y->probed, "address", "addresses"), y->port, y->port);
	if (!y->scanned && y->hits == 0)
		return xstrdup("nothing was asked: no address was given that may be");
	if (y->scanned && (few = too_few(y)) != NULL)
		return few;
	if (y->analyzed && y->records == 0)
		return xasprintf("no host was asked: none of the %" PRIu64
				 " %s found may be (see the counts of run.json)",
		    y->hits, text_noun(y->hits, "that was", "that were"));
	if (y->analyzed && y->keys == 0)
		return xasprintf("no key was found: none of %" PRIu64
				 " %s showed one; are the ports filtered, or is something on "
				 "the way that answers for all?",
		    y->records, text_noun(y->records, "host", "hosts"));
	return NULL;
}
