/* How long answers take, in a few hundred counters. */
/* Layer: dns */
#ifndef DNS_LATENCY_H
#define DNS_LATENCY_H

#include <stdint.h>

#define LATENCY_SLOTS 208 /* up to 65 s; what takes longer counts as that */

struct latency {
	uint64_t n[LATENCY_SLOTS];
	uint64_t total;
};

void latency_add(struct latency *l, uint32_t ms);
/* The time in ms that a share (0 to 1) of the answers did not exceed: exact to 32 ms, then within 7 %. */
uint32_t latency_at(const struct latency *l, double share);

#endif
