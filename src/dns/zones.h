/* Which zones keep a survey waiting. */
/* Layer: dns */
#ifndef DNS_ZONES_H
#define DNS_ZONES_H

#include "survey/answers.h"

#define ZONES_TOP 10
#define ZONES_SLOW_MS 500 /* faster questions are not looked at */

struct zone {
	char *name;
	uint64_t questions, ms, failed; /* of its slow questions */
};

/* Zones with a slow question; their number is bounded, later ones are not counted. */
struct zones {
	struct zone *slots; /* open addressing */
	size_t n;
};

void zones_init(struct zones *z);
void zones_fini(struct zones *z);
void zones_add(struct zones *z, const struct answer *a);
/* The zone with the rank-th longest wait (from 0), NULL past ZONES_TOP or the last. */
const struct zone *zones_slowest(const struct zones *z, size_t rank);

#endif
