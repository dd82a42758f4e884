/*
 * Pure: the picture of keys, and the collapsed one.
 *
 * In the first each host is a node, and so are the keys that the same hosts
 * show.  In the second hosts of one AS that show the same shared keys on the same ports are one
 * node; each shared key is a node.  Where that is still too much to read,
 * more is joined, one step after the other, until it fits.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/text.h"

#include "collapse.h"

#define NODES_COLLAPSED 120
#define NODES_COARSE 56
#define TIP_HOSTS 12
#define KEY_CAPTIONS 40
#define NAMED_KEYS 3 /* of a node that holds several */
#define PORTS_TEXT 40 /* bytes; longer captions are cut */
#define MAX_RADIUS 46.0

static const struct step steps[] = {
	{ .as = AS_EACH },
	{ true, KEYS_ALIKE, false, AS_EACH,
	    "Keys of exactly the same hosts are one node; ports of one group count as one." },
	{ true, KEYS_ALIKE, false, AS_COLOURED,
	    "Keys of exactly the same hosts are one node; ports of one group count as one; all but "
	    "the "
	    "twelve largest ASes are joined." },
};
#define NSTEPS (sizeof(steps) / sizeof(steps[0]))

/* The picture of keys. */
static const struct step keys_step = { .keys = KEYS_OF_HOSTS, .hosts_each = true };

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

/* Do two groups show the same keys, if on other ports? */
static bool
same_keys(const struct collapse *x, const struct group *a, const struct group *b)
{
	const struct item *ia = &x->items[a->item0], *ib = &x->items[b->item0];
	uint32_t i = 0, k = 0;

	while (i < a->nitems && k < b->nitems && ia[i].key == ib[k].key) {
		uint32_t key = ia[i].key;

		while (i < a->nitems && ia[i].key == key)
			i++;
		while (k < b->nitems && ib[k].key == key)
			k++;
	}
	return i == a->nitems && k == b->nitems;
}

/* Is there a group that looks like this one, and differs by ports alone? */
static bool
has_twin(const struct collapse *x, const struct group *g)
{
	for (uint32_t i = 0; i < x->ngroups; i++) {
		const struct group *o = &x->groups[i];

		if (o != g && o->as == g->as && same_keys(x, o, g))
			return true;
	}
	return false;
}

/* Is the item all that its key has in the group, and does the line tell its port? */
static bool
is_told_by_line(const struct item *it, uint32_t n, uint32_t i)
{
	return (it[i].port == 22 || it[i].port == 443) && (i == 0 || it[i - 1].key != it[i].key) &&
	       (i + 1 == n || it[i + 1].key != it[i].key);
}

/* "25 143 587", or "k1 25 143, k3 443"; without what the lines say already. */
static char *
ports_of(const struct collapse *x, const struct group *g)
{
	const struct item *it = &x->items[g->item0];
	uint32_t shown = UINT32_MAX, last = UINT32_MAX, nkeys = 0, highest = 0;
	struct buf b;

	buf_init(&b);
	for (uint32_t i = 0; i < g->nitems; i++) {
		if (it[i].port > highest)
			highest = it[i].port;
		if (is_told_by_line(it, g->nitems, i))
			continue;
		nkeys += it[i].key != last;
		last = it[i].key;
	}
	for (uint32_t i = 0; i < g->nitems && b.len < PORTS_TEXT; i++) {
		bool first = it[i].key != shown;

		if (is_told_by_line(it, g->nitems, i))
			continue;
		if (b.len > 0)
			buf_adds(&b, first ? ", " : " ");
		if (first && nkeys > 1)
			buf_printf(&b, "k%u ", x->bundles[it[i].key].first + 1);
		buf_printf(&b, "%u", it[i].port);
		if (b.len >= PORTS_TEXT && i + 1 < g->nitems)
			buf_adds(&b, " …");
		shown = it[i].key;
	}
	if (nkeys == 0)
		buf_printf(&b, "%u", highest);
	return buf_steal(&b);
}

static void
group_tip(struct draw_node *n, const struct collapse *x, const struct group *g, uint32_t nweak)
{
	struct buf tip;

	buf_init(&tip);
	buf_printf(&tip, "%u %s of ", g->nhosts, text_noun(g->nhosts, "host", "hosts"));
	if (g->as == STUDY_NONE)
		buf_adds(&tip, "several ASes");
	else
		drawing_as_name(&tip, x->st, g->as, 60);
	if (nweak > 0)
		buf_printf(&tip, "\n%u of them %s a weak key of %s own", nweak,
		    text_noun(nweak, "shows", "show"), text_noun(nweak, "its", "their"));
	for (uint32_t i = 0; i < g->nhosts && i < TIP_HOSTS; i++) {
		buf_adds(&tip, "\n");
		drawing_ip(&tip, x->st, collapse_host(x, x->order[g->order0 + i]));
	}
	if (g->nhosts > TIP_HOSTS)
		buf_printf(&tip, "\nand %u more", g->nhosts - TIP_HOSTS);
	n->tip = buf_steal(&tip);
	buf_fini(&tip);
}

static void
draw_group(struct drawing *d, const struct collapse *x, struct group *g, uint32_t largest)
{
	struct draw_node *n = drawing_node(d, NODE_GROUP);
	uint32_t nweak = 0;
	struct buf tip;

	g->node = (uint32_t)d->nnodes - 1;
	n->ref = collapse_host(x, x->order[g->order0]);
	n->nhosts = g->nhosts;
	n->as = g->as;
	n->style = g->as == STUDY_NONE ? palette_mixed() : drawing_as_style(d, g->as);
	n->r = x->step->hosts_each ? 10 : radius(g->nhosts, largest);
	if (g->nhosts == 1 && drawing_others(x->st, n))
		return;
	for (uint32_t i = 0; i < g->nhosts; i++)
		nweak += drawing_is_weak(d, x->st, collapse_host(x, x->order[g->order0 + i]), true);
	n->weak = nweak > 0;
	if (x->step->hosts_each)
		snprintf(n->label, sizeof(n->label), "%u", x->order[g->order0] + 1);
	else if (!x->step->port_groups && has_twin(x, g))
		n->caption = ports_of(x, g);
	if (g->as != STUDY_NONE)
		drawing_name_grey(d, x->st, n);
	if (g->nhosts > 1) {
		count_label(n, g->nhosts);
		group_tip(n, x, g, nweak);
		return;
	}
	buf_init(&tip);
	drawing_host_tip(&tip, x->st, n->ref);
	n->tip = buf_steal(&tip);
	buf_fini(&tip);
}

/* "k1", "k1 k2", "5 keys"; and whether any of them is weak. */
static char *
bundle_name(const struct drawing *d, const struct collapse *x, const struct bundle *b, bool *weak)
{
	uint32_t number = (uint32_t)(b - x->bundles);
	struct buf name;

	buf_init(&name);
	for (uint32_t k = 0; k < x->c->nshared; k++) {
		if (x->class[k] != number)
			continue;
		*weak |= d->weak != NULL && d->weak[study_cluster_key(x->st, x->c, k)];
		if (b->nkeys <= NAMED_KEYS)
			buf_printf(&name, "%sk%u", name.len > 0 ? " " : "", k + 1);
	}
	if (b->nkeys > NAMED_KEYS)
		buf_printf(&name, "%u keys", b->nkeys);
	return buf_steal(&name);
}

static void
draw_bundle(struct drawing *d, const struct collapse *x, struct bundle *b)
{
	struct draw_node *n = drawing_node(d, NODE_KEY);
	char *name;
	struct buf tip;

	b->node = (uint32_t)d->nnodes - 1;
	n->ref = study_cluster_key(x->st, x->c, b->first);
	n->nkeys = b->nkeys;
	n->nhosts = b->nhosts;
	n->r = 7.5;
	name = bundle_name(d, x, b, &n->weak);
	n->style = palette_key(n->weak);
	buf_init(&tip);
	if (b->nkeys > 1)
		buf_printf(&tip, "%u keys, each on the same ", b->nkeys);
	else
		buf_printf(&tip, "shared key %s on ", name);
	drawing_key_users(&tip, x->st, n->ref);
	buf_adds(&tip, b->nkeys > 1 ? "; the first: " : "\n");
	drawing_key_name(&tip, x->st, n->ref);
	if (n->weak)
		buf_adds(&tip, b->nkeys > 1 ? "\nweak keys are among them" : "\na weak key");
	n->tip = buf_steal(&tip);
	buf_fini(&tip);
	if (x->nbundles <= KEY_CAPTIONS)
		n->caption = name;
	else
		free(name);
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
	buf_printf(
	    &tip, "%u %s with this key on port ", g->nhosts, text_noun(g->nhosts, "host", "hosts"));
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
		n->tip = xasprintf("%u further %s and %u %s, not drawn one by one", p->nhosts,
		    text_noun(p->nhosts, "host", "hosts"), p->nkeys,
		    text_noun(p->nkeys, "key", "keys"));
	} else {
		n->r = 14;
		count_label(n, p->nkeys);
		n->tip = xasprintf("%u further %s, not drawn one by one", p->nkeys,
		    text_noun(p->nkeys, "key", "keys"));
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
		e->tip = xasprintf("links to %u further %s and %u %s", p->nhosts,
		    text_noun(p->nhosts, "host", "hosts"), p->nkeys,
		    text_noun(p->nkeys, "key", "keys"));
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
		text_counted(&b, hidden_hosts, "host", "hosts");
		if (hidden_keys > 0) {
			buf_adds(&b, " and ");
			text_counted(&b, hidden_keys, "key", "keys");
		}
		buf_printf(&b, " that %s not drawn one by one.",
		    text_noun(hidden_hosts + hidden_keys, "is", "are"));
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
		step = NSTEPS - (d->nas > NAS_COLOURS ? 1 : 2);
		collapse(&x, d, &steps[step]);
	}
	if (steps[step].note != NULL)
		drawing_note(d, "%s", steps[step].note);
	draw_with_rest(d, &x, x.ngroups + x.nbundles <= limit ? 4 * limit : limit);
	legend(d);
	collapse_fini(&x);
}

void
drawing_keys(struct drawing *d, const struct study *st, uint32_t cluster)
{
	struct collapse x;

	collapse_init(&x, st, &st->clusters[cluster]);
	collapse(&x, d, &keys_step);
	draw_with_rest(d, &x, 4 * (x.ngroups + x.nbundles));
	legend(d);
	collapse_fini(&x);
}

uint64_t
drawing_key_lines(const struct study *st, uint32_t cluster)
{
	struct collapse x;
	uint64_t n = 0;

	collapse_init(&x, st, &st->clusters[cluster]);
	collapse(&x, NULL, &keys_step);
	for (uint32_t i = 0; i < x.c->hosts.n; i++) {
		for (uint32_t k = x.item0[i]; k < x.item0[i + 1]; k++)
			n += k == x.item0[i] || x.items[k].key != x.items[k - 1].key;
	}
	collapse_fini(&x);
	return n;
}
