/*
 * Pure: which picture a cluster gets, by how many lines a reader would have to
 * follow.
 *
 * Hosts do not count: 38 hosts in a chain are 37 lines, 38 hosts with one key
 * are 703, which cross each other everywhere.
 */
#include <stdlib.h>

#include "survey/mem.h"

#include "drawing.h"

/* Past the uses of the same host. */
static uint32_t
next_host(const struct study *st, uint32_t use, uint32_t end)
{
	uint32_t host = st->uses[use].host;

	while (use < end && st->uses[use].host == host)
		use++;
	return use;
}

static int
by_value(const void *pa, const void *pb)
{
	uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;

	return a < b ? -1 : a > b;
}

/* Are there at most so many pairs of hosts that share a key?  A cluster hangs together, so it has hosts - 1. */
static bool
few_pairs(const struct study *st, const struct study_cluster *c, uint64_t most)
{
	uint64_t *pairs = NULL, distinct = 0;
	size_t n = 0, cap = 0;

	if (c->hosts.n > most + 1)
		return false;
	for (uint32_t k = 0; k < c->nshared; k++) {
		const struct study_key *key = &st->keys[study_cluster_key(st, c, k)];
		uint32_t end = key->uses.at + key->uses.n;
		uint64_t hosts = key->nhosts;

		if (hosts * (hosts - 1) / 2 > most) {
			distinct = most + 1;
			break;
		}
		for (uint32_t a = key->uses.at; a < end; a = next_host(st, a, end)) {
			for (uint32_t b = next_host(st, a, end); b < end;
			     b = next_host(st, b, end)) {
				mem_grow(&pairs, &cap, n + 1, sizeof(*pairs));
				pairs[n++] = (uint64_t)st->uses[a].host << 32 | st->uses[b].host;
			}
		}
	}
	if (n > 1)
		qsort(pairs, n, sizeof(*pairs), by_value);
	for (size_t i = 0; i < n; i++)
		distinct += i == 0 || pairs[i] != pairs[i - 1];
	free(pairs);
	return distinct <= most;
}

enum draw_level
draw_level_for(const struct study *st, uint32_t cluster, uint32_t full_up_to)
{
	const struct study_cluster *c = &st->clusters[cluster];

	if (few_pairs(st, c, full_up_to))
		return DRAW_CLASSIC;
	if (c->hosts.n <= full_up_to && drawing_key_lines(st, cluster) <= full_up_to)
		return DRAW_KEYS;
	return DRAW_COLLAPSED;
}
