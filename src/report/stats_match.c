/* Pure: the table of clusters of several runs side by side, matched and not by number. */
#include <stdlib.h>

#include "survey/buf.h"
#include "survey/match.h"
#include "survey/mem.h"
#include "survey/unionfind.h"

#include "stats.h"

#define IDS_SHOWN 4 /* clusters of one run in a label */

/* A cluster of a run, and the set of clusters of all runs that it belongs to. */
struct link {
	uint32_t root, run, cluster;
};

/* What hangs together from run to run: links[at] to links[at + n - 1]. */
struct chain {
	uint32_t at, n;
	uint64_t hosts; /* of the run that has most */
};

struct chains {
	struct study *const *st;
	size_t n; /* runs */
	struct link *links;
	struct chain *v;
	uint32_t nv;
};

/* Clusters of run r are the numbers from first[r] on; joined where match_studies() puts them into one group. */
static uint32_t *
join(struct study *const *st, size_t n, const uint32_t *first)
{
	uint32_t *parent = unionfind_new(first[n]);

	for (size_t i = 0; i + 1 < n; i++) {
		struct match m;

		match_studies(&m, st[i], st[i + 1]);
		for (size_t g = 0; g < m.ngroups; g++) {
			const struct match_group *group = &m.groups[g];
			uint32_t one = group->a.n > 0 ? first[i] + group->a.v[0]
						      : first[i + 1] + group->b.v[0];

			for (size_t k = 0; k < group->a.n; k++)
				unionfind_join(parent, one, first[i] + group->a.v[k]);
			for (size_t k = 0; k < group->b.n; k++)
				unionfind_join(parent, one, first[i + 1] + group->b.v[k]);
		}
		match_fini(&m);
	}
	return parent;
}

static int
by_root(const void *pa, const void *pb)
{
	const struct link *a = pa, *b = pb;

	if (a->root != b->root)
		return a->root < b->root ? -1 : 1;
	if (a->run != b->run)
		return a->run < b->run ? -1 : 1;
	return a->cluster < b->cluster ? -1 : a->cluster > b->cluster;
}

static int
by_hosts(const void *pa, const void *pb)
{
	const struct chain *a = pa, *b = pb;

	if (a->hosts != b->hosts)
		return a->hosts > b->hosts ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

/* The chain that begins at a link. */
static struct chain
measure(const struct chains *c, uint32_t at, uint32_t nlinks)
{
	struct chain chain = { .at = at };
	uint64_t hosts = 0;

	for (uint32_t i = at; i < nlinks && c->links[i].root == c->links[at].root; i++) {
		const struct link *l = &c->links[i];

		if (i > at && l->run != l[-1].run)
			hosts = 0;
		hosts += c->st[l->run]->clusters[l->cluster].hosts.n;
		if (hosts > chain.hosts)
			chain.hosts = hosts;
		chain.n++;
	}
	return chain;
}

static void
chains_init(struct chains *c, struct study *const *st, size_t n)
{
	uint32_t *first = xcalloc(n + 1, sizeof(*first)), *parent, nlinks = 0;

	*c = (struct chains){ .st = st, .n = n };
	for (size_t i = 0; i < n; i++)
		first[i + 1] = first[i] + st[i]->nclusters;
	parent = join(st, n, first);
	c->links = xcalloc((size_t)first[n] + 1, sizeof(*c->links));
	for (uint32_t run = 0; run < n; run++) {
		for (uint32_t i = 0; i < st[run]->nclusters; i++)
			c->links[nlinks++] = (struct link){ unionfind_root(parent, first[run] + i),
				run, i };
	}
	if (nlinks > 1)
		qsort(c->links, nlinks, sizeof(*c->links), by_root);
	c->v = xcalloc((size_t)nlinks + 1, sizeof(*c->v));
	for (uint32_t at = 0; at < nlinks; at += c->v[c->nv++].n)
		c->v[c->nv] = measure(c, at, nlinks);
	if (c->nv > 1)
		qsort(c->v, c->nv, sizeof(*c->v), by_hosts);
	free(parent);
	free(first);
}

static void
chains_fini(struct chains *c)
{
	free(c->links);
	free(c->v);
}

/* A chain's clusters of one run. */
static void
list_members(const struct chains *c, const struct chain *chain, size_t run, struct match_list *l)
{
	l->n = 0;
	for (uint32_t i = chain->at; i < chain->at + chain->n; i++) {
		if (c->links[i].run == run)
			match_list_add(l, c->links[i].cluster);
	}
}

/* "12 → 7, 9": its numbers in each run. */
static void
put_label(const struct study *st, size_t run, const struct match_list *l, struct buf *label)
{
	if (run > 0)
		buf_adds(label, " → ");
	if (l->n == 0)
		buf_adds(label, "–");
	for (size_t i = 0; i < l->n && i < IDS_SHOWN; i++)
		buf_printf(label, "%s%u", i > 0 ? ", " : "", st->clusters[l->v[i]].id);
	if (l->n > IDS_SHOWN)
		buf_adds(label, ", …");
}

static void
put_chain(struct table *const *tables, const struct chains *c, const struct chain *chain)
{
	struct match_list *lists = xcalloc(c->n + 1, sizeof(*lists));
	struct buf label;

	buf_init(&label);
	for (size_t run = 0; run < c->n; run++) {
		list_members(c, chain, run, &lists[run]);
		put_label(c->st[run], run, &lists[run], &label);
	}
	for (size_t run = 0; run < c->n; run++) {
		struct row *r = table_row(tables[run], "%s", label.data);

		if (lists[run].n > 0)
			stats_cluster_row(r, c->st[run], lists[run].v, lists[run].n);
		free(lists[run].v);
	}
	buf_fini(&label);
	free(lists);
}

/* As many rows as the longest of the tables has; all where all are whole. */
static size_t
rows_wanted(struct table *const *tables, struct study *const *st, size_t n)
{
	size_t rows = 0;
	bool all = true;

	for (size_t run = 0; run < n; run++) {
		all = all && tables[run]->nrows == st[run]->nclusters;
		rows = tables[run]->nrows > rows ? tables[run]->nrows : rows;
	}
	return all ? SIZE_MAX : rows;
}

void
stats_match(struct tables *runs, struct study *const *st, size_t n)
{
	struct table **tables = xcalloc(n + 1, sizeof(*tables));
	struct chains c;
	size_t rows;
	bool there = true;

	for (size_t run = 0; run < n; run++) {
		const struct table *t = tables_find(&runs[run], "clusters");

		there = there && t != NULL;
		tables[run] = t != NULL ? &runs[run].v[t - runs[run].v] : NULL;
	}
	if (there) {
		rows = rows_wanted(tables, st, n);
		for (size_t run = 0; run < n; run++)
			table_clear(tables[run]);
		chains_init(&c, st, n);
		for (uint32_t i = 0; i < c.nv && i < rows; i++)
			put_chain(tables, &c, &c.v[i]);
		chains_fini(&c);
	}
	free(tables);
}
