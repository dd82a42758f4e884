/* Pure. */
#include <stdlib.h>

#include "survey/cuts.h"
#include "survey/mem.h"

/* Hosts of the cluster are the vertices 0 … nhosts - 1, its shared keys come after them. */
struct walk {
	const struct study *st;
	const struct study_cluster *c;
	uint32_t nhosts, n;
	uint32_t *first, *edges; /* neighbours of each vertex */
	uint32_t *found, *low, *parent, *at; /* Tarjan's; found 0: not yet */
	uint32_t *hosts; /* in the subtree below and with a vertex */
};

static void
list_edges(struct walk *w)
{
	const struct study *st = w->st;
	uint32_t *fill;

	w->first = xcalloc((size_t)w->n + 2, sizeof(*w->first));
	for (int pass = 0; pass < 2; pass++) {
		if (pass == 1) {
			for (uint32_t i = 1; i <= w->n; i++)
				w->first[i] += w->first[i - 1];
			w->edges = xcalloc((size_t)w->first[w->n] + 1, sizeof(*w->edges));
		}
		fill = xcalloc((size_t)w->n + 1, sizeof(*fill));
		for (uint32_t k = 0; k < w->c->nshared; k++) {
			const struct study_key *key = &st->keys[study_cluster_key(st, w->c, k)];
			uint32_t last = STUDY_NONE, vertex = w->nhosts + k;

			for (uint32_t u = key->uses.at; u < key->uses.at + key->uses.n; u++) {
				uint32_t host = st->uses[u].host, v;

				if (host == last || st->hosts[host].cluster == STUDY_NONE)
					continue;
				last = host;
				v = st->place[host] - w->c->hosts.at;
				if (pass == 0) {
					w->first[v + 1]++;
					w->first[vertex + 1]++;
				} else {
					w->edges[w->first[v] + fill[v]++] = vertex;
					w->edges[w->first[vertex] + fill[vertex]++] = v;
				}
			}
		}
		free(fill);
	}
}

/* A piece of so many hosts hangs on v alone: pieces of a vertex form a list. */
struct piece {
	uint32_t vertex, hosts;
};

struct pieces {
	struct piece *v;
	size_t n, cap;
};

static void
add_piece(struct pieces *p, uint32_t vertex, uint32_t hosts)
{
	mem_grow(&p->v, &p->cap, p->n + 1, sizeof(*p->v));
	p->v[p->n++] = (struct piece){ vertex, hosts };
}

/* Depth first, without recursion: a cluster may be a long chain. */
static void
search(struct walk *w, uint32_t root, uint32_t *clock, struct pieces *pieces)
{
	uint32_t v = root;

	w->parent[root] = STUDY_NONE;
	w->found[root] = w->low[root] = ++*clock;
	w->hosts[root] = root < w->nhosts;
	while (v != STUDY_NONE) {
		if (w->at[v] < w->first[v + 1] - w->first[v]) {
			uint32_t to = w->edges[w->first[v] + w->at[v]++];

			if (w->found[to] == 0) {
				w->parent[to] = v;
				w->found[to] = w->low[to] = ++*clock;
				w->hosts[to] = to < w->nhosts;
				v = to;
			} else if (to != w->parent[v] && w->found[to] < w->low[v]) {
				w->low[v] = w->found[to];
			}
		} else {
			uint32_t up = w->parent[v];

			if (up != STUDY_NONE) {
				w->hosts[up] += w->hosts[v];
				if (w->low[v] < w->low[up])
					w->low[up] = w->low[v];
				if (w->low[v] >= w->found[up])
					add_piece(pieces, up, w->hosts[v]);
			}
			v = up;
		}
	}
}

static int
by_vertex_and_size(const void *pa, const void *pb)
{
	const struct piece *a = pa, *b = pb;

	if (a->vertex != b->vertex)
		return a->vertex < b->vertex ? -1 : 1;
	return a->hosts > b->hosts ? -1 : a->hosts < b->hosts;
}

/* The pieces of the vertices that cut, with what is left above each. */
static void
collect_cuts(struct walk *w, struct pieces *pieces, uint32_t root_hosts, struct cuts *c)
{
	size_t cap_v = 0, cap_parts = 0;
	uint32_t nparts = 0;

	if (pieces->n > 0)
		qsort(pieces->v, pieces->n, sizeof(*pieces->v), by_vertex_and_size);
	for (size_t i = 0, k; i < pieces->n; i = k) {
		uint32_t v = pieces->v[i].vertex, below = 0, start = nparts;
		bool above;

		for (k = i; k < pieces->n && pieces->v[k].vertex == v; k++)
			below += pieces->v[k].hosts;
		above = w->parent[v] != STUDY_NONE;
		if (k - i < 2 && !above)
			continue; /* a root with one child */
		mem_grow(&c->parts, &cap_parts, (size_t)nparts + (k - i) + 1, sizeof(*c->parts));
		for (size_t p = i; p < k; p++)
			c->parts[nparts++] = pieces->v[p].hosts;
		if (above) {
			uint32_t rest = root_hosts - below - (v < w->nhosts), at = nparts++;

			for (; at > start && c->parts[at - 1] < rest; at--)
				c->parts[at] = c->parts[at - 1];
			c->parts[at] = rest;
		}
		mem_grow(&c->v, &cap_v, (size_t)c->n + 1, sizeof(*c->v));
		c->v[c->n++] = (struct cut){ .is_key = v >= w->nhosts,
			.number = v < w->nhosts ? study_member(w->st, w->c, v)
						: study_cluster_key(w->st, w->c, v - w->nhosts),
			.parts = { start, nparts - start } };
	}
}

static int
by_kind_and_number(const void *pa, const void *pb)
{
	const struct cut *a = pa, *b = pb;

	if (a->is_key != b->is_key)
		return a->is_key ? 1 : -1;
	return a->number < b->number ? -1 : a->number > b->number;
}

void
cuts_find(const struct study *st, uint32_t cluster, struct cuts *c)
{
	struct walk w = { .st = st, .c = &st->clusters[cluster] };
	struct pieces pieces = { NULL, 0, 0 };
	uint32_t clock = 0;

	*c = (struct cuts){ NULL, 0, NULL };
	w.nhosts = w.c->hosts.n;
	w.n = w.nhosts + w.c->nshared;
	list_edges(&w);
	w.found = xcalloc((size_t)w.n + 1, sizeof(*w.found));
	w.low = xcalloc((size_t)w.n + 1, sizeof(*w.low));
	w.parent = xcalloc((size_t)w.n + 1, sizeof(*w.parent));
	w.at = xcalloc((size_t)w.n + 1, sizeof(*w.at));
	w.hosts = xcalloc((size_t)w.n + 1, sizeof(*w.hosts));
	/* One search finds all; an imported cluster may hang together by pairs alone. */
	search(&w, 0, &clock, &pieces);
	collect_cuts(&w, &pieces, w.hosts[0], c);
	if (c->n > 0)
		qsort(c->v, c->n, sizeof(*c->v), by_kind_and_number);
	free(pieces.v);
	free(w.first);
	free(w.edges);
	free(w.found);
	free(w.low);
	free(w.parent);
	free(w.at);
	free(w.hosts);
}

void
cuts_fini(struct cuts *c)
{
	free(c->v);
	free(c->parts);
	*c = (struct cuts){ NULL, 0, NULL };
}
