/* Pure: composes the page: title, drawing, legend, notes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/escape.h"
#include "survey/mem.h"
#include "survey/port.h"
#include "survey/text.h"

#include "caption.h"
#include "page.h"

#define MARGIN 20.0
#define LANE_GAP 6.0
#define MIN_WIDTH 430.0
#define ROW 15.0
#define AS_COLUMN 236.0
#define KEY_COLUMN 190.0
#define AS_TEXT 60 /* characters at most; what fits is less */
#define LINE_COLUMN 214.0
#define LINE_ROWS 9
#define PAIR_COLUMN 160.0
/* Title and legend of a wider page grow with it, since it is shrunk to be printed or shown. */
#define TEXT_WIDTH (2 * MARGIN + 2 * AS_COLUMN + KEY_COLUMN)
#define TEXT_SCALE_MAX 1.8

#define INK PICTURE_INK
#define INK_SOFT PICTURE_SOFT
#define RULE PICTURE_RULE

static void
set_dash(struct shape *p, const double *dash)
{
	memcpy(p->dash, dash, sizeof(p->dash));
}

static void
line_sample(struct picture *s, double x, double y, const struct line_style *style)
{
	struct shape *p = picture_add(s, SHAPE_LINE, x, y);

	p->x2 = x + 34;
	p->y2 = y;
	p->stroke = style->rgb;
	p->width = style->width;
	set_dash(p, style->dash);
}

static void
dot_sample(struct picture *s, double x, double y, double r, const struct as_style *style)
{
	struct shape *p = picture_add(s, SHAPE_CIRCLE, x, y);

	p->r = r;
	p->fill = style->rgb;
	p->stroke = style->outline;
	p->width = style->outline_width;
	set_dash(p, style->dash);
}

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
		set_dash(p, e->style.dash);
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
		set_dash(p, n->style.dash);
		p->group = ++*group;
		p->tip = n->tip;
		if (n->ref != STUDY_NONE && n->nhosts == 1 && n->kind != NODE_KEY)
			p->href = host_link(&st->hosts[n->ref].ip);
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
as_row(struct picture *s, const struct study *st, const struct draw_as *a, double x, double y)
{
	double end = x + AS_COLUMN - 14;
	struct buf b;

	dot_sample(s, x + 5.5, y - 3.4, 5, &a->style);
	buf_init(&b);
	text_count(&b, a->nhosts);
	picture_text(s, end, y, 9.5, INK_SOFT, b.data)->anchor = ANCHOR_END;
	end -= picture_text_width(b.data, 9.5) + 8;
	buf_clear(&b);
	drawing_as_name(&b, st, a->as, AS_TEXT);
	picture_text_cut(&b, 9.5, end - (x + 17));
	picture_text(s, x + 17, y, 9.5, INK, b.data);
	buf_fini(&b);
}

static const char *
counted(struct buf *b, unsigned long long n, const char *one, const char *many)
{
	text_count(b, n);
	buf_printf(b, " %s", n == 1 ? one : many);
	return b->data;
}

static void
set_titles(struct picture *s, const struct drawing *d)
{
	struct buf b;

	buf_init(&b);
	buf_printf(&b, "Cluster %u", d->id);
	s->title = buf_steal(&b);
	counted(&b, d->nhosts - (d->others > 0), "host", "hosts");
	if (d->others > 0) {
		buf_adds(&b, " and ");
		counted(&b, d->others, "other", "others");
	}
	buf_adds(&b, " · ");
	counted(&b, d->nshared, "shared key", "shared keys");
	buf_adds(&b, " · ");
	if (d->nas == 1 && d->unknown_as)
		buf_adds(&b, "AS unknown");
	else
		counted(&b, d->nas, "AS", "ASes");
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

static double
rule(struct picture *s, double y)
{
	struct shape *p = picture_add(s, SHAPE_LINE, MARGIN, y);

	p->x2 = s->width - MARGIN;
	p->y2 = y;
	p->stroke = RULE;
	p->width = 0.8;
	return y + 18;
}

/* Symbols that this drawing uses, and what they stand for.  Returns the next row's y. */
static double
symbol_rows(struct picture *s, const struct drawing *d, double x, double y)
{
	struct as_style plain = { 0xffffff, 0x555555, 1, { 0 } };
	bool keys = false, several = false, rest = false, rest_keys = false, mixed = false,
	     others = false;
	struct shape *p;

	for (size_t i = 0; i < d->nnodes; i++) {
		keys |= d->nodes[i].kind == NODE_KEY;
		several |= d->nodes[i].kind == NODE_GROUP && d->nodes[i].nhosts > 1;
		rest |= d->nodes[i].kind == NODE_REST && d->nodes[i].nhosts > 0;
		rest_keys |= d->nodes[i].kind == NODE_REST && d->nodes[i].nhosts == 0;
		mixed |= d->nodes[i].kind == NODE_GROUP && d->nodes[i].as == STUDY_NONE;
		others |= d->nodes[i].kind == NODE_OTHERS;
	}
	if (keys) {
		p = picture_add(s, SHAPE_DIAMOND, x + 17, y - 3.4);
		p->r = 5.5;
		p->fill = 0x222222;
		picture_text(s, x + 42, y, 9.5, INK, "a shared key");
		y += ROW;
	}
	if (several) {
		dot_sample(s, x + 17, y - 3.4, 6.5, &plain);
		p = picture_text(s, x + 17, y - 0.6, 7.5, INK, "n");
		p->anchor = ANCHOR_MIDDLE;
		picture_text(s, x + 42, y, 9.5, INK, "n hosts with the same keys");
		y += ROW;
	}
	if (mixed) {
		struct as_style style = palette_mixed();

		dot_sample(s, x + 17, y - 3.4, 6, &style);
		picture_text(s, x + 42, y, 9.5, INK, "hosts of several ASes");
		y += ROW;
	}
	if (rest) {
		struct as_style grey = { 0xf2f2f2, 0x888888, 1, { 3, 1.5 } };

		dot_sample(s, x + 17, y - 3.4, 6, &grey);
		p = picture_text(s, x + 17, y - 0.6, 7.5, INK, "n");
		p->anchor = ANCHOR_MIDDLE;
		picture_text(s, x + 42, y, 9.5, INK, "n further hosts, joined");
		y += ROW;
	}
	if (others) {
		struct as_style grey = palette_others();

		dot_sample(s, x + 17, y - 3.4, 6, &grey);
		p = picture_text(s, x + 17, y - 0.6, 7.5, INK, "n");
		p->anchor = ANCHOR_MIDDLE;
		picture_text(s, x + 42, y, 9.5, INK, "n hosts of others, not named");
		y += ROW;
	}
	if (rest_keys) {
		p = picture_add(s, SHAPE_DIAMOND, x + 17, y - 3.4);
		p->r = 7;
		p->fill = 0xf2f2f2;
		p->stroke = 0x888888;
		p->width = 1;
		p = picture_text(s, x + 17, y - 1, 7, INK, "n");
		p->anchor = ANCHOR_MIDDLE;
		picture_text(s, x + 42, y, 9.5, INK, "n further keys, joined");
		y += ROW;
	}
	return y;
}

/* Break a note into lines of the page's width.  Returns the next y. */
static double
note_rows(struct picture *s, const char *note, double y)
{
	double room = s->width - 2 * MARGIN;
	struct buf line;
	const char *p = note;

	buf_init(&line);
	while (*p != '\0') {
		size_t word = strcspn(p, " \n"), had = line.len;

		if (had > 0)
			buf_addc(&line, ' ');
		buf_add(&line, p, word);
		if (had > 0 && picture_text_width(line.data, 8.5) > room) {
			line.data[had] = '\0';
			picture_text(s, MARGIN, y, 8.5, INK_SOFT, line.data);
			y += 11.5;
			buf_clear(&line);
			buf_add(&line, p, word);
		}
		p += word;
		if (*p == '\n' || *p == '\0') {
			picture_text(s, MARGIN, y, 8.5, INK_SOFT, line.data);
			y += 11.5;
			buf_clear(&line);
		}
		p += *p != '\0';
	}
	buf_fini(&line);
	return y;
}

/* What a line of the drawing says. */
static const char *
line_head(const struct drawing *d)
{
	return d->level == DRAW_CLASSIC ? "a line: two hosts with one key on"
					: "a line: hosts with a key";
}

/* The lines of the legend in so many columns.  Returns the next row's y. */
static double
line_rows(struct picture *s, const struct drawing *d, double x, double y, size_t columns)
{
	size_t rows = (d->nlines + columns - 1) / columns;

	for (size_t i = 0; i < d->nlines; i++) {
		double lx = x + LINE_COLUMN * (double)(i / rows), ly = y + ROW * (double)(i % rows);

		line_sample(s, lx, ly - 3.4, &d->lines[i].style);
		picture_text(s, lx + 42, ly, 9.5, INK, d->lines[i].text);
	}
	return y + ROW * (double)rows;
}

/* What the columns below say. */
static void
foot_heads(struct picture *s, const struct drawing *d, size_t columns, double y)
{
	for (size_t i = 0; i < columns; i++) {
		double x = MARGIN + AS_COLUMN * (double)i;

		picture_text(s, x + 17, y, 8.5, INK_SOFT, "AS");
		picture_text(s, x + AS_COLUMN - 14, y, 8.5, INK_SOFT, "hosts")->anchor = ANCHOR_END;
	}
	if (d->nlines <= LINE_ROWS)
		picture_text(
		    s, MARGIN + AS_COLUMN * (double)columns, y, 8.5, INK_SOFT, line_head(d));
}

static double
foot(struct picture *s, const struct drawing *d, const struct study *st, double top)
{
	size_t columns = (size_t)((s->width - 2 * MARGIN - KEY_COLUMN) / AS_COLUMN);
	size_t rows;
	double y = rule(s, top), bottom, kx;
	struct buf b;

	if (columns < 1)
		columns = 1;
	if (columns > 3)
		columns = 3;
	while (columns > 1 && d->nases <= (columns - 1) * 4)
		columns--;
	rows = (d->nases + columns - 1) / columns;
	foot_heads(s, d, columns, y - 4);
	y += ROW - 4;
	for (size_t i = 0; i < d->nases; i++) {
		size_t column = i / rows, row = i % rows;

		as_row(
		    s, st, &d->ases[i], MARGIN + AS_COLUMN * (double)column, y + ROW * (double)row);
	}
	bottom = y + ROW * (double)rows;
	if (d->other_ases > 0) {
		struct as_style other = palette_mixed();

		dot_sample(s, MARGIN + 5.5, bottom - 3.4, 5, &other);
		buf_init(&b);
		buf_adds(&b, "and ");
		counted(&b, d->other_ases, "other AS with ", "other ASes with ");
		counted(&b, d->other_hosts, "host", "hosts");
		picture_text(s, MARGIN + 17, bottom, 9.5, INK_SOFT, b.data);
		buf_fini(&b);
		bottom += ROW;
	}
	kx = MARGIN + AS_COLUMN * (double)columns;
	if (d->nlines > LINE_ROWS) { /* many exact pairs: rows of their own under the ASes */
		bottom = rule(s, fmax(bottom, symbol_rows(s, d, kx, y)) - 4);
		picture_text(s, MARGIN, bottom - 4, 8.5, INK_SOFT, line_head(d));
		bottom = line_rows(s, d, MARGIN, bottom + ROW - 4,
		    (size_t)((s->width - 2 * MARGIN) / LINE_COLUMN));
	} else {
		y = line_rows(s, d, kx, y, 1);
		bottom = fmax(bottom, symbol_rows(s, d, kx, y));
	}
	if (d->note.len > 0)
		bottom = note_rows(s, d->note.data, bottom + 2);
	return bottom;
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
	bottom = foot(s, d, st, 0) + MARGIN - 8;
	enlarge(s, drawn, scale, top);
	s->width = width;
	s->height = top + bottom * scale;
}

static void
pair_row(struct picture *s, double x, double y, unsigned a, unsigned b)
{
	struct line_style style = palette_pair_style(a, b);
	char label[32];

	line_sample(s, x, y - 3.4, &style);
	if (a == b)
		snprintf(label, sizeof(label), "%u", a);
	else
		snprintf(label, sizeof(label), "%u = %u", a, b);
	picture_text(s, x + 42, y, 9.5, INK, label);
}

void
page_legend(struct picture *s, const struct study *st, const struct draw_colours *colours)
{
	double x = MARGIN, y = MARGIN + 40, y0 = y, bottom;
	struct shape *p;

	*s = (struct picture){ .width = 2 * MARGIN + AS_COLUMN + KEY_COLUMN + 2 * PAIR_COLUMN };
	s->title = xstrdup("Legend");
	s->desc = xstrdup("colours and lines of all cluster pictures");
	p = picture_text(
	    s, MARGIN, MARGIN + 12, 14, INK, "Colours and lines of the cluster pictures");
	p->bold = true;
	picture_text(s, x, y, 10, INK_SOFT, "AS (hosts in clusters)");
	for (uint32_t before = UINT32_MAX, last = UINT32_MAX;;) { /* the largest first */
		uint32_t next = UINT32_MAX;

		for (uint32_t i = 0; i < st->nases; i++) {
			uint32_t n = st->ases[i].nclustered;

			if (colours->slot[i] == -1 || n > before ||
			    (n == before && (last == UINT32_MAX || i <= last)))
				continue;
			if (next == UINT32_MAX || n > st->ases[next].nclustered)
				next = i;
		}
		if (next == UINT32_MAX)
			break;
		struct draw_as a = { next, st->ases[next].nclustered,
			palette_as(colours->slot[next]) };

		y += ROW;
		as_row(s, st, &a, x, y);
		before = a.nhosts;
		last = next;
	}
	y += ROW;
	struct as_style grey = palette_grey(0);
	dot_sample(s, x + 5.5, y - 3.4, 5, &grey);
	picture_text(s, x + 17, y, 9.5, INK, "others: greys and outlines, told in each picture");
	bottom = y;
	x += AS_COLUMN + 20;
	y = y0;
	picture_text(s, x, y, 10, INK_SOFT, "Above 10 hosts");
	for (int c = 0; c < NPAIR_CLASSES; c++) {
		y += ROW;
		line_sample(s, x, y - 3.4, palette_class_style((enum pair_class)c));
		picture_text(s, x + 42, y, 9.5, INK, palette_class_style((enum pair_class)c)->name);
	}
	y += ROW;
	p = picture_add(s, SHAPE_DIAMOND, x + 17, y - 3.4);
	p->r = 5.5;
	p->fill = 0x222222;
	picture_text(s, x + 42, y, 9.5, INK, "a shared key");
	x += KEY_COLUMN - 50;
	y = y0;
	picture_text(s, x, y, 10, INK_SOFT, "Up to 10 hosts: equal ports");
	for (size_t i = 0; i < NPORTS; i++) {
		y += ROW;
		pair_row(s, x, y, port_table[i].port, port_table[i].port);
	}
	x += PAIR_COLUMN;
	y = y0;
	picture_text(s, x, y, 10, INK_SOFT, "and different ones");
	for (size_t i = 0; i < NPORTS_STUDY; i++) {
		for (size_t k = i + 1; k < NPORTS_STUDY; k++) {
			y += ROW;
			pair_row(s, x, y, port_table[i].port, port_table[k].port);
		}
	}
	s->height = fmax(bottom, y) + MARGIN;
}
