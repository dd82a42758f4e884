/* Pure. */
#include <stdlib.h>

#include "survey/mem.h"

#include "alike.h"

static int
cmp(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* The first of the host's grabs that shows the same key, counted from its first one. */
static uint32_t
place_of_key(const struct study *st, const struct study_host *h, uint32_t grab)
{
	uint32_t i = h->grabs.at;

	while (st->grabs[i].key != st->grabs[grab].key)
		i++;
	return i - h->grabs.at;
}

static uint32_t
cluster_size(const struct study *st, const struct study_host *h)
{
	return h->cluster == STUDY_NONE ? 1 : st->clusters[h->cluster].hosts.n;
}

/* What a copy cannot do without: networks, and who shares how many keys. */
static int
by_shape(const struct study *st, const struct study_host *a, const struct study_host *b)
{
	int c = cmp(a->as, b->as);

	if (c == 0)
		c = cmp(cluster_size(st, a), cluster_size(st, b));
	if (c == 0)
		c = cmp(a->nrcs, b->nrcs);
	if (c == 0)
		c = cmp(a->grabs.n, b->grabs.n);
	for (uint32_t i = 0; c == 0 && i < a->grabs.n; i++) {
		const struct study_grab *x = &st->grabs[a->grabs.at + i];
		const struct study_grab *y = &st->grabs[b->grabs.at + i];

		c = cmp(x->port, y->port);
		if (c == 0)
			c = cmp(st->keys[x->key].nhosts, st->keys[y->key].nhosts);
		if (c == 0)
			c = cmp(place_of_key(st, a, a->grabs.at + i),
			    place_of_key(st, b, b->grabs.at + i));
	}
	return c;
}

/* The rest, of two hosts of one shape. */
static int
by_facts(const struct study *st, const struct study_host *a, const struct study_host *b)
{
	int c = cmp(a->verdict, b->verdict);

	for (uint32_t i = 0; c == 0 && i < a->grabs.n; i++) {
		const struct study_grab *x = &st->grabs[a->grabs.at + i];
		const struct study_grab *y = &st->grabs[b->grabs.at + i];

		c = cmp(x->alg, y->alg);
		if (c == 0)
			c = cmp(x->version, y->version);
		if (c == 0)
			c = cmp(x->trusted, y->trusted);
	}
	return c;
}

static int
by_looks(const void *pa, const void *pb, void *arg)
{
	const struct study *st = arg;
	const struct study_host *a = &st->hosts[*(const uint32_t *)pa];
	const struct study_host *b = &st->hosts[*(const uint32_t *)pb];
	int c = by_shape(st, a, b);

	return c != 0 ? c : by_facts(st, a, b);
}

static void
forget(struct study *st, uint32_t host)
{
	struct study_host *h = &st->hosts[host];

	h->verdict = HOST_UNKNOWN;
	for (uint32_t i = h->grabs.at; i < h->grabs.at + h->grabs.n; i++) {
		struct study_grab *g = &st->grabs[i];

		g->alg = g->version = STUDY_NO_TEXT;
		g->trusted = FACT_UNKNOWN;
	}
}

/* Hosts with the same looks: a range of the order. */
struct looks {
	uint32_t at, n;
	bool told;
};

/*
 * One shape.  Those whose facts are not told are alike, too; there must be enough of them, or
 * they would be known by that: the next smallest lot joins them.
 */
static void
choose(struct looks *l, uint32_t n)
{
	uint32_t untold = 0;

	for (uint32_t i = 0; i < n; i++) {
		l[i].told = l[i].n >= ALIKE_HOSTS;
		untold += l[i].told ? 0 : l[i].n;
	}
	while (untold > 0 && untold < ALIKE_HOSTS) {
		struct looks *least = NULL;

		for (uint32_t i = 0; i < n; i++) {
			if (l[i].told && (least == NULL || l[i].n < least->n))
				least = &l[i];
		}
		if (least == NULL)
			break;
		least->told = false;
		untold += least->n;
	}
}

void
alike_hosts(struct study *st)
{
	uint32_t *order = xcalloc((size_t)st->nhosts + 1, sizeof(*order)), n = 0;
	struct looks *looks = xcalloc((size_t)st->nhosts + 1, sizeof(*looks));

	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (st->hosts[i].ip.family == IP_ALIAS)
			order[n++] = i;
	}
	qsort_r(order, n, sizeof(*order), by_looks, st);
	for (uint32_t i = 0, end; i < n; i = end) {
		const struct study_host *first = &st->hosts[order[i]];
		uint32_t nlooks = 0;

		for (end = i; end < n && by_shape(st, first, &st->hosts[order[end]]) == 0; end++) {
			if (end == i ||
			    by_facts(st, &st->hosts[order[end - 1]], &st->hosts[order[end]]) != 0)
				looks[nlooks++] = (struct looks){ .at = end };
			looks[nlooks - 1].n++;
		}
		choose(looks, nlooks);
		for (uint32_t k = 0; k < nlooks; k++) {
			for (uint32_t h = 0; h < looks[k].n && !looks[k].told; h++)
				forget(st, order[looks[k].at + h]);
		}
	}
	free(looks);
	free(order);
}
