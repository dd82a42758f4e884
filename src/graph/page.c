/* Pure: composes the page: title, drawing, legend, notes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/escape.h"
#include "survey/mem.h"
#include "survey/text.h"

#include "caption.h"
#include "foot.h"
#include "page.h"

#define LANE_GAP 6.0
#define MIN_WIDTH 430.0
/* Title and legend of a wider page grow with it, since it is shrunk to be printed or shown. */
#define TEXT_WIDTH (2 * MARGIN + 2 * AS_COLUMN + KEY_COLUMN)
#define TEXT_SCALE_MAX 1.8

/* Reaches of the drawing with captions and curves: left, right, bottom, top; y upwards. */
struct reach {
	double x0, x1, y0, y1;
};

static void
reach_to(struct reach *r, double x0, double y0, double x1, double y1)
{
	r->x0 = fmin(r->x0, x0);
	r->x1 = fmax(r->x1, x1);
	r->y0 = fmin(r->y0, y0);
	r->y1 = fmax(r->y1, y1);
}

static struct reach
measure(const struct drawing *d)
{
	struct reach r = { 1e18, -1e18, 1e18, -1e18 };

	for (size_t i = 0; i < d->nnodes; i++) {
		const struct draw_node *n = &d->nodes[i];
		double pad = n->r + 2;

		reach_to(&r, n->x - pad, n->y - pad, n->x + pad, n->y + pad);
		if (n->caption != NULL) {
			struct caption_box b = caption_box(n);

			reach_to(&r, b.x0, b.y0, b.x1, b.y1);
		}
	}
	for (size_t i = 0; i < d->nedges; i++) {
		const struct draw_edge *e = &d->edges[i];
		double spread = LANE_GAP * e->nlanes / 2.0;
		double x = (d->nodes[e->a].x + d->nodes[e->b].x) / 2;
		double y = (d->nodes[e->a].y + d->nodes[e->b].y) / 2;

		if (e->nlanes > 1)
			reach_to(&r, x - spread, y - spread, x + spread, y + spread);
	}
	if (d->nnodes == 0)
		r = (struct reach){ 0, 0, 0, 0 };
	return r;
}

static void
draw_edges(struct picture *s, const struct drawing *d, double ox, double oy, uint32_t *group)
{
	double opacity = d->nedges > 1200 ? 0.25 : d->nedges > 300 ? 0.45 : 0.9;

	if (d->level != DRAW_CLASSIC)
		opacity = 0.85;
	for (size_t i = 0; i < d->nedges; i++) {
		const struct draw_edge *e = &d->edges[i];
		const struct draw_node *a = &d->nodes[e->a], *b = &d->nodes[e->b];
		double x1 = ox + a->x, y1 = oy - a->y, x2 = ox + b->x, y2 = oy - b->y;
		double len = hypot(x2 - x1, y2 - y1);
		double off = LANE_GAP * (e->lane - (e->nlanes - 1) / 2.0);
		struct shape *p = picture_add(
		    s, fabs(off) > 1e-9 && len > 1e-9 ? SHAPE_CURVE : SHAPE_LINE, x1, y1);

		p->x2 = x2;
		p->y2 = y2;
		if (p->kind ==
		    SHAPE_CURVE) { /* a control point twice as far out bends the middle by off */
			p->qx = (x1 + x2) / 2 - 2 * off * (y2 - y1) / len;
			p->qy = (y1 + y2) / 2 + 2 * off * (x2 - x1) / len;
		}
		p->stroke = e->style.rgb;
		p->width = d->nedges > 300 && d->level == DRAW_CLASSIC ? e->style.width * 0.6
								       : e->style.width;
		p->opacity = opacity;
		page_dash(p, e->style.dash);
		if (e->lane == 0)
			++*group;
		p->group = *group;
		p->tip = e->tip;
	}
}

static char *
host_link(const struct ip *ip)
{
	char text[IP_STRLEN];

	return xasprintf("../report/index.html#h=%s", ip_format(ip, text));
}

static double
label_size(const struct draw_node *n)
{
	double inside = draw_node_is_key(n) ? 0.55 * n->r : n->r;
	double size = fmin(inside * 0.95, 15), w = picture_text_width(n->label, size);

	if (w > 2 * inside * 0.86)
		size *= 2 * inside * 0.86 / w;
	return size;
}

static void
draw_nodes(struct picture *s, const struct drawing *d, const struct study *st, double ox, double oy,
    uint32_t *group)
{
	for (size_t i = 0; i < d->nnodes; i++) {
		const struct draw_node *n = &d->nodes[i];
		struct shape *p = picture_add(
		    s, draw_node_is_key(n) ? SHAPE_DIAMOND : SHAPE_CIRCLE, ox + n->x, oy - n->y);

		p->r = n->r;
		p->fill = n->style.rgb;
		p->stroke = n->style.outline;
		p->width = n->style.outline_width;
		page_dash(p, n->style.dash);
		p->group = ++*group;
		p->tip = n->tip;
		if (n->ref != STUDY_NONE && n->nhosts == 1 && n->kind != NODE_KEY)
			p->href = host_link(&st->hosts[n->ref].ip);
		if (n->weak && !draw_node_is_key(n))
			foot_weak_mark(s, ox + n->x + 0.71 * n->r, oy - n->y - 0.71 * n->r)->group =
			    *group;
		if (n->label[0] != '\0') {
			double size = label_size(n);

			p = picture_text(s, ox + n->x, oy - n->y + size * 0.36, size,
			    palette_ink(n->style.rgb), n->label);
			p->anchor = ANCHOR_MIDDLE;
			p->group = *group;
		}
	}
	for (size_t i = 0; i < d->nnodes; i++) { /* above everything else */
		const struct draw_node *n = &d->nodes[i];
		enum text_anchor anchor;
		struct shape *p;
		double x, y;

		if (n->caption == NULL)
			continue;
		caption_place(n, &x, &y, &anchor);
		p = picture_text(s, ox + x, oy - y, CAPTION_SIZE, INK, n->caption);
		p->anchor = anchor;
		p->halo = true;
	}
}

static void
set_titles(struct picture *s, const struct drawing *d)
{
	struct buf b;

	buf_init(&b);
	buf_printf(&b, "Cluster %u", d->id);
	s->title = buf_steal(&b);
	page_counted(&b, d->nhosts - (d->others > 0), "host", "hosts");
	if (d->others > 0) {
		buf_adds(&b, " and ");
		page_counted(&b, d->others, "other", "others");
	}
	buf_adds(&b, " · ");
	page_counted(&b, d->nshared, "shared key", "shared keys");
	buf_adds(&b, " · ");
	if (d->nas == 1 && d->unknown_as)
		buf_adds(&b, "AS unknown");
	else
		page_counted(&b, d->nas, "AS", "ASes");
	s->desc = buf_steal(&b);
	buf_fini(&b);
}

static void
head(struct picture *s, const struct drawing *d)
{
	struct shape *p;

	set_titles(s, d);
	p = picture_text(s, MARGIN, MARGIN + 14, 16, INK, s->title);
	p->bold = true;
	p->group = 1;
	p->href = xasprintf("../report/index.html#c=%u", d->id);
	picture_text(s, MARGIN, MARGIN + 30, 10.5, INK_SOFT, s->desc);
}

/* Scale the shapes from that one on about the top left corner and move them down. */
static void
enlarge(struct picture *s, size_t from, double scale, double down)
{
	for (size_t i = from; i < s->n; i++) {
		struct shape *p = &s->shapes[i];

		p->x *= scale;
		p->y = p->y * scale + down;
		p->x2 *= scale;
		p->y2 = p->y2 * scale + down;
		p->r *= scale;
		p->width *= scale;
		for (size_t k = 0; k < sizeof(p->dash) / sizeof(p->dash[0]); k++)
			p->dash[k] *= scale;
	}
}

void
page_init(struct picture *s, const struct drawing *d, const struct study *st)
{
	struct reach r = measure(d);
	double width = fmax(r.x1 - r.x0, MIN_WIDTH) + 2 * MARGIN, top, bottom;
	double scale = fmin(fmax(width / TEXT_WIDTH, 1), TEXT_SCALE_MAX);
	/* Not a last digit less, or a column of the legend would not fit. */
	double text_width = scale > 1 && scale < TEXT_SCALE_MAX ? TEXT_WIDTH : width / scale;
	uint32_t group = 1; /* 1 is the title */
	size_t drawn;

	*s = (struct picture){ .width = text_width };
	head(s, d);
	enlarge(s, 0, scale, 0);
	s->width = width;
	top = (MARGIN + 44) * scale;
	draw_edges(s, d, width / 2 - (r.x0 + r.x1) / 2, top + r.y1, &group);
	draw_nodes(s, d, st, width / 2 - (r.x0 + r.x1) / 2, top + r.y1, &group);
	top += r.y1 - r.y0 + 18;
	drawn = s->n;
	s->width = text_width;
	bottom = page_foot(s, d, st, 0) + MARGIN - 8;
	enlarge(s, drawn, scale, top);
	s->width = width;
	s->height = top + bottom * scale;
}
