#include <sodium.h>

#include "rng.h"

uint16_t
rng_u16(struct rng *r)
{
	if (r->left == 0) {
		randombytes_buf(r->pool, sizeof(r->pool));
		r->left = sizeof(r->pool) / sizeof(r->pool[0]);
	}
	return r->pool[--r->left];
}
