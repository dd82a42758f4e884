/* Pure: rates over a window. */
#include "pace.h"

#define STEP_MS (PACE_MS / (PACE_SAMPLES - 2)) /* samples that are closer take each other's place */

static size_t
nth_last(const struct pace *p, size_t n)
{
	return (p->at + PACE_SAMPLES - n) % PACE_SAMPLES;
}

void
pace_add(struct pace *p, uint64_t now_ms, double done)
{
	if (p->n > 0 && done < p->sample[nth_last(p, 1)].done)
		p->n = 0; /* a shard is repeated */
	/* The last but one stays until the last one is a step away from it. */
	if (p->n > 1 && now_ms - p->sample[nth_last(p, 2)].ms < STEP_MS) {
		p->at = nth_last(p, 1);
		p->n--;
	}
	p->sample[p->at].ms = now_ms;
	p->sample[p->at].done = done;
	p->at = (p->at + 1) % PACE_SAMPLES;
	if (p->n < PACE_SAMPLES)
		p->n++;
	/* One sample from before the minute is kept: the rate is over all of it. */
	while (p->n > 2 && now_ms - p->sample[nth_last(p, p->n - 1)].ms >= PACE_MS)
		p->n--;
}

double
pace_rate(const struct pace *p, double limit)
{
	size_t first = nth_last(p, p->n), last = nth_last(p, 1);
	double s, rate;

	if (p->n < 2 || p->sample[last].ms == p->sample[first].ms)
		return 0;
	s = (double)(p->sample[last].ms - p->sample[first].ms) / 1000;
	rate = (p->sample[last].done - p->sample[first].done) / s;
	return limit > 0 && rate > limit ? limit : rate;
}
