/* Pure. */
#include <stdlib.h>
#include <string.h>

#include "survey/cluster.h"
#include "survey/mem.h"
#include "survey/port.h"

#include "partners.h"

#define STUDY_PORT(p) ((p) < NPORTS_STUDY)

/* Turn counts in first[1..n] into starts: first[i] is where list i begins. */
static void
counts_to_starts(uint32_t *first, size_t n)
{
	for (size_t i = 1; i <= n; i++)
		first[i] += first[i - 1];
}

/* By key; the order of hosts stays, so that a list is by host, and then by port. */
static void
sort_uses(struct clusters *c, const struct key_use *uses, size_t nuses)
{
	uint32_t *at, *start, out = 0;
	struct key_use *sorted = xcalloc(nuses + 1, sizeof(*sorted));

	start = xcalloc((size_t)c->nkeys + 1, sizeof(*start));
	at = xcalloc((size_t)c->nkeys + 1, sizeof(*at));
	for (size_t i = 0; i < nuses; i++)
		start[uses[i].key + 1]++;
	counts_to_starts(start, c->nkeys);
	memcpy(at, start, ((size_t)c->nkeys + 1) * sizeof(*at));
	for (size_t i = 0; i < nuses; i++) {
		uint32_t to = at[uses[i].key]++;

		/* One host's uses of one key are few: put them in order of ports. */
		while (to > start[uses[i].key] && sorted[to - 1].host == uses[i].host &&
		       sorted[to - 1].port > uses[i].port) {
			sorted[to] = sorted[to - 1];
			to--;
		}
		sorted[to] = uses[i];
	}
	/* Drop repeats. */
	c->use_first = xcalloc((size_t)c->nkeys + 1, sizeof(*c->use_first));
	for (uint32_t k = 0; k < c->nkeys; k++) {
		c->use_first[k] = out;
		for (uint32_t i = start[k]; i < start[k + 1]; i++) {
			if (out == c->use_first[k] || sorted[out - 1].host != sorted[i].host ||
			    sorted[out - 1].port != sorted[i].port)
				sorted[out++] = sorted[i];
		}
	}
	c->use_first[c->nkeys] = out;
	c->uses = sorted;
	free(start);
	free(at);
}

static uint32_t
find_root(uint32_t *parent, uint32_t i)
{
	while (parent[i] != i) {
		parent[i] = parent[parent[i]];
		i = parent[i];
	}
	return i;
}

/* The lower number becomes the root, so a root is its cluster's first host. */
static void
join(uint32_t *parent, uint32_t a, uint32_t b)
{
	a = find_root(parent, a);
	b = find_root(parent, b);
	if (a < b)
		parent[b] = a;
	else
		parent[a] = b;
}

static void
number_clusters(struct clusters *c, const bool *in)
{
	uint32_t *parent = xcalloc((size_t)c->nhosts + 1, sizeof(*parent));
	uint32_t *count = xcalloc((size_t)c->nhosts + 1, sizeof(*count)), *at;

	for (uint32_t i = 0; i < c->nhosts; i++)
		parent[i] = i;
	for (uint32_t i = 1; i < c->use_first[c->nkeys]; i++) {
		if (c->uses[i].key == c->uses[i - 1].key)
			join(parent, c->uses[i - 1].host, c->uses[i].host);
	}
	c->of_host = xcalloc((size_t)c->nhosts + 1, sizeof(*c->of_host));
	for (uint32_t i = 0; i < c->nhosts; i++)
		count[find_root(parent, i)]++;
	for (uint32_t i = 0; i < c->nhosts; i++) {
		uint32_t root = find_root(parent, i);

		if (!in[i])
			c->of_host[i] = CLUSTER_OUT;
		else if (count[root] > 1)
			c->of_host[i] = root == i ? ++c->n : c->of_host[root];
	}
	c->size = xcalloc((size_t)c->n + 1, sizeof(*c->size));
	c->first = xcalloc((size_t)c->n + 2, sizeof(*c->first));
	for (uint32_t i = 0; i < c->nhosts; i++) {
		if (c->of_host[i] != CLUSTER_OUT)
			c->size[c->of_host[i]]++;
	}
	for (uint32_t k = 1; k <= c->n; k++)
		c->first[k + 1] = c->first[k] + c->size[k];
	c->members = xcalloc((size_t)c->first[c->n + 1] + 1, sizeof(*c->members));
	at = xcalloc((size_t)c->n + 1, sizeof(*at));
	memcpy(at, c->first, ((size_t)c->n + 1) * sizeof(*at));
	for (uint32_t i = 0; i < c->nhosts; i++) {
		if (c->of_host[i] != 0 && c->of_host[i] != CLUSTER_OUT)
			c->members[at[c->of_host[i]]++] = i;
	}
	free(at);
	free(parent);
	free(count);
}

/* Do two or more hosts show key k on a port of the study? */
static bool
is_shared(const struct clusters *c, uint32_t k)
{
	uint32_t host = UINT32_MAX;

	for (uint32_t i = c->use_first[k]; i < c->use_first[k + 1]; i++) {
		if (!STUDY_PORT(c->uses[i].port))
			continue;
		if (host != UINT32_MAX && host != c->uses[i].host)
			return true;
		host = c->uses[i].host;
	}
	return false;
}

/* Each host's shared keys with their ports, keys ascending. */
static void
list_shared(const struct clusters *c, uint32_t **first_out, struct group_key **list_out)
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

			if (c->use_first[k + 1] - c->use_first[k] < 2 || !is_shared(c, k))
				continue;
			for (uint32_t i = c->use_first[k]; i < c->use_first[k + 1]; i++) {
				const struct key_use *u = &c->uses[i];

				if (!STUDY_PORT(u->port))
					continue;
				if (!fill) {
					first[u->host + 1] += u->host != last;
				} else {
					if (u->host != last)
						list[at[u->host]++] =
						    (struct group_key){ .key = k };
					list[at[u->host] - 1].ports |= (uint8_t)(1U << u->port);
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

static uint64_t
hash_keys(const struct group_key *k, uint32_t n)
{
	uint64_t h = n;

	for (uint32_t i = 0; i < n; i++) {
		h = (h ^ ((uint64_t)k[i].key << 8 | k[i].ports)) * 0x9fb21c651e98df25ULL;
		h ^= h >> 31;
	}
	return h;
}

/* Number the distinct lists in order of their first hosts. */
static void
number_groups(struct clusters *c, const uint32_t *first, const struct group_key *list)
{
	size_t nslots = 1024;
	uint32_t *slot, *leader;

	while (nslots < (size_t)c->nhosts * 2)
		nslots *= 2;
	slot = xcalloc(nslots, sizeof(*slot)); /* group number plus one */
	leader = xcalloc((size_t)c->nhosts + 1, sizeof(*leader));
	c->group_of = xcalloc((size_t)c->nhosts + 1, sizeof(*c->group_of));
	for (uint32_t i = 0; i < c->nhosts; i++) {
		const struct group_key *mine = &list[first[i]];
		uint32_t n = first[i + 1] - first[i];
		size_t at;

		c->group_of[i] = GROUP_NONE;
		if (n == 0)
			continue;
		for (at = hash_keys(mine, n) & (nslots - 1); slot[at] != 0;
		     at = (at + 1) & (nslots - 1)) {
			uint32_t other = leader[slot[at] - 1];

			if (first[other + 1] - first[other] == n &&
			    same_keys(&list[first[other]], mine, n))
				break;
		}
		if (slot[at] == 0) {
			leader[c->ngroups] = i;
			slot[at] = ++c->ngroups;
		}
		c->group_of[i] = slot[at] - 1;
	}
	c->gkey_first = xcalloc((size_t)c->ngroups + 1, sizeof(*c->gkey_first));
	for (uint32_t g = 0; g < c->ngroups; g++)
		c->gkey_first[g + 1] = c->gkey_first[g] + first[leader[g] + 1] - first[leader[g]];
	c->gkeys = xcalloc((size_t)c->gkey_first[c->ngroups] + 1, sizeof(*c->gkeys));
	for (uint32_t g = 0; g < c->ngroups; g++)
		memcpy(&c->gkeys[c->gkey_first[g]], &list[first[leader[g]]],
		    (c->gkey_first[g + 1] - c->gkey_first[g]) * sizeof(*list));
	free(slot);
	free(leader);
}

static void
list_groups(struct clusters *c)
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

void
cluster_hosts(struct clusters *c, uint32_t nhosts, const bool *in, uint32_t nkeys,
    const struct key_use *uses, size_t nuses)
{
	uint32_t *first;
	struct group_key *list;

	memset(c, 0, sizeof(*c));
	c->nhosts = nhosts;
	c->nkeys = nkeys;
	sort_uses(c, uses, nuses);
	number_clusters(c, in);
	list_shared(c, &first, &list);
	number_groups(c, first, list);
	free(first);
	free(list);
	list_groups(c);
	partners_count(c);
}
