/* Pure: what stands below a drawing: ASes, lines and symbols, notes; and the legend by itself. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/port.h"
#include "survey/text.h"

#include "foot.h"
#include "page.h"

#define ROW 15.0
#define AS_TEXT 60 /* characters at most; what fits is less */
#define LINE_COLUMN 214.0
#define LINE_ROWS 9
#define PAIR_COLUMN 160.0

void
page_dash(struct shape *p, const double *dash)
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
	page_dash(p, style->dash);
}

static void
dot_sample(struct picture *s, double x, double y, double r, const struct as_style *style)
{
	struct shape *p = picture_add(s, SHAPE_CIRCLE, x, y);

	p->r = r;
	p->fill = style->rgb;
	p->stroke = style->outline;
	p->width = style->outline_width;
	page_dash(p, style->dash);
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

const char *
page_counted(struct buf *b, unsigned long long n, const char *one, const char *many)
{
	text_counted(b, n, one, many);
	return b->data;
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

struct shape *
foot_weak_mark(struct picture *s, double x, double y)
{
	struct shape *p = picture_add(s, SHAPE_DIAMOND, x, y);

	p->r = 5;
	p->fill = PICTURE_WEAK;
	p->stroke = 0xffffff;
	p->width = 1;
	return p;
}

/* A circle that stands for n of something.  Returns the next row's y. */
static double
count_row(
    struct picture *s, double x, double y, const struct as_style *style, double r, const char *text)
{
	dot_sample(s, x + 17, y - 3.4, r, style);
	picture_text(s, x + 17, y - 0.6, 7.5, palette_ink(style->rgb), "n")->anchor = ANCHOR_MIDDLE;
	picture_text(s, x + 42, y, 9.5, INK, text);
	return y + ROW;
}

/* Symbols that this drawing uses, and what they stand for.  Returns the next row's y. */
static double
symbol_rows(struct picture *s, const struct drawing *d, double x, double y)
{
	struct as_style plain = { 0xffffff, 0x555555, 1, { 0 } };
	struct as_style grey = { 0xf2f2f2, 0x888888, 1, { 3, 1.5 } };
	struct as_style of_several = palette_mixed(), not_named = palette_others();
	bool keys = false, weak_keys = false, weak = false, several = false, rest = false,
	     rest_keys = false, mixed = false, others = false, weak_several = false;
	struct shape *p;

	for (size_t i = 0; i < d->nnodes; i++) {
		keys |= d->nodes[i].kind == NODE_KEY && !d->nodes[i].weak;
		weak_keys |= d->nodes[i].kind == NODE_KEY && d->nodes[i].weak;
		weak |= d->nodes[i].kind != NODE_KEY && d->nodes[i].weak;
		weak_several |= d->nodes[i].kind == NODE_GROUP && d->nodes[i].weak &&
				d->nodes[i].nhosts > 1;
		several |= d->nodes[i].kind == NODE_GROUP && d->nodes[i].nhosts > 1;
		rest |= d->nodes[i].kind == NODE_REST && d->nodes[i].nhosts > 0;
		rest_keys |= d->nodes[i].kind == NODE_REST && d->nodes[i].nhosts == 0;
		mixed |= d->nodes[i].kind == NODE_GROUP && d->nodes[i].as == STUDY_NONE;
		others |= d->nodes[i].kind == NODE_OTHERS;
	}
	if (keys) {
		p = picture_add(s, SHAPE_DIAMOND, x + 17, y - 3.4);
		p->r = 5.5;
		p->fill = PICTURE_KEY;
		picture_text(s, x + 42, y, 9.5, INK, "a shared key");
		y += ROW;
	}
	if (weak_keys) {
		p = picture_add(s, SHAPE_DIAMOND, x + 17, y - 3.4);
		p->r = 5.5;
		p->fill = PICTURE_WEAK;
		picture_text(s, x + 42, y, 9.5, INK, "a weak shared key");
		y += ROW;
	}
	if (weak) {
		foot_weak_mark(s, x + 17, y - 3.4);
		picture_text(s, x + 42, y, 9.5, INK,
		    d->level == DRAW_CLASSIC ? "shows a weak key"
		    : weak_several	     ? "a host in it shows a weak key of its own"
					     : "shows a weak key of its own");
		y += ROW;
	}
	if (several)
		y = count_row(s, x, y, &plain, 6.5, "n hosts with the same keys");
	if (mixed) {
		dot_sample(s, x + 17, y - 3.4, 6, &of_several);
		picture_text(s, x + 42, y, 9.5, INK, "hosts of several ASes");
		y += ROW;
	}
	if (rest)
		y = count_row(s, x, y, &grey, 6, "n further hosts, joined");
	if (others)
		y = count_row(s, x, y, &not_named, 6, "n hosts of others, not named");
	if (rest_keys) {
		p = picture_add(s, SHAPE_DIAMOND, x + 17, y - 3.4);
		p->r = 7;
		p->fill = grey.rgb;
		p->stroke = grey.outline;
		p->width = 1;
		p = picture_text(s, x + 17, y - 1, 7, palette_ink(grey.rgb), "n");
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

double
page_foot(struct picture *s, const struct drawing *d, const struct study *st, double top)
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
		page_counted(&b, d->other_ases, "other AS with ", "other ASes with ");
		page_counted(&b, d->other_hosts, "host", "hosts");
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
	struct as_style grey = palette_grey(0), first = palette_first();
	dot_sample(s, x + 5.5, y - 3.4, 5, &grey);
	picture_text(s, x + 17, y, 9.5, INK, "others: greys, named in each picture");
	y += ROW;
	dot_sample(s, x + 5.5, y - 3.4, 5, &first);
	picture_text(s, x + 17, y, 9.5, INK, "the largest other one of a picture");
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
	p->fill = PICTURE_KEY;
	picture_text(s, x + 42, y, 9.5, INK, "a shared key");
	y += ROW;
	foot_weak_mark(s, x + 17, y - 3.4);
	picture_text(s, x + 42, y, 9.5, INK, "weak");
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
