/*
 * Pure.  How many hosts each group's hosts have as partners: the size of the
 * union of its keys' lists of hosts, less the host itself.
 *
 * There are two ways.  Walking the lists costs little in an ordinary study,
 * but is quadratic where many groups share several wide keys with different
 * sets of others.  Inclusion and exclusion is linear there, but exponential in
 * the number of a group's keys.  The cost of the first is known beforehand
 * and bounds what the second may spend.
 */
#include <stdlib.h>
#include <string.h>

#include "survey/hashtab.h"
#include "survey/mem.h"

#include "partners.h"

#define WALK_CHEAP 16 /* steps a key of a group that are as good as linear */

static uint32_t
group_size(const struct pairs *c, uint32_t g)
{
	return c->group_first[g + 1] - c->group_first[g];
}

static bool
group_has(const struct pairs *c, uint32_t g, uint32_t key)
{
	for (uint32_t i = c->gkey_first[g]; i < c->gkey_first[g + 1]; i++) {
		if (c->gkeys[i].key == key)
			return true;
	}
	return false;
}

static uint32_t
ngroups_of(const struct pairs *c, uint32_t k)
{
	return c->kgroup_first[k + 1] - c->kgroup_first[k];
}

/* For each key the first one that stands in exactly the same groups. */
static uint32_t *
equal_keys(const struct pairs *c)
{
	uint32_t *equal = xcalloc((size_t)c->nkeys + 1, sizeof(*equal));
	struct hashtab t;

	hashtab_init(&t);
	for (uint32_t k = 0; k < c->nkeys; k++) {
		const uint32_t *groups = &c->kgroups[c->kgroup_first[k]];
		uint32_t n = ngroups_of(c, k), h, other;
		size_t at;

		equal[k] = k;
		if (n == 0)
			continue;
		h = hashtab_hash(&t, groups, n * sizeof(*groups));
		for (other = hashtab_first(&t, h, &at); other != HASHTAB_NONE;
		     other = hashtab_next(&t, h, &at)) {
			if (ngroups_of(c, other) == n && memcmp(&c->kgroups[c->kgroup_first[other]],
							     groups, n * sizeof(*groups)) == 0)
				break;
		}
		if (other != HASHTAB_NONE)
			equal[k] = other;
		else
			hashtab_put(&t, h, k);
	}
	hashtab_fini(&t);
	return equal;
}

/* The key of this group that the most groups share: it need not be walked. */
static uint32_t
widest_key(const struct pairs *c, uint32_t g)
{
	uint32_t widest = c->gkeys[c->gkey_first[g]].key;

	for (uint32_t i = c->gkey_first[g] + 1; i < c->gkey_first[g + 1]; i++) {
		uint32_t k = c->gkeys[i].key;

		if (ngroups_of(c, k) > ngroups_of(c, widest))
			widest = k;
	}
	return widest;
}

static uint64_t
walk_cost(const struct pairs *c, const uint32_t *equal)
{
	uint64_t steps = 0;

	for (uint32_t g = 0; g < c->ngroups; g++) {
		uint32_t widest = widest_key(c, g);

		for (uint32_t i = c->gkey_first[g]; i < c->gkey_first[g + 1]; i++) {
			if (equal[c->gkeys[i].key] != equal[widest])
				steps += ngroups_of(c, c->gkeys[i].key);
		}
	}
	return steps;
}

/*
 * The widest key's hosts are known beforehand; only the groups of the other
 * keys are walked, and keys that stand in the same groups as one that was
 * counted add nothing.
 */
static void
count_walking(struct pairs *c, const uint32_t *equal)
{
	uint32_t *hosts_of_key = xcalloc((size_t)c->nkeys + 1, sizeof(*hosts_of_key));
	uint32_t *stamp = xcalloc((size_t)c->ngroups + 1, sizeof(*stamp));

	for (uint32_t k = 0; k < c->nkeys; k++) {
		for (uint32_t i = c->kgroup_first[k]; i < c->kgroup_first[k + 1]; i++)
			hosts_of_key[k] += group_size(c, c->kgroups[i]);
	}
	for (uint32_t g = 0; g < c->ngroups; g++) {
		uint32_t widest = widest_key(c, g), total = hosts_of_key[widest];

		for (uint32_t i = c->gkey_first[g]; i < c->gkey_first[g + 1]; i++) {
			uint32_t k = c->gkeys[i].key;

			if (equal[k] == equal[widest])
				continue;
			for (uint32_t j = c->kgroup_first[k]; j < c->kgroup_first[k + 1]; j++) {
				uint32_t other = c->kgroups[j];

				if (stamp[other] != g + 1 && !group_has(c, other, widest)) {
					stamp[other] = g + 1;
					total += group_size(c, other);
				}
			}
		}
		c->partners[g] = total;
	}
	free(hosts_of_key);
	free(stamp);
}

/* A group that has all keys of a set, and where in its keys those begin that come after the set's. */
struct place {
	uint32_t group, rest;
};

/* The groups of a set that have one more key. */
struct run {
	uint32_t key, n;
};

struct inclusion {
	struct pairs *c;
	uint32_t
	    *keys; /* by group, from gkey_first on: one of each lot of equal keys, narrow first */
	uint32_t *end; /* by group: of its keys */
	uint32_t *count, *at; /* by key: scratch; count is all 0 between uses */
	uint64_t budget; /* steps */
};

/*
 * The keys that follow in any of the n groups, into runs.  Returns how many,
 * or 0 with *cancels set when all groups have one and the same.
 */
static size_t
find_runs(struct inclusion *in, const struct place *p, uint32_t n, struct run *runs, bool *cancels)
{
	size_t nruns = 0;

	*cancels = false;
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t j = p[i].rest; j < in->end[p[i].group]; j++) {
			uint32_t k = in->keys[j];

			if (in->count[k]++ == 0)
				runs[nruns++].key = k;
			*cancels |= in->count[k] == n;
		}
	}
	for (size_t i = 0; i < nruns; i++) {
		runs[i].n = in->count[runs[i].key];
		in->count[runs[i].key] = 0;
	}
	return *cancels ? 0 : nruns;
}

/* p sorted by what key comes next, as often as it has any. */
static void
fill_runs(struct inclusion *in, const struct place *p, uint32_t n, const struct run *runs,
    size_t nruns, struct place *out)
{
	uint32_t at = 0;

	for (size_t i = 0; i < nruns; i++) {
		in->at[runs[i].key] = at;
		at += runs[i].n;
	}
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t j = p[i].rest; j < in->end[p[i].group]; j++)
			out[in->at[in->keys[j]]++] = (struct place){ p[i].group, j + 1 };
	}
}

/*
 * p names the n groups that have all keys of a set: each of them counts the
 * hosts of all, or takes them off again, and so on for each larger set.  A key
 * that all of them have beside makes no work: sets with it and without it
 * cancel.  Returns false when the budget is used up.
 */
static bool
include_set(struct inclusion *in, const struct place *p, uint32_t n, bool add)
{
	uint32_t hosts = 0, nrest = 0;
	struct place *larger;
	struct run *runs;
	bool cancels, ok = true;
	size_t nruns;

	for (uint32_t i = 0; i < n; i++) {
		hosts += group_size(in->c, p[i].group);
		nrest += in->end[p[i].group] - p[i].rest;
	}
	if (n == 1 && nrest > 0)
		return true;
	if (in->budget < (uint64_t)n + nrest)
		return false;
	in->budget -= (uint64_t)n + nrest;
	runs = xcalloc((size_t)nrest + 1, sizeof(*runs));
	larger = xcalloc((size_t)nrest + 1, sizeof(*larger));
	nruns = find_runs(in, p, n, runs, &cancels);
	for (uint32_t i = 0; i < n && !cancels; i++)
		in->c->partners[p[i].group] += add ? hosts : 0 - hosts; /* modulo 2^32 */
	if (nruns > 0)
		fill_runs(in, p, n, runs, nruns, larger);
	for (size_t i = 0, at = 0; i < nruns && ok; at += runs[i++].n)
		ok = include_set(in, larger + at, runs[i].n, !add);
	free(runs);
	free(larger);
	return ok;
}

static int
by_width(const void *pa, const void *pb)
{
	const struct run *a = pa, *b = pb;

	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	return a->key < b->key ? -1 : a->key > b->key;
}

/* One of each lot of equal keys that groups have, narrow ones first; the caller frees. */
static struct run *
order_keys(const struct pairs *c, const uint32_t *equal, uint32_t *n)
{
	struct run *order = xcalloc((size_t)c->nkeys + 1, sizeof(*order));

	*n = 0;
	for (uint32_t k = 0; k < c->nkeys; k++) {
		if (ngroups_of(c, k) > 0 && equal[k] == k)
			order[(*n)++] = (struct run){ k, ngroups_of(c, k) };
	}
	qsort(order, *n, sizeof(*order), by_width);
	return order;
}

/*
 * Hosts with any of a group's keys: those with the first, and the second, …, less those
 * with both, …, as long as the budget lasts.
 */
static bool
count_including(struct pairs *c, const uint32_t *equal, uint64_t budget)
{
	struct inclusion in = { .c = c, .budget = budget };
	struct place *p = xcalloc((size_t)c->ngroups + 1, sizeof(*p));
	uint32_t *next = xcalloc((size_t)c->ngroups + 1, sizeof(*next)), nkeys;
	struct run *order = order_keys(c, equal, &nkeys);
	bool ok = true;

	in.keys = xcalloc((size_t)c->gkey_first[c->ngroups] + 1, sizeof(*in.keys));
	in.end = xcalloc((size_t)c->ngroups + 1, sizeof(*in.end));
	in.count = xcalloc((size_t)c->nkeys + 1, sizeof(*in.count));
	in.at = xcalloc((size_t)c->nkeys + 1, sizeof(*in.at));
	memcpy(in.end, c->gkey_first, c->ngroups * sizeof(*in.end));
	memcpy(next, c->gkey_first, c->ngroups * sizeof(*next));
	for (uint32_t i = 0; i < nkeys; i++) {
		uint32_t k = order[i].key;

		for (uint32_t j = c->kgroup_first[k]; j < c->kgroup_first[k + 1]; j++)
			in.keys[in.end[c->kgroups[j]]++] = k;
	}
	for (uint32_t i = 0; i < nkeys && ok; i++) {
		const uint32_t *groups = &c->kgroups[c->kgroup_first[order[i].key]];

		for (uint32_t j = 0; j < order[i].n; j++)
			p[j] = (struct place){ groups[j], ++next[groups[j]] };
		ok = include_set(&in, p, order[i].n, true);
	}
	free(in.keys);
	free(in.end);
	free(in.count);
	free(in.at);
	free(p);
	free(next);
	free(order);
	return ok;
}

void
partners_count(struct pairs *c)
{
	uint32_t *equal = equal_keys(c);
	uint64_t steps = walk_cost(c, equal);

	c->partners = xcalloc((size_t)c->ngroups + 1, sizeof(*c->partners));
	if (steps <= (uint64_t)c->gkey_first[c->ngroups] * WALK_CHEAP ||
	    !count_including(c, equal, steps))
		count_walking(c, equal);
	for (uint32_t g = 0; g < c->ngroups; g++)
		c->partners[g]--; /* the host itself */
	free(equal);
}
