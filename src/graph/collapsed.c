/*
 * Pure: the collapsed picture.
 *
 * Hosts of one AS that show the same shared keys on the same ports are one
 * node; each shared key is a node.  Where that is still too much to read,
 * more is joined, one step after the other, until it fits.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/port.h"
#include "survey/text.h"

#include "collapse.h"

#define NODES_COLLAPSED 120
#define NODES_COARSE 56
#define TIP_HOSTS 12
#define KEY_CAPTIONS 30
#define MAX_RADIUS 46.0

static const struct step steps[] = {
	{ false, false, AS_EACH, NULL },
	{ true, true, AS_EACH,
	    "Keys of exactly the same hosts are one node; ports of one group count as one." },
	{ true, true, AS_COLOURED,
	    "Keys of exactly the same hosts are one node; ports of one group count as one; all but "
	    "the "
	    "twelve largest ASes are joined." },
};
#define NSTEPS (sizeof(steps) / sizeof(steps[0]))

static int
cmp_u32(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static enum port_group
group_of(const struct study_use *u)
{
	return palette_group(port_table[u->port].port);
}

/* The key at that place of the cluster's. */
static const struct study_key *
key_at(const struct collapse *x, uint32_t i)
{
	return &x->st->keys[study_cluster_key(x->st, x->c, i)];
}

/* Keys by the list of (host, port group) that show them. */
static int
by_users(const void *pa, const void *pb, void *arg)
{
	const struct collapse *col = arg;
	const struct study_use *uses = col->st->uses;
	const struct study_key *a = key_at(col, *(const uint32_t *)pa);
	const struct study_key *b = key_at(col, *(const uint32_t *)pb);
	uint32_t i = 0, j = 0;

	if (a->nhosts != b->nhosts)
		return a->nhosts > b->nhosts ? -1 : 1;
	while (i < a->uses.n && j < b->uses.n) {
		const struct study_use *x = &uses[a->uses.at + i], *y = &uses[b->uses.at + j];
		int c = cmp_u32(x->host, y->host);

		if (c == 0)
			c = (int)group_of(x) - (int)group_of(y);
		if (c != 0)
			return c;
		while (++i < a->uses.n && x[1].host == x->host && group_of(&x[1]) == group_of(x))
			x++;
		while (++j < b->uses.n && y[1].host == y->host && group_of(&y[1]) == group_of(y))
			y++;
	}
	return (int)(i < a->uses.n) - (int)(j < b->uses.n);
}

static int
by_users_and_number(const void *pa, const void *pb, void *arg)
{
	int c = by_users(pa, pb, arg);

	return c != 0 ? c : cmp_u32(*(const uint32_t *)pa, *(const uint32_t *)pb);
}

static void
bundle_keys(struct collapse *x)
{
	uint32_t n = x->c->nshared, *order = xcalloc((size_t)n + 1, sizeof(*order));

	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	if (x->step->alike_keys)
		qsort_r(order, n, sizeof(*order), by_users_and_number, x);
	x->nbundles = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (i == 0 || !x->step->alike_keys || by_users(&order[i - 1], &order[i], x) != 0)
			x->bundles[x->nbundles++] = (struct bundle){ .first = order[i],
				.nhosts = key_at(x, order[i])->nhosts };
		x->bundles[x->nbundles - 1].nkeys++;
		x->class[order[i]] = x->nbundles - 1;
	}
	free(order);
}

static int
by_item(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;
	int c = cmp_u32(a->key, b->key);

	return c != 0 ? c : cmp_u32(a->port, b->port);
}

/* The first and one past the last use of the shared key at that place. */
static const struct study_use *
first_use(const struct collapse *x, uint32_t key, const struct study_use **end)
{
	const struct study_use *u = &x->st->uses[key_at(x, key)->uses.at];

	*end = u + key_at(x, key)->uses.n;
	return u;
}

/* What each host shows of the shared keys: sorted, each once. */
static void
list_items(struct collapse *x)
{
	uint32_t nhosts = x->c->hosts.n, n = 0;
	uint32_t *at = xcalloc((size_t)nhosts + 2, sizeof(*at));
	const struct study_use *u, *end;

	for (uint32_t k = 0; k < x->c->nshared; k++) {
		for (u = first_use(x, k, &end); u < end; u++)
			at[x->st->place[u->host] - x->c->hosts.at + 2]++;
	}
	for (uint32_t i = 2; i <= nhosts + 1; i++)
		at[i] += at[i - 1];
	for (uint32_t k = 0; k < x->c->nshared;
	     k++) { /* at[i + 1] moves from the start of i's to their end */
		for (u = first_use(x, k, &end); u < end; u++) {
			uint32_t port = x->step->port_groups ? (uint32_t)group_of(u)
							     : port_table[u->port].port;

			x->items[at[x->st->place[u->host] - x->c->hosts.at + 1]++] =
			    (struct item){ x->class[k], port };
		}
	}
	for (uint32_t i = 0; i < nhosts; i++) {
		uint32_t start = at[i], stop = at[i + 1];

		x->item0[i] = n;
		qsort(x->items + start, stop - start, sizeof(*x->items), by_item);
		for (uint32_t k = start; k < stop; k++) {
			if (k == start || by_item(&x->items[n - 1], &x->items[k]) != 0)
				x->items[n++] = x->items[k];
		}
	}
	x->item0[nhosts] = n;
	free(at);
}

static int
by_looks(const void *pa, const void *pb, void *arg)
{
	const struct collapse *x = arg;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	uint32_t na = x->item0[a + 1] - x->item0[a];
	uint32_t nb = x->item0[b + 1] - x->item0[b];
	int c = cmp_u32(x->as[a], x->as[b]);

	if (c == 0)
		c = cmp_u32(na, nb);
	for (uint32_t i = 0; c == 0 && i < na; i++)
		c = by_item(&x->items[x->item0[a] + i], &x->items[x->item0[b] + i]);
	return c;
}

static int
by_looks_and_number(const void *pa, const void *pb, void *arg)
{
	int c = by_looks(pa, pb, arg);

	return c != 0 ? c : cmp_u32(*(const uint32_t *)pa, *(const uint32_t *)pb);
}

static void
group_hosts(struct collapse *x)
{
	uint32_t n = x->c->hosts.n;

	for (uint32_t i = 0; i < n; i++)
		x->order[i] = i;
	qsort_r(x->order, n, sizeof(*x->order), by_looks_and_number, x);
	x->ngroups = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t h = x->order[i], as = x->st->hosts[collapse_host(x, h)].as;

		if (i == 0 || by_looks(&x->order[i - 1], &x->order[i], x) != 0)
			x->groups[x->ngroups++] = (struct group){ .as = as,
				.order0 = i,
				.item0 = x->item0[h],
				.nitems = x->item0[h + 1] - x->item0[h] };
		struct group *g = &x->groups[x->ngroups - 1];

		if (g->as != as)
			g->as = STUDY_NONE;
		g->nhosts++;
	}
}

/* How a step sees the AS of each host. */
static void
see_ases(struct collapse *x, const struct drawing *d)
{
	for (uint32_t i = 0; i < x->c->hosts.n; i++) {
		uint32_t as = x->st->hosts[collapse_host(x, i)].as;

		if (x->step->as == AS_COLOURED) {
			bool coloured = false;

			for (size_t k = 0; k < d->nases && k < NAS_COLOURS; k++)
				coloured |= d->ases[k].as == as;
			if (!coloured)
				as = STUDY_NONE;
		}
		x->as[i] = as;
	}
}

static void
collapse(struct collapse *x, const struct drawing *d, const struct step *step)
{
	x->step = step;
	bundle_keys(x);
	list_items(x);
	see_ases(x, d);
	group_hosts(x);
}

static void
collapse_init(struct collapse *x, const struct study *st, const struct study_cluster *c)
{
	size_t nhosts = c->hosts.n, nitems = 1;

	*x = (struct collapse){ .st = st, .c = c };
	for (uint32_t i = 0; i < c->nshared; i++)
		nitems += key_at(x, i)->uses.n;
	x->class = xcalloc((size_t)c->nshared + 1, sizeof(*x->class));
	x->bundles = xcalloc((size_t)c->nshared + 1, sizeof(*x->bundles));
	x->items = xcalloc(nitems, sizeof(*x->items));
	x->item0 = xcalloc(nhosts + 1, sizeof(*x->item0));
	x->as = xcalloc(nhosts + 1, sizeof(*x->as));
	x->order = xcalloc(nhosts + 1, sizeof(*x->order));
	x->groups = xcalloc(nhosts + 1, sizeof(*x->groups));
}

static void
collapse_fini(struct collapse *x)
{
	free(x->class);
	free(x->bundles);
	free(x->items);
	free(x->item0);
	free(x->as);
	free(x->order);
	free(x->groups);
}

uint32_t
collapse_port_group(const struct collapse *x, const struct item *it)
{
	return x->step->port_groups ? it->port : (uint32_t)palette_group(it->port);
}

/* A node's radius: its area grows with the count until the largest node of the picture is large enough. */
static double
radius(uint32_t n, uint32_t largest)
{
	double p = 0.5;

	if (n <= 1)
		return 8;
	if (8 * pow(largest, p) > MAX_RADIUS)
		p = log(MAX_RADIUS / 8) / log(largest);
	return 8 * pow(n, p);
}

static void
count_label(struct draw_node *n, uint32_t count)
{
	struct buf b;

	buf_init(&b);
	text_count(&b, count);
	snprintf(n->label, sizeof(n->label), "%s", b.data);
	buf_fini(&b);
}

static void
draw_group(struct drawing *d, const struct collapse *x, struct group *g, uint32_t largest)
{
	struct draw_node *n = drawing_node(d, NODE_GROUP);
	struct buf tip;

	g->node = (uint32_t)d->nnodes - 1;
	n->ref = collapse_host(x, x->order[g->order0]);
	n->nhosts = g->nhosts;
	n->as = g->as;
	n->style = g->as == STUDY_NONE ? palette_mixed() : drawing_as_style(d, g->as);
	n->r = radius(g->nhosts, largest);
	if (g->nhosts == 1 && drawing_others(x->st, n))
		return;
	buf_init(&tip);
	if (g->nhosts == 1) {
		drawing_host_tip(&tip, x->st, n->ref);
	} else {
		count_label(n, g->nhosts);
		buf_printf(&tip, "%u hosts of ", g->nhosts);
		if (g->as == STUDY_NONE)
			buf_adds(&tip, "several ASes");
		else
			drawing_as_name(&tip, x->st, g->as, 60);
		for (uint32_t i = 0; i < g->nhosts && i < TIP_HOSTS; i++) {
			buf_adds(&tip, "\n");
			drawing_ip(&tip, x->st, collapse_host(x, x->order[g->order0 + i]));
		}
		if (g->nhosts > TIP_HOSTS)
			buf_printf(&tip, "\nand %u more", g->nhosts - TIP_HOSTS);
	}
	n->tip = buf_steal(&tip);
	buf_fini(&tip);
}

static void
draw_bundle(struct drawing *d, const struct collapse *x, struct bundle *b)
{
	struct draw_node *n = drawing_node(d, NODE_KEY);
	struct buf tip;

	b->node = (uint32_t)d->nnodes - 1;
	n->ref = study_cluster_key(x->st, x->c, b->first);
	n->nkeys = b->nkeys;
	n->nhosts = b->nhosts;
	n->r = 7.5;
	n->style = (struct as_style){ 0x222222, 0x222222, 1, { 0 } };
	buf_init(&tip);
	if (x->nbundles <= KEY_CAPTIONS) {
		if (b->nkeys > 1)
			buf_printf(&tip, "%u keys", b->nkeys);
		else
			buf_printf(&tip, "k%u", b->first + 1);
		n->caption = xstrdup(tip.data);
		buf_clear(&tip);
	}
	if (b->nkeys > 1)
		buf_printf(&tip, "%u keys, each on the same ", b->nkeys);
	else
		buf_printf(&tip, "shared key k%u on ", b->first + 1);
	drawing_key_users(&tip, x->st, n->ref);
	buf_adds(&tip, b->nkeys > 1 ? "; the first: " : "\n");
	drawing_key_name(&tip, x->st, n->ref);
	n->tip = buf_steal(&tip);
	buf_fini(&tip);
}

static double
edge_width(double base, uint32_t nhosts)
{
	double w = base + 0.7 * log10(nhosts > 0 ? nhosts : 1);

	return w > 4 ? 4 : w;
}

/* The lines from one group to one key: items it[0..n), all of that key; one line a port group. */
static void
draw_links(struct drawing *d, const struct collapse *x, const struct group *g,
    const struct item *it, uint32_t n)
{
	bool seen[NGROUPS] = { false };
	uint32_t nlanes = 0, lane = 0;
	struct buf tip;

	buf_init(&tip);
	buf_printf(&tip, "%u host%s with this key on port ", g->nhosts, g->nhosts == 1 ? "" : "s");
	for (uint32_t i = 0; i < n; i++) {
		static const char *const names[NGROUPS] = { "22", "group mail", "group web" };

		nlanes += !seen[collapse_port_group(x, &it[i])];
		seen[collapse_port_group(x, &it[i])] = true;
		if (x->step->port_groups)
			buf_printf(&tip, "%s%s", i > 0 ? ", " : "", names[it[i].port]);
		else
			buf_printf(&tip, "%s%u", i > 0 ? ", " : "", it[i].port);
	}
	for (uint32_t k = 0; k < NGROUPS; k++) {
		struct draw_edge *e;

		if (!seen[k])
			continue;
		e = drawing_edge(d, g->node, x->bundles[it->key].node);
		e->style = *palette_class_style(
		    palette_class_of((enum port_group)k, (enum port_group)k));
		e->style.width = edge_width(e->style.width, g->nhosts);
		e->lane = lane++;
		e->nlanes = nlanes;
		e->tip = xstrdup(tip.data);
	}
	buf_fini(&tip);
}

static void
draw_part(struct drawing *d, struct part *p, uint32_t largest)
{
	struct draw_node *n = drawing_node(d, NODE_REST);

	p->node = (uint32_t)d->nnodes - 1;
	n->nhosts = p->nhosts;
	n->nkeys = p->nkeys;
	n->style = (struct as_style){ 0xf2f2f2, 0x888888, 1, { 4, 2 } };
	if (p->nhosts > 0) {
		n->r = fmax(11, radius(p->nhosts, largest));
		count_label(n, p->nhosts);
		n->tip = xasprintf("%u further host%s and %u key%s, not drawn one by one",
		    p->nhosts, p->nhosts == 1 ? "" : "s", p->nkeys, p->nkeys == 1 ? "" : "s");
	} else {
		n->r = 14;
		count_label(n, p->nkeys);
		n->tip = xasprintf(
		    "%u further key%s, not drawn one by one", p->nkeys, p->nkeys == 1 ? "" : "s");
	}
}

static void
draw_touches(struct drawing *d, const struct collapse *x, const struct rest *r)
{
	for (uint32_t i = 0; i < r->ntouches; i++) {
		const struct touch *t = &r->touches[i];
		const struct part *p = &r->parts[t->part];
		uint32_t to = t->kept < x->ngroups ? x->groups[t->kept].node
						   : x->bundles[t->kept - x->ngroups].node;
		struct draw_edge *e = drawing_edge(d, p->node, to);

		e->style = *palette_class_style(
		    palette_class_of((enum port_group)t->group, (enum port_group)t->group));
		e->style.width *= 0.6;
		for (uint32_t m = p->near0; m < p->near0 + p->nnear; m++) {
			if (r->touches[m].kept != t->kept)
				continue;
			e->lane += m < i;
			e->nlanes += m != i;
		}
		e->tip = xasprintf("links to %u further hosts and %u keys", p->nhosts, p->nkeys);
	}
}

/* Draw the largest groups and the most used keys, and everything else as a few grey nodes. */
static void
draw_with_rest(struct drawing *d, struct collapse *x, uint32_t limit)
{
	uint32_t hidden_hosts = 0, hidden_keys = 0, largest = 1;
	struct rest r;

	rest_init(&r, x, limit / 2, limit / 4, limit / 4);
	for (uint32_t i = 0; i < x->ngroups; i++) {
		if (r.kept[i] && x->groups[i].nhosts > largest)
			largest = x->groups[i].nhosts;
	}
	for (uint32_t i = 0; i < r.nparts; i++) {
		hidden_hosts += r.parts[i].nhosts;
		hidden_keys += r.parts[i].nkeys;
		if (r.parts[i].nhosts > largest)
			largest = r.parts[i].nhosts;
	}
	for (uint32_t i = 0; i < x->ngroups; i++) {
		if (r.kept[i])
			draw_group(d, x, &x->groups[i], largest);
	}
	for (uint32_t i = 0; i < x->nbundles; i++) {
		if (r.kept[x->ngroups + i])
			draw_bundle(d, x, &x->bundles[i]);
	}
	for (uint32_t i = 0; i < r.nparts; i++)
		draw_part(d, &r.parts[i], largest);
	for (uint32_t i = 0; i < x->ngroups; i++) {
		const struct group *g = &x->groups[i];

		for (uint32_t k = 0, m; r.kept[i] && k < g->nitems; k = m) {
			const struct item *it = &x->items[g->item0 + k];

			for (m = k; m < g->nitems && x->items[g->item0 + m].key == it->key; m++)
				;
			if (r.kept[x->ngroups + it->key])
				draw_links(d, x, g, it, m - k);
		}
	}
	draw_touches(d, x, &r);
	if (hidden_hosts + hidden_keys > 0) {
		struct buf b;

		buf_init(&b);
		buf_adds(&b, "Grey dashed circles and diamonds hold the ");
		text_count(&b, hidden_hosts);
		buf_adds(&b, " hosts and ");
		text_count(&b, hidden_keys);
		buf_adds(&b, " keys that are not drawn one by one.");
		drawing_note(d, "%s", b.data);
		buf_fini(&b);
	}
	rest_fini(&r);
}

static void
legend(struct drawing *d)
{
	static const struct {
		enum pair_class class;
		const char *text;
	} rows[] = {
		{ PAIR_SSH, "shown on SSH (22)" },
		{ PAIR_MAIL, "shown on mail ports" },
		{ PAIR_WEB, "shown on web (443)" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct line_style *s = palette_class_style(rows[i].class);
		bool used = false;

		for (size_t k = 0; k < d->nedges && !used; k++)
			used = d->edges[k].style.rgb == s->rgb;
		if (!used)
			continue;
		mem_grow(&d->lines, &d->cap_lines, d->nlines + 1, sizeof(*d->lines));
		d->lines[d->nlines++] = (struct draw_line){ *s, xstrdup(rows[i].text) };
	}
}

void
drawing_collapsed(struct drawing *d, const struct study *st, uint32_t cluster)
{
	const struct study_cluster *c = &st->clusters[cluster];
	uint32_t limit = d->level == DRAW_COARSE ? NODES_COARSE : NODES_COLLAPSED;
	struct collapse x;
	size_t step;

	collapse_init(&x, st, c);
	for (step = 0; step < NSTEPS; step++) {
		collapse(&x, d, &steps[step]);
		if (x.ngroups + x.nbundles <= limit)
			break;
	}
	if (step == NSTEPS) { /* with the colours, since the largest are all that is drawn */
		step = NSTEPS - 1;
		collapse(&x, d, &steps[step]);
	}
	if (steps[step].note != NULL)
		drawing_note(d, "%s", steps[step].note);
	draw_with_rest(d, &x, x.ngroups + x.nbundles <= limit ? 4 * limit : limit);
	legend(d);
	collapse_fini(&x);
}
