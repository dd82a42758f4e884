/*
 * Dense classic pictures go on a circle, which is what such a graph looks
 * like anyway and costs nothing, and so do stars; all else is Graphviz's: neato (stress) for
 * small drawings, sfdp for larger ones.  Only positions are taken from it.
 * Edges are drawn straight by us: routing them (splines=true) is what takes
 * minutes for a few hundred nodes.  Nodes are moved apart by us, too
 * (separate.c).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <graphviz/cgraph.h>
#include <graphviz/gvc.h>

#include "survey/mem.h"

#include "caption.h"
#include "layout.h"

#define NEATO_UP_TO 90 /* nodes */
#define SMALL 14 /* nodes */
#define STARTS 24
#define GOOD_ENOUGH 6.0
#define ON_LINE 50.0 /* what a node on a line costs; captions: caption.c */
#define PAIR_GAP 130 /* points between two nodes that are alone */
#define STAR_GAP 10 /* points between two nodes on a star's circle */
#define STAR_CAPTION 26 /* more of them beside a caption */
#define STAR_LINE 56 /* the shortest line of a star */
#define PER_INCH 72.0

struct layout {
	GVC_t *gvc;
};

struct layout *
layout_new(void)
{
	struct layout *l = xcalloc(1, sizeof(*l));

	agseterr(AGMAX); /* its warnings name node sizes and such: nothing a user could act upon */
	l->gvc = gvContext();
	return l;
}

void
layout_free(struct layout *l)
{
	if (l == NULL)
		return;
	gvFreeContext(l->gvc);
	free(l);
}

static size_t
rank_of(const struct drawing *d, uint32_t as)
{
	size_t i = 0;

	while (i < d->nases && d->ases[i].as != as)
		i++;
	return i;
}

/* Hosts of one AS stand side by side on the circle. */
static int
by_as_rank(const void *pa, const void *pb, void *arg)
{
	const struct drawing *d = arg;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	size_t ra = rank_of(d, d->nodes[a].as), rb = rank_of(d, d->nodes[b].as);

	if (ra != rb)
		return ra < rb ? -1 : 1;
	return a < b ? -1 : a > b;
}

static void
place_circle(struct drawing *d)
{
	size_t n = d->nnodes;
	uint32_t *order = xcalloc(n, sizeof(*order));
	double gap = d->nodes[0].caption != NULL ? 52 : 14, r;

	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	qsort_r(order, n, sizeof(*order), by_as_rank, d);
	r = (2 * d->nodes[0].r + gap) * (double)n / (2 * M_PI);
	if (r < 62)
		r = 62;
	for (size_t i = 0; i < n; i++) {
		struct draw_node *node = &d->nodes[order[i]];
		double angle = M_PI / 2 - 2 * M_PI * (double)i / (double)n;

		node->x = r * cos(angle);
		node->y = r * sin(angle);
		node->cx = cos(angle);
		node->cy = sin(angle);
	}
	free(order);
}

/* The one node that all others hang on, and on nothing else; d->nnodes when there is none. */
static uint32_t
hub_of(const struct drawing *d)
{
	bool is_a = true, is_b = true;
	uint32_t a, b;

	if (d->nedges == 0)
		return (uint32_t)d->nnodes;
	a = d->edges[0].a;
	b = d->edges[0].b;
	for (size_t i = 0; i < d->nedges; i++) {
		const struct draw_edge *e = &d->edges[i];

		is_a &= e->a == a || e->b == a;
		is_b &= e->a == b || e->b == b;
	}
	return is_a ? a : is_b ? b : (uint32_t)d->nnodes;
}

static double
star_room(const struct draw_node *n)
{
	return 2 * n->r + STAR_GAP + (n->caption != NULL ? STAR_CAPTION : 0);
}

/*
 * A star on one circle, each node with the room it needs.  A general layout
 * puts the nodes at several distances, and a line to an outer one then passes
 * behind an inner one.
 */
static void
place_star(struct drawing *d, uint32_t hub)
{
	uint32_t *order = xcalloc(d->nnodes, sizeof(*order));
	double around = 0, largest = 0, angle = M_PI, r;
	size_t n = 0;

	for (uint32_t i = 0; i < d->nnodes; i++) {
		if (i == hub)
			continue;
		order[n++] = i;
		around += star_room(&d->nodes[i]);
		largest = fmax(largest, d->nodes[i].r);
	}
	qsort_r(order, n, sizeof(*order), by_as_rank, d);
	r = fmax(around / (2 * M_PI), d->nodes[hub].r + largest + STAR_LINE);
	for (size_t i = 0; i < n; i++) {
		struct draw_node *node = &d->nodes[order[i]];
		double half = M_PI * star_room(node) / around;

		angle -= half;
		node->x = r * cos(angle);
		node->y = r * sin(angle);
		angle -= half;
	}
	free(order);
}

/* Turn the drawing so that its longer axis lies level: pages are read that way. */
static void
turn_level(struct drawing *d)
{
	double mx = 0, my = 0, xx = 0, yy = 0, xy = 0, angle;

	for (size_t i = 0; i < d->nnodes; i++) {
		mx += d->nodes[i].x / (double)d->nnodes;
		my += d->nodes[i].y / (double)d->nnodes;
	}
	for (size_t i = 0; i < d->nnodes; i++) {
		double x = d->nodes[i].x - mx, y = d->nodes[i].y - my;

		xx += x * x;
		yy += y * y;
		xy += x * y;
	}
	angle = -0.5 * atan2(2 * xy, xx - yy);
	for (size_t i = 0; i < d->nnodes; i++) {
		double x = d->nodes[i].x - mx, y = d->nodes[i].y - my;

		d->nodes[i].x = x * cos(angle) - y * sin(angle);
		d->nodes[i].y = x * sin(angle) + y * cos(angle);
	}
}

/* How often a line passes behind a node that is neither of its ends. */
static double
nodes_on_lines(const struct drawing *d)
{
	double n = 0;

	for (size_t i = 0; i < d->nedges; i++) {
		const struct draw_node *a = &d->nodes[d->edges[i].a], *b = &d->nodes[d->edges[i].b];
		double dx = b->x - a->x, dy = b->y - a->y, len = hypot(dx, dy);

		for (size_t k = 0; k < d->nnodes && d->edges[i].lane == 0 && len > 1e-6; k++) {
			const struct draw_node *o = &d->nodes[k];
			double along = ((o->x - a->x) * dx + (o->y - a->y) * dy) / len;
			double off = fabs((o->x - a->x) * dy - (o->y - a->y) * dx) / len;

			n += o != a && o != b && along > 0 && along < len && off < o->r + 2;
		}
	}
	return ON_LINE * n;
}

static void
set(void *object, const char *name, double v)
{
	char text[32];

	snprintf(text, sizeof(text), "%.4f", v);
	agsafeset(object, (char *)(uintptr_t)name, text, (char *)(uintptr_t) "");
}

static void
set_text(void *object, const char *name, const char *v)
{
	agsafeset(object, (char *)(uintptr_t)name, (char *)(uintptr_t)v, (char *)(uintptr_t) "");
}

static graph_t *
to_cgraph(const struct drawing *d, Agnode_t **node, unsigned start)
{
	char name[] = "g";
	graph_t *g = agopen(name, Agstrictundirected, NULL);

	set(g, "start", start); /* fixed seeds: the same picture each time */
	set_text(g, "splines", "");
	set_text(g, "overlap", "true");
	set_text(g, "K", "0.55");
	for (size_t i = 0; i < d->nnodes; i++) {
		const struct draw_node *n = &d->nodes[i];

		node[i] = agnode(g, NULL, 1);
		set_text(node[i], "shape", "circle");
		set_text(node[i], "fixedsize", "true");
		set_text(node[i], "label", "");
		set(node[i], "width", (2 * n->r + (n->caption != NULL ? 10 : 0)) / PER_INCH);
		set(node[i], "height", (2 * n->r + (n->caption != NULL ? 10 : 0)) / PER_INCH);
	}
	for (size_t i = 0; i < d->nedges; i++) {
		const struct draw_edge *e = &d->edges[i];

		if (e->lane == 0)
			set(agedge(g, node[e->a], node[e->b], NULL, 1), "len",
			    layout_edge_length(d, e) / PER_INCH);
	}
	return g;
}

/* Let Graphviz place the nodes, from a start of that number.  Returns 0 or -1. */
static int
place_freely(struct layout *l, struct drawing *d, unsigned start)
{
	Agnode_t **node = xcalloc(d->nnodes, sizeof(*node));
	graph_t *g = to_cgraph(d, node, start);
	int rc = -1;

	/* sfdp joins nodes by random numbers of libc before it seeds them: what was drawn before must
	 * not tell. */
	srand(start);
	if (gvLayout(l->gvc, g, d->nnodes <= NEATO_UP_TO ? "neato" : "sfdp") == 0) {
		for (size_t i = 0; i < d->nnodes; i++) {
			d->nodes[i].x = ND_coord(node[i]).x;
			d->nodes[i].y = ND_coord(node[i]).y;
		}
		gvFreeLayout(l->gvc, g);
		layout_separate(d);
		turn_level(d);
		rc = 0;
	}
	agclose(g);
	free(node);
	return rc;
}

/* Small pictures are looked at most closely: of several starts the one that hides least. */
static int
place_small(struct layout *l, struct drawing *d)
{
	double hidden = INFINITY, least = INFINITY;
	unsigned best = 0;

	for (unsigned start = 1; start <= STARTS && least > GOOD_ENOUGH; start++) {
		if (place_freely(l, d, start) == -1)
			continue;
		hidden = caption_aim(d) + nodes_on_lines(d);
		if (hidden < least) {
			least = hidden;
			best = start;
		}
	}
	if (best == 0)
		return -1;
	if (hidden > least) { /* the last was not the best */
		if (place_freely(l, d, best) == -1)
			return -1;
		caption_aim(d);
	}
	return 0;
}

int
layout_place(struct layout *l, struct drawing *d)
{
	uint32_t hub;

	if (d->level == DRAW_SUMMARY || d->nnodes == 0) {
		caption_aim(d);
		return 0;
	}
	if (d->circle) {
		place_circle(d);
		return 0;
	}
	if (d->nnodes > 3 && (hub = hub_of(d)) < d->nnodes) {
		place_star(d, hub);
		caption_aim(d);
		return 0;
	}
	if (d->nnodes == 2) {
		d->nodes[1].x = d->nodes[0].r + d->nodes[1].r + PAIR_GAP;
		caption_aim(d);
		return 0;
	}
	if (d->nnodes <= SMALL)
		return place_small(l, d);
	if (place_freely(l, d, 7) == -1)
		return -1;
	caption_aim(d);
	return 0;
}
