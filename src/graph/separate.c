/*
 * Pure: gives the nodes of a layout the room they need.
 *
 * Graphviz could, but its overlap=prism works through a hash table of
 * addresses: the last digits of a position differ from one run to the next,
 * and the same input would not give the same bytes.
 */
#include <math.h>
#include <stdlib.h>

#include "survey/mem.h"

#include "layout.h"

#define LONGER 1.6 /* how much longer than asked edges become so that nodes do not overlap */
#define ROUNDS 300 /* of moving nodes apart */
#define LINE_ROUNDS 60 /* of moving them off lines, too */
#define TOUCH 0.05 /* points by which a node may lack room */
#define CLEAR 3.0 /* points between a node and a line that passes it */
#define MANY 40000 /* pairs of a line and a node, and lines are not looked at */

struct spot {
	double x, y;
	double r; /* of the node */
	double room; /* the distance from its centre that others keep */
};

struct line {
	size_t a, b; /* spots */
};

struct plan {
	struct spot *spots;
	struct line *lines;
	size_t n, nlines;
};

double
layout_edge_length(const struct drawing *d, const struct draw_edge *e)
{
	const struct draw_node *a = &d->nodes[e->a], *b = &d->nodes[e->b];

	if (d->level != DRAW_CLASSIC) {
		bool captions = (a->kind == NODE_GROUP && a->caption != NULL) ||
				(b->kind == NODE_GROUP && b->caption != NULL);

		return a->r + b->r + (captions ? 52 : 26);
	}
	return a->r + b->r + (a->caption != NULL ? 85 : 48);
}

/* Scaled so that edges are as long as asked, in the mean. */
static void
plan_init(struct plan *p, const struct drawing *d)
{
	double length = 0, asked = 0;

	*p = (struct plan){ .n = d->nnodes };
	p->spots = xcalloc(d->nnodes + 1, sizeof(*p->spots));
	p->lines = xcalloc(d->nedges + 1, sizeof(*p->lines));
	for (size_t i = 0; i < d->nnodes; i++) {
		const struct draw_node *n = &d->nodes[i];

		p->spots[i] = (struct spot){ n->x, n->y, n->r,
			n->r + (n->caption != NULL ? 5 : 0) + (d->level == DRAW_CLASSIC ? 10 : 5) };
	}
	for (size_t i = 0; i < d->nedges; i++) {
		const struct draw_edge *e = &d->edges[i];

		if (e->lane > 0)
			continue;
		p->lines[p->nlines++] = (struct line){ e->a, e->b };
		length += hypot(
		    d->nodes[e->b].x - d->nodes[e->a].x, d->nodes[e->b].y - d->nodes[e->a].y);
		asked += layout_edge_length(d, e);
	}
	for (size_t i = 0; i < p->n && length > 1e-6; i++) {
		p->spots[i].x *= asked / length;
		p->spots[i].y *= asked / length;
	}
}

/* How many times farther from each other the two closest nodes ought to be. */
static double
crowding(const struct plan *p)
{
	double most = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct spot *a = &p->spots[i];

		for (const struct spot *b = p->spots; b < a; b++) {
			double dx = a->x - b->x, dy = a->y - b->y, need = a->room + b->room;

			most = fmax(most, need * need / fmax(dx * dx + dy * dy, 1e-9));
		}
	}
	return sqrt(most);
}

/* Push each pair that lacks room apart.  Returns whether there was one. */
static bool
push_apart(struct plan *p)
{
	bool any = false;

	for (size_t i = 0; i < p->n; i++) {
		struct spot *a = &p->spots[i];

		for (struct spot *b = p->spots; b < a; b++) {
			double dx = b->x - a->x, dy = b->y - a->y, need = a->room + b->room;
			double dist, lack;

			if (dx * dx + dy * dy >= (need - TOUCH) * (need - TOUCH))
				continue;
			dist = sqrt(dx * dx + dy * dy);
			lack = need - dist;
			if (dist < 1e-6) { /* one upon the other: a direction of their own */
				dx = cos((double)i);
				dy = sin((double)i);
				dist = 1;
			}
			a->x -= dx / dist * lack / 2;
			a->y -= dy / dist * lack / 2;
			b->x += dx / dist * lack / 2;
			b->y += dy / dist * lack / 2;
			any = true;
		}
	}
	return any;
}

/* Move each node that a line passes behind half the way off it.  Returns whether there was one. */
static bool
push_off_lines(struct plan *p)
{
	bool any = false;

	for (size_t i = 0; i < p->nlines; i++) {
		const struct spot *a = &p->spots[p->lines[i].a], *b = &p->spots[p->lines[i].b];
		double dx = b->x - a->x, dy = b->y - a->y, len = sqrt(dx * dx + dy * dy);

		if (len < 1e-6)
			continue;
		dx /= len;
		dy /= len;
		for (struct spot *o = p->spots; o < p->spots + p->n; o++) {
			double off = (o->x - a->x) * dy - (o->y - a->y) * dx;
			double lack = o->r + CLEAR - fabs(off);
			double along = (o->x - a->x) * dx + (o->y - a->y) * dy;

			if (lack <= TOUCH || along <= 0 || along >= len || o == a || o == b)
				continue;
			if (off < 0)
				lack = -lack;
			o->x += dy * lack / 2;
			o->y -= dx * lack / 2;
			any = true;
		}
	}
	return any;
}

/*
 * Where nodes overlap, lengthen all edges, within reason, and then push apart
 * what still does; where a line passes behind a node, push it off the line.
 * Lines give way to nodes, which have the last word.
 */
void
layout_separate(struct drawing *d)
{
	struct plan p;
	bool any = true;
	double f;

	plan_init(&p, d);
	f = fmin(fmax(crowding(&p), 1), LONGER);
	for (size_t i = 0; i < p.n; i++) {
		p.spots[i].x *= f;
		p.spots[i].y *= f;
	}
	for (int i = 0; i < LINE_ROUNDS && any && p.nlines * p.n <= MANY; i++) {
		any = push_off_lines(&p);
		any |= push_apart(&p);
	}
	for (int i = 0; i < ROUNDS && push_apart(&p); i++)
		;
	for (size_t i = 0; i < p.n; i++) {
		d->nodes[i].x = p.spots[i].x;
		d->nodes[i].y = p.spots[i].y;
	}
	free(p.spots);
	free(p.lines);
}
