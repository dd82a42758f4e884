/* Pure: nothing found is no success. */
#include <inttypes.h>
#include <stddef.h>

#include "survey/binomial.h"
#include "survey/mem.h"

#include "yield.h"

#define FILTERED                                                                           \
	"most often the provider filters outgoing port %ld: ask it, scan from elsewhere, " \
	"and let scan.canaries tell (survey doctor asks them)"

char *
yield_fault(const struct yield *y)
{
	if (y->scanned && y->hits == 0)
		return xasprintf("nothing was found: none of %" PRIu64
				 " addresses answered on port %ld; " FILTERED,
		    y->probed, y->port, y->port);
	if (!y->scanned && y->hits == 0)
		return xstrdup("nothing was asked: no address was given that may be");
	if (y->scanned && y->usual &&
	    binomial_at_most(y->probed, 1.0 / YIELD_LEAST, y->hits) < YIELD_P)
		return xasprintf("too little was found: %" PRIu64 " of %" PRIu64
				 " addresses answered on port %ld, where at least one in %d "
				 "usually does; " FILTERED,
		    y->hits, y->probed, y->port, YIELD_LEAST, y->port);
	if (y->analyzed && y->records == 0)
		return xasprintf("no host was asked: none of the %" PRIu64
				 " that were found may be (see the counts of run.json)",
		    y->hits);
	if (y->analyzed && y->keys == 0)
		return xasprintf("no key was found: none of %" PRIu64
				 " hosts showed one; are the ports filtered, or is something on "
				 "the way that answers for all?",
		    y->records);
	return NULL;
}
