/* Pure: captions keep clear of nodes, of each other and, where they can, of lines. */
#include <math.h>
#include <stdlib.h>

#include "survey/mem.h"

#include "caption.h"

#define DIRECTIONS 16
#define DISTANCES 3
#define FARTHER 7.0 /* points between two distances */
#define PASSES 3
#define ON_NODE 100.0 /* what it costs to cover something */
#define ON_CAPTION 100.0
#define ON_LINE 4.0
#define TURNED 3.0 /* to stand on the side where most lines are */
#define AWAY 9.0 /* to stand one distance farther away */

void
caption_place(const struct draw_node *n, double *x, double *y, enum text_anchor *anchor)
{
	double off = n->r + 5 + n->away;

	*x = n->x + n->cx * off;
	*y = n->y + n->cy * off;
	if (n->cx > 0.45)
		*anchor = ANCHOR_START;
	else if (n->cx < -0.45)
		*anchor = ANCHOR_END;
	else
		*anchor = ANCHOR_MIDDLE;
	*y -= CAPTION_SIZE * (0.35 - 0.35 * n->cy); /* above: on the line; below: under it */
}

struct caption_box
caption_box(const struct draw_node *n)
{
	double x, y, w = picture_text_width(n->caption, CAPTION_SIZE);
	enum text_anchor anchor;

	caption_place(n, &x, &y, &anchor);
	if (anchor == ANCHOR_MIDDLE)
		x -= w / 2;
	else if (anchor == ANCHOR_END)
		x -= w;
	return (struct caption_box){ x, y - 3, x + w, y + CAPTION_SIZE };
}

static bool
boxes_meet(const struct caption_box *a, const struct caption_box *b)
{
	return a->x0 < b->x1 && b->x0 < a->x1 && a->y0 < b->y1 && b->y0 < a->y1;
}

static bool
node_meets(const struct caption_box *b, const struct draw_node *n)
{
	double x = fmin(fmax(n->x, b->x0), b->x1), y = fmin(fmax(n->y, b->y0), b->y1);

	return hypot(n->x - x, n->y - y) < n->r + 1;
}

/* Liang and Barsky: is a part of the line inside the box? */
static bool
line_meets(const struct caption_box *b, const struct draw_node *from, const struct draw_node *to)
{
	double dx = to->x - from->x, dy = to->y - from->y, t0 = 0, t1 = 1;
	double p[4] = { -dx, dx, -dy, dy };
	double q[4] = { from->x - b->x0, b->x1 - from->x, from->y - b->y0, b->y1 - from->y };

	for (int i = 0; i < 4; i++) {
		if (fabs(p[i]) < 1e-9 && q[i] < 0)
			return false;
		if (p[i] < -1e-9)
			t0 = fmax(t0, q[i] / p[i]);
		if (p[i] > 1e-9)
			t1 = fmin(t1, q[i] / p[i]);
	}
	return t0 < t1;
}

/* What the caption of node at would cover, of captions only those that stand already. */
static double
cost(const struct drawing *d, size_t at, const bool *stands)
{
	struct caption_box box = caption_box(&d->nodes[at]);
	double sum = 0;

	for (size_t i = 0; i < d->nnodes; i++) {
		const struct draw_node *n = &d->nodes[i];

		if (i != at && node_meets(&box, n))
			sum += ON_NODE;
		if (i != at && stands[i]) {
			struct caption_box other = caption_box(n);

			sum += boxes_meet(&box, &other) ? ON_CAPTION : 0;
		}
	}
	for (size_t i = 0; i < d->nedges; i++) {
		const struct draw_edge *e = &d->edges[i];

		if (e->lane == 0 && line_meets(&box, &d->nodes[e->a], &d->nodes[e->b]))
			sum += ON_LINE;
	}
	return sum;
}

/* Away from the lines of a node; straight down where they balance. */
static void
aim_from_lines(struct drawing *d)
{
	for (size_t i = 0; i < d->nnodes; i++)
		d->nodes[i].cx = d->nodes[i].cy = 0;
	for (size_t i = 0; i < d->nedges; i++) {
		struct draw_node *a = &d->nodes[d->edges[i].a], *b = &d->nodes[d->edges[i].b];
		double dx = b->x - a->x, dy = b->y - a->y, len = hypot(dx, dy);

		if (len < 1e-6)
			continue;
		a->cx -= dx / len;
		a->cy -= dy / len;
		b->cx += dx / len;
		b->cy += dy / len;
	}
	for (size_t i = 0; i < d->nnodes; i++) {
		double len = hypot(d->nodes[i].cx, d->nodes[i].cy);

		d->nodes[i].cx = len < 0.05 ? 0 : d->nodes[i].cx / len;
		d->nodes[i].cy = len < 0.05 ? -1 : d->nodes[i].cy / len;
	}
}

/* The place of the caption of node at that covers least; what it costs. */
static double
aim(struct drawing *d, size_t at, const bool *stands)
{
	struct draw_node *n = &d->nodes[at];
	double first = atan2(n->cy, n->cx), best = first, away = 0, least = INFINITY;

	for (int k = 0; k < DIRECTIONS * DISTANCES; k++) {
		/* 0, 1, -1, 2, -2 … steps from the side that has fewest lines */
		int turns = k % DIRECTIONS, step = turns % 2 == 0 ? -turns / 2 : (turns + 1) / 2;
		int far = k / DIRECTIONS;
		double turn = 2 * M_PI * step / DIRECTIONS, c;

		n->cx = cos(first + turn);
		n->cy = sin(first + turn);
		n->away = FARTHER * far;
		c = cost(d, at, stands) + TURNED * (1 - cos(turn)) / 2 + AWAY * far;
		if (c < least) {
			least = c;
			best = first + turn;
			away = n->away;
		}
	}
	n->cx = cos(best);
	n->cy = sin(best);
	n->away = away;
	return least;
}

double
caption_aim(struct drawing *d)
{
	bool *stands = xcalloc(d->nnodes + 1, sizeof(*stands));
	double sum = 0;

	aim_from_lines(d);
	for (int pass = 0; pass < PASSES; pass++) {
		sum = 0;
		for (size_t i = 0; i < d->nnodes; i++) {
			if (d->nodes[i].caption == NULL)
				continue;
			sum += aim(d, i, stands);
			stands[i] = true;
		}
	}
	free(stands);
	return sum;
}
