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

static const struct collapse *sorting; /* qsort() passes no argument */

static int
cmp_u32(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

/* Keys by the list of (host, port group) that show them. */
static int
by_users(const void *pa, const void *pb)
{
	const struct study *st = sorting->st;
	uint32_t ia = *(const uint32_t *)pa, ib = *(const uint32_t *)pb;
	const struct study_key *a = &st->keys[sorting->c->key0 + ia];
	const struct study_key *b = &st->keys[sorting->c->key0 + ib];
	uint32_t i = 0, j = 0;

	if (a->nhosts != b->nhosts)
		return a->nhosts > b->nhosts ? -1 : 1;
	while (i < a->nuse && j < b->nuse) {
		const struct study_use *x = &st->uses[a->use0 + i], *y = &st->uses[b->use0 + j];
		int c = cmp_u32(x->host, y->host);

		if (c == 0)
			c = (int)palette_group(x->port) - (int)palette_group(y->port);
		if (c != 0)
			return c;
		while (++i < a->nuse && x[1].host == x->host &&
		       palette_group(x[1].port) == palette_group(x->port))
			x++;
		while (++j < b->nuse && y[1].host == y->host &&
		       palette_group(y[1].port) == palette_group(y->port))
			y++;
	}
	return (int)(i < a->nuse) - (int)(j < b->nuse);
}

static int
by_users_and_number(const void *pa, const void *pb)
{
	int c = by_users(pa, pb);

	return c != 0 ? c : cmp_u32(*(const uint32_t *)pa, *(const uint32_t *)pb);
}

static void
bundle_keys(struct collapse *x)
{
	uint32_t n = x->c->nshared, *order = xcalloc((size_t)n + 1, sizeof(*order));

	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	sorting = x;
	if (x->step->alike_keys)
		qsort(order, n, sizeof(*order), by_users_and_number);
	x->nbundles = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (i == 0 || !x->step->alike_keys || by_users(&order[i - 1], &order[i]) != 0)
			x->bundles[x->nbundles++] = (struct bundle){ .first = x->c->key0 + order[i],
				.nhosts = x->st->keys[x->c->key0 + order[i]].nhosts };
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

static void
list_items(struct collapse *x)
{
	const struct study *st = x->st;
	uint32_t n = 0;

	for (uint32_t i = 0; i < x->c->nhosts; i++) {
		const struct study_host *h = &st->hosts[x->c->host0 + i];
		uint32_t start = n, kept = start;

		x->item0[i] = start;
		for (uint32_t k = 0; k < h->nuse; k++) {
			const struct study_use *u = &st->uses[st->by_host[h->use0 + k]];

			if (u->key - x->c->key0 >= x->c->nshared)
				continue;
			x->items[n++] = (struct item){ x->class[u->key - x->c->key0],
				x -> step -> port_groups ? (uint32_t)palette_group(u->port)
							 : u -> port };
		}
		qsort(x->items + start, n - start, sizeof(*x->items), by_item);
		for (uint32_t k = start; k < n; k++) {
			if (k == start || by_item(&x->items[k - 1], &x->items[k]) != 0)
				x->items[kept++] = x->items[k];
		}
		n = kept;
	}
	x->item0[x->c->nhosts] = n;
}

static int
by_looks(const void *pa, const void *pb)
{
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	uint32_t na = sorting->item0[a + 1] - sorting->item0[a];
	uint32_t nb = sorting->item0[b + 1] - sorting->item0[b];
	int c = cmp_u32(sorting->as[a], sorting->as[b]);

	if (c == 0)
		c = cmp_u32(na, nb);
	for (uint32_t i = 0; c == 0 && i < na; i++)
		c = by_item(
		    &sorting->items[sorting->item0[a] + i], &sorting->items[sorting->item0[b] + i]);
	return c;
}

static int
by_looks_and_number(const void *pa, const void *pb)
{
	int c = by_looks(pa, pb);

	return c != 0 ? c : cmp_u32(*(const uint32_t *)pa, *(const uint32_t *)pb);
}

static void
group_hosts(struct collapse *x)
{
	uint32_t n = x->c->nhosts;

	for (uint32_t i = 0; i < n; i++)
		x->order[i] = i;
	sorting = x;
	qsort(x->order, n, sizeof(*x->order), by_looks_and_number);
	x->ngroups = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t h = x->order[i];

		if (i == 0 || by_looks(&x->order[i - 1], &x->order[i]) != 0)
			x->groups[x->ngroups++] =
			    (struct group){ .as = x->st->hosts[x->c->host0 + h].as,
				    .order0 = i,
				    .item0 = x->item0[h],
				    .nitems = x->item0[h + 1] - x->item0[h] };
		struct group *g = &x->groups[x->ngroups - 1];

		if (g->as != x->st->hosts[x->c->host0 + h].as)
			g->as = STUDY_NONE;
		g->nhosts++;
	}
}

/* How a step sees the AS of each host. */
static void
see_ases(struct collapse *x, const struct drawing *d)
{
	for (uint32_t i = 0; i < x->c->nhosts; i++) {
		uint32_t as = x->st->hosts[x->c->host0 + i].as;

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
	size_t nitems = 1;

	for (uint32_t i = 0; i < c->nhosts; i++)
		nitems += st->hosts[c->host0 + i].nuse;
	*x = (struct collapse){ .st = st, .c = c };
	x->class = xcalloc((size_t)c->nshared + 1, sizeof(*x->class));
	x->bundles = xcalloc((size_t)c->nshared + 1, sizeof(*x->bundles));
	x->items = xcalloc(nitems, sizeof(*x->items));
	x->item0 = xcalloc((size_t)c->nhosts + 1, sizeof(*x->item0));
	x->as = xcalloc((size_t)c->nhosts + 1, sizeof(*x->as));
	x->order = xcalloc((size_t)c->nhosts + 1, sizeof(*x->order));
	x->groups = xcalloc((size_t)c->nhosts + 1, sizeof(*x->groups));
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
	n->ref = x->c->host0 + x->order[g->order0];
	n->nhosts = g->nhosts;
	n->as = g->as;
	n->style = g->as == STUDY_NONE ? palette_mixed() : drawing_as_style(d, g->as);
	n->r = radius(g->nhosts, largest);
	buf_init(&tip);
	if (g->nhosts == 1) {
		drawing_host_tip(&tip, x->st, n->ref);
	} else {
		count_label(n, g->nhosts);
		buf_printf(&tip, "%u hosts of ", g->nhosts);
		if (g->as == STUDY_NONE)
			buf_adds(&tip, "several ASes");
		else
			drawing_as_name(&tip, &x->st->ases[g->as], 60);
		for (uint32_t i = 0; i < g->nhosts && i < TIP_HOSTS; i++) {
			const char *ip = x->st->hosts[x->c->host0 + x->order[g->order0 + i]].ip;

			buf_adds(&tip, "\n");
			text_plain(&tip, ip, strlen(ip), 64);
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
	n->ref = b->first;
	n->nkeys = b->nkeys;
	n->nhosts = b->nhosts;
	n->r = 7.5;
	n->style = (struct as_style){ 0x222222, 0x222222, 1, { 0 } };
	buf_init(&tip);
	if (x->nbundles <= KEY_CAPTIONS) {
		if (b->nkeys > 1)
			buf_printf(&tip, "%u keys", b->nkeys);
		else
			buf_printf(&tip, "k%u", b->first - x->c->key0 + 1);
		n->caption = xstrdup(tip.data);
		buf_clear(&tip);
	}
	if (b->nkeys > 1)
		buf_printf(
		    &tip, "%u keys, each on the same %u hosts; the first: ", b->nkeys, b->nhosts);
	else
		buf_printf(
		    &tip, "shared key k%u on %u hosts\n", b->first - x->c->key0 + 1, b->nhosts);
	drawing_key_name(&tip, x->st, b->first);
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
