/* Pure. */
#include <stdlib.h>
#include <string.h>

#include "survey/hashtab.h"
#include "survey/mem.h"
#include "survey/pairs.h"

#include "partners.h"

#define STUDY_PORT(p) ((p) < NPORTS_STUDY)

/* Turn counts in first[1..n] into starts: first[i] is where list i begins. */
static void
counts_to_starts(uint32_t *first, size_t n)
{
	for (size_t i = 1; i <= n; i++)
		first[i] += first[i - 1];
}

/* Do two or more hosts show key k on a port of the study? */
static bool
is_shared(const struct study *st, const struct study_key *k)
{
	uint32_t host = UINT32_MAX;

	for (uint32_t i = k->uses.at; i < k->uses.at + k->uses.n; i++) {
		if (!STUDY_PORT(st->uses[i].port))
			continue;
		if (host != UINT32_MAX && host != st->uses[i].host)
			return true;
		host = st->uses[i].host;
	}
	return false;
}

/* Each host's shared keys with their ports, keys ascending. */
static void
list_shared(const struct pairs *c, const struct study *st, uint32_t **first_out,
    struct group_key **list_out)
{
	uint32_t *first = xcalloc((size_t)c->nhosts + 1, sizeof(*first)), *at = NULL;
	struct group_key *list = NULL;

	for (int fill = 0; fill < 2; fill++) {
		if (fill) {
			counts_to_starts(first, c->nhosts);
			list = xcalloc((size_t)first[c->nhosts] + 1, sizeof(*list));
			at = xcalloc((size_t)c->nhosts + 1, sizeof(*at));
			memcpy(at, first, ((size_t)c->nhosts + 1) * sizeof(*at));
		}
		for (uint32_t k = 0; k < c->nkeys; k++) {
			uint32_t last = UINT32_MAX;

			const struct study_span *uses = &st->keys[k].uses;

			if (uses->n < 2 || !is_shared(st, &st->keys[k]))
				continue;
			for (uint32_t i = uses->at; i < uses->at + uses->n; i++) {
				const struct study_use *u = &st->uses[i];

				if (!STUDY_PORT(u->port))
					continue;
				if (!fill) {
					first[u->host + 1] += u->host != last;
				} else {
					if (u->host != last)
						list[at[u->host]++] =
						    (struct group_key){ .key = k };
					list[at[u->host] - 1].ports |= 1U << u->port;
				}
				last = u->host;
			}
		}
	}
	free(at);
	*first_out = first;
	*list_out = list;
}

static bool
same_keys(const struct group_key *a, const struct group_key *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (a[i].key != b[i].key || a[i].ports != b[i].ports)
			return false;
	}
	return true;
}

/* Number the distinct lists in order of their first hosts. */
static void
number_groups(struct pairs *c, const uint32_t *first, const struct group_key *list)
{
	struct hashtab t;
	uint32_t *leader;

	hashtab_init(&t);
	leader = xcalloc((size_t)c->nhosts + 1, sizeof(*leader));
	c->group_of = xcalloc((size_t)c->nhosts + 1, sizeof(*c->group_of));
	for (uint32_t i = 0; i < c->nhosts; i++) {
		const struct group_key *mine = &list[first[i]];
		uint32_t n = first[i + 1] - first[i];
		uint32_t h, g;
		size_t at;

		c->group_of[i] = GROUP_NONE;
		if (n == 0)
			continue;
		h = hashtab_hash(&t, mine, n * sizeof(*mine));
		for (g = hashtab_first(&t, h, &at); g != HASHTAB_NONE;
		     g = hashtab_next(&t, h, &at)) {
			uint32_t other = leader[g];

			if (first[other + 1] - first[other] == n &&
			    same_keys(&list[first[other]], mine, n))
				break;
		}
		if (g == HASHTAB_NONE) {
			g = c->ngroups++;
			leader[g] = i;
			hashtab_put(&t, h, g);
		}
		c->group_of[i] = g;
	}
	c->gkey_first = xcalloc((size_t)c->ngroups + 1, sizeof(*c->gkey_first));
	for (uint32_t g = 0; g < c->ngroups; g++)
		c->gkey_first[g + 1] = c->gkey_first[g] + first[leader[g] + 1] - first[leader[g]];
	c->gkeys = xcalloc((size_t)c->gkey_first[c->ngroups] + 1, sizeof(*c->gkeys));
	for (uint32_t g = 0; g < c->ngroups; g++)
		memcpy(&c->gkeys[c->gkey_first[g]], &list[first[leader[g]]],
		    (c->gkey_first[g + 1] - c->gkey_first[g]) * sizeof(*list));
	hashtab_fini(&t);
	free(leader);
}

static void
list_groups(struct pairs *c)
{
	uint32_t *at;

	c->group_first = xcalloc((size_t)c->ngroups + 1, sizeof(*c->group_first));
	for (uint32_t i = 0; i < c->nhosts; i++) {
		if (c->group_of[i] != GROUP_NONE)
			c->group_first[c->group_of[i] + 1]++;
	}
	counts_to_starts(c->group_first, c->ngroups);
	c->group_members = xcalloc(
	    (size_t)c->group_first[c->ngroups] + 1, sizeof(*c->group_members));
	at = xcalloc((size_t)c->ngroups + 1, sizeof(*at));
	memcpy(at, c->group_first, ((size_t)c->ngroups + 1) * sizeof(*at));
	for (uint32_t i = 0; i < c->nhosts; i++) {
		if (c->group_of[i] != GROUP_NONE)
			c->group_members[at[c->group_of[i]]++] = i;
	}
	free(at);

	c->kgroup_first = xcalloc((size_t)c->nkeys + 1, sizeof(*c->kgroup_first));
	for (uint32_t i = 0; i < c->gkey_first[c->ngroups]; i++)
		c->kgroup_first[c->gkeys[i].key + 1]++;
	counts_to_starts(c->kgroup_first, c->nkeys);
	c->kgroups = xcalloc((size_t)c->kgroup_first[c->nkeys] + 1, sizeof(*c->kgroups));
	at = xcalloc((size_t)c->nkeys + 1, sizeof(*at));
	memcpy(at, c->kgroup_first, ((size_t)c->nkeys + 1) * sizeof(*at));
	for (uint32_t g = 0; g < c->ngroups; g++) {
		for (uint32_t i = c->gkey_first[g]; i < c->gkey_first[g + 1]; i++)
			c->kgroups[at[c->gkeys[i].key]++] = g;
	}
	free(at);
}

struct pairs *
pairs_new(const struct study *st)
{
	struct pairs *p = xcalloc(1, sizeof(*p));
	uint32_t *first;
	struct group_key *list;

	p->nhosts = st->nhosts;
	p->nkeys = st->nkeys;
	list_shared(p, st, &first, &list);
	number_groups(p, first, list);
	free(first);
	free(list);
	list_groups(p);
	partners_count(p);
	return p;
}

void
pairs_free(struct pairs *p)
{
	if (p == NULL)
		return;
	free(p->group_of);
	free(p->group_first);
	free(p->group_members);
	free(p->gkey_first);
	free(p->gkeys);
	free(p->kgroup_first);
	free(p->kgroups);
	free(p->partners);
	free(p);
}

uint32_t
pairs_partners(const struct pairs *p, uint32_t host)
{
	uint32_t group = p->group_of[host];

	return group == GROUP_NONE ? 0 : p->partners[group];
}

uint64_t
pairs_ports(const struct pairs *c, uint32_t a, uint32_t b)
{
	const struct group_key *x = &c->gkeys[c->gkey_first[a]],
			       *x_end = &c->gkeys[c->gkey_first[a + 1]];
	const struct group_key *y = &c->gkeys[c->gkey_first[b]],
			       *y_end = &c->gkeys[c->gkey_first[b + 1]];
	uint64_t mask = 0;

	while (x < x_end && y < y_end) {
		if (x->key < y->key) {
			x++;
		} else if (x->key > y->key) {
			y++;
		} else {
			for (int local = 0; local < 8; local++) {
				if ((x->ports & 1U << local) != 0)
					mask |= (uint64_t)y->ports << 8 * local;
			}
			x++;
			y++;
		}
	}
	return mask;
}
