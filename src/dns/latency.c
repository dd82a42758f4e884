/* Pure. */
#include <stddef.h>

#include "latency.h"

/* Each value up to 16, then 16 steps for each doubling. */
static size_t
slot_of(uint32_t ms)
{
	unsigned doubling;
	size_t slot;

	if (ms < 16)
		return ms;
	doubling = 27 - (unsigned)__builtin_clz(ms); /* 0 for 16..31 */
	slot = 16 + 16 * (size_t)doubling + ((ms >> doubling) - 16);
	return slot < LATENCY_SLOTS ? slot : LATENCY_SLOTS - 1;
}

void
latency_add(struct latency *l, uint32_t ms)
{
	l->n[slot_of(ms)]++;
	l->total++;
}

uint32_t
latency_at(const struct latency *l, double share)
{
	double want = share * (double)l->total, seen = 0;

	for (uint32_t i = 0; i < LATENCY_SLOTS; i++) {
		seen += (double)l->n[i];
		if (seen >= want && l->n[i] > 0)
			return i < 16 ? i : (16 + (i - 16) % 16) << ((i - 16) / 16);
	}
	return 0;
}
