/* Pure. */
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/name.h"
#include "zones.h"

#define SLOTS 16384
#define MOST 8192

void
zones_init(struct zones *z)
{
	z->slots = xcalloc(SLOTS, sizeof(*z->slots));
	z->n = 0;
}

void
zones_fini(struct zones *z)
{
	for (size_t i = 0; i < SLOTS && z->slots != NULL; i++)
		free(z->slots[i].name);
	free(z->slots);
	z->slots = NULL;
}

void
zones_add(struct zones *z, const struct answer *a)
{
	const char *name = name_zone(a->name);
	struct zone *zone;
	size_t i = 5381;

	if (a->ms < ZONES_SLOW_MS)
		return;
	for (const char *p = name; *p != '\0'; p++)
		i = i * 33 + (unsigned char)*p;
	for (;; i++) {
		zone = &z->slots[i % SLOTS];
		if (zone->name == NULL || strcmp(zone->name, name) == 0)
			break;
	}
	if (zone->name == NULL) {
		if (z->n == MOST)
			return;
		z->n++;
		zone->name = xstrdup(name);
	}
	zone->questions++;
	zone->ms += a->ms;
	zone->failed += !dns_outcome_known(a->outcome);
}

static bool
slower(const struct zone *a, const struct zone *b)
{
	return a->ms != b->ms ? a->ms > b->ms : strcmp(a->name, b->name) < 0;
}

const struct zone *
zones_slowest(const struct zones *z, size_t rank)
{
	const struct zone *last = NULL, *best = NULL;

	if (rank >= ZONES_TOP)
		return NULL;
	for (size_t r = 0; r <= rank; r++, last = best) {
		best = NULL;
		for (size_t i = 0; i < SLOTS; i++) {
			const struct zone *zone = &z->slots[i];

			if (zone->name != NULL && (last == NULL || slower(last, zone)) &&
			    (best == NULL || slower(zone, best)))
				best = zone;
		}
		if (best == NULL)
			return NULL;
	}
	return best;
}
