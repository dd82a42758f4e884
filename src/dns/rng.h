/* Unpredictable numbers from the kernel, many at a time. */
/* Layer: dns */
#ifndef DNS_RNG_H
#define DNS_RNG_H

#include <stddef.h>
#include <stdint.h>

/* All zero to begin with. */
struct rng {
	uint16_t pool[2048];
	size_t left;
};

uint16_t rng_u16(struct rng *r);

#endif
