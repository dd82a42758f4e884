/* How fast something gets on, over the last minute. */
#ifndef LIVE_PACE_H
#define LIVE_PACE_H

#include <stddef.h>
#include <stdint.h>

#define PACE_MS 60000 /* the time that a rate is taken over */
#define PACE_SAMPLES 128

struct pace {
	struct {
		uint64_t ms;
		double done;
	} sample[PACE_SAMPLES]; /* a ring; those that count are the last n before at */
	size_t at, n;
};

/* So much is done at that time (of a clock that does not go back).  Less than before begins anew. */
void pace_add(struct pace *p, uint64_t now_ms, double done);
/* A second, never more than limit unless that is 0. */
double pace_rate(const struct pace *p, double limit);

#endif
