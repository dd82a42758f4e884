#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "rng.h"

static void
fill(struct rng *r)
{
	size_t have = 0;

	while (have < sizeof(r->pool)) {
		ssize_t n = getrandom((char *)r->pool + have, sizeof(r->pool) - have, 0);

		if (n > 0)
			have += (size_t)n;
		else if (n == -1 && errno != EINTR)
			abort();
	}
	r->left = sizeof(r->pool) / sizeof(r->pool[0]);
}

uint16_t
rng_u16(struct rng *r)
{
	if (r->left == 0)
		fill(r);
	return r->pool[--r->left];
}
