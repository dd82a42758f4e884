/* Pure: charts as pictures. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/text.h"

#include "chart.h"

#define WIDTH 440.0 /* little wider than a column of a paper */
#define MARGIN 12.0
#define BAR 15.0
#define BAR_STEP 22.0
#define IN_RGB PICTURE_IN
#define OUT_RGB PICTURE_OUT
#define ALARM PICTURE_WEAK
#define ALARM_OUT PICTURE_WEAK_OUT
#define ZOOM 20 /* a step that leaves less than one in so many gets a scale of its own */
#define ZOOM_HEIGHT 26.0
#define LABEL 60 /* characters at most */
#define LABEL_WIDTH 190.0 /* points */

static double
head(struct picture *p, const char *title)
{
	p->width = WIDTH;
	p->title = xstrdup(title);
	p->desc = xstrdup("");
	picture_text(p, MARGIN, MARGIN + 10, 12.5, PICTURE_INK, title)->bold = true;
	return MARGIN + 30;
}

static uint64_t
cell_count(const struct row *r, size_t column)
{
	return r->cells[column].kind == CELL_COUNT ? r->cells[column].count : 0;
}

static uint64_t
row_total(const struct row *r)
{
	return cell_count(r, 1) + cell_count(r, 2);
}

static void
short_label(struct buf *b, const char *label)
{
	buf_clear(b);
	text_plain(b, label, strlen(label), LABEL);
	picture_text_cut(b, 9.5, LABEL_WIDTH);
}

static void
bar(struct picture *p, double x, double y, double w, uint32_t rgb)
{
	if (w > 0)
		picture_rect(p, x, y, w < 1 ? 1 : w, BAR, rgb);
}

/* What the colours say, of those that the chart has. */
static void
key(struct picture *p, const struct table *t, size_t n, double y)
{
	bool in = false, alarm = false, outside = false, alarm_outside = false;
	const struct {
		const bool *used;
		uint32_t rgb;
		const char *text;
	} colours[] = {
		{ &in, IN_RGB, "in clusters" },
		{ &alarm, ALARM, "weak or deprecated" },
		{ &outside, OUT_RGB, "outside" },
		{ &alarm_outside, ALARM_OUT, "outside, weak" },
	};
	double x = MARGIN;

	for (size_t i = 0; i < n; i++) {
		in |= !t->rows[i].alarm;
		alarm |= t->rows[i].alarm && cell_count(&t->rows[i], 1) > 0;
		outside |= !t->rows[i].alarm && t->rows[i].cells[2].kind == CELL_COUNT;
		alarm_outside |= t->rows[i].alarm && cell_count(&t->rows[i], 2) > 0;
	}
	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
		if (!*colours[i].used)
			continue;
		picture_rect(p, x, y - 8, 10, 10, colours[i].rgb);
		picture_text(p, x + 15, y, 9, PICTURE_SOFT, colours[i].text);
		x += picture_text_width(colours[i].text, 9) + 34;
	}
}

bool
chart_bars(struct picture *p, const struct table *t, const char *title, size_t max)
{
	size_t n = t->nrows < max ? t->nrows : max;
	double room = 0, y, x0, full;
	uint64_t most = 0;
	struct buf b;

	*p = (struct picture){ 0 };
	for (size_t i = 0; i < n; i++) {
		uint64_t total = row_total(&t->rows[i]);

		most = total > most ? total : most;
	}
	if (most == 0)
		return false;
	buf_init(&b);
	for (size_t i = 0; i < n; i++) {
		short_label(&b, t->rows[i].label);
		room = fmax(room, picture_text_width(b.data, 9.5));
	}
	y = head(p, title);
	x0 = MARGIN + room + 8;
	full = WIDTH - MARGIN - 52 - x0;
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &t->rows[i];
		uint64_t total = row_total(r);
		double w = full * (double)total / (double)most;
		double in = full * (double)cell_count(r, 1) / (double)most;

		short_label(&b, r->label);
		picture_text(p, x0 - 8, y + BAR - 4, 9.5, PICTURE_INK, b.data)->anchor = ANCHOR_END;
		bar(p, x0, y, in, r->alarm ? ALARM : IN_RGB);
		bar(p, x0 + in, y, w - in, r->alarm ? ALARM_OUT : OUT_RGB);
		buf_clear(&b);
		text_count(&b, total);
		picture_text(p, x0 + w + 6, y + BAR - 4, 9.5, PICTURE_SOFT, b.data);
		y += BAR_STEP;
	}
	/* No sum of them: what is in one row may be in another, too. */
	if (n < t->nrows) {
		buf_clear(&b);
		text_counted(&b, t->nrows - n, "further row", "further rows");
		picture_text(p, x0, y + 8, 9, PICTURE_SOFT, b.data);
		y += BAR_STEP - 4;
	}
	key(p, t, n, y + 14);
	p->height = y + 22 + MARGIN - 6;
	buf_fini(&b);
	return true;
}

/* The thin end of a bar, drawn out to the whole width of the next one. */
static void
zoom(struct picture *p, double x0, double full, double sliver, double y, uint64_t n, uint64_t of)
{
	struct buf b;

	picture_line(p, x0, y, x0, y + ZOOM_HEIGHT, PICTURE_SOFT, 0.6);
	picture_line(p, x0 + sliver, y, x0 + full, y + ZOOM_HEIGHT, PICTURE_SOFT, 0.6);
	buf_init(&b);
	buf_adds(&b, "one in ");
	text_count(&b, (of + n / 2) / n);
	buf_adds(&b, ", enlarged:");
	picture_text(p, x0 + 6, y + ZOOM_HEIGHT - 5, 9, PICTURE_SOFT, b.data);
	buf_fini(&b);
}

bool
chart_funnel(struct picture *p, const struct table *t, const char *title)
{
	double room = 0, y, x0, full;
	uint64_t most = 0, before = 0, scale = 0;
	size_t steps = 0;
	struct buf b;

	*p = (struct picture){ 0 };
	buf_init(&b);
	for (size_t i = 0; i < t->nrows; i++) {
		if (cell_count(&t->rows[i], 0) > most)
			most = cell_count(&t->rows[i], 0);
		steps += t->rows[i].cells[0].kind == CELL_COUNT;
		short_label(&b, t->rows[i].label);
		room = fmax(room, picture_text_width(b.data, 9.5));
	}
	if (steps < 2 || most == 0) { /* one number narrows nothing down */
		buf_fini(&b);
		return false;
	}
	y = head(p, title);
	x0 = MARGIN + room + 8;
	full = WIDTH - MARGIN - 108 - x0;
	for (size_t i = 0; i < t->nrows; i++) {
		uint64_t n = cell_count(&t->rows[i], 0);
		double w;

		if (t->rows[i].cells[0].kind != CELL_COUNT)
			continue; /* not told */
		if (scale == 0)
			scale = n;
		if (n > 0 && n * ZOOM < before && before > 0) {
			double sliver = full * (double)n / (double)scale;

			picture_rect(p, x0, y - BAR_STEP, fmax(sliver, 1), BAR, IN_RGB);
			zoom(p, x0, full, fmax(sliver, 1), y - BAR_STEP + BAR, n, before);
			y += ZOOM_HEIGHT - (BAR_STEP - BAR);
			scale = n;
		}
		w = scale > 0 ? fmin(full * (double)n / (double)scale, full) : 0;
		picture_text(p, x0 - 8, y + BAR - 4, 9.5, PICTURE_INK, t->rows[i].label)->anchor =
		    ANCHOR_END;
		bar(p, x0, y, w, i + 1 == t->nrows ? IN_RGB : OUT_RGB);
		buf_clear(&b);
		text_count(&b, n);
		if (before > 0 && scale != n)
			buf_printf(&b, "  (%.0f %%)", 100.0 * (double)n / (double)before);
		picture_text(p, x0 + w + 6, y + BAR - 4, 9.5, PICTURE_SOFT, b.data);
		before = n;
		y += BAR_STEP;
	}
	picture_text(
	    p, MARGIN, y + 10, 9, PICTURE_SOFT, "In brackets the share of the step before.");
	p->height = y + 14 + MARGIN;
	buf_fini(&b);
	return true;
}

/* Powers of ten with a thin line each, on both axes. */
struct axis {
	double from, to; /* position of 1 and of the last decade */
	double decades;
};

static double
at(const struct axis *a, double v)
{
	return a->from + (a->to - a->from) * log10(v) / a->decades;
}

static void
decades(struct picture *p, const struct axis *x, const struct axis *y)
{
	struct buf b;

	buf_init(&b);
	for (int d = 0; d <= (int)x->decades; d++) {
		double v = pow(10, d), px = at(x, v);

		picture_line(p, px, y->from, px, y->to, PICTURE_RULE, 0.6);
		buf_clear(&b);
		text_count(&b, (unsigned long long)v);
		picture_text(p, px, y->from + 13, 9, PICTURE_SOFT, b.data)->anchor = ANCHOR_MIDDLE;
	}
	for (int d = 0; d <= (int)y->decades; d++) {
		double v = pow(10, d), py = at(y, v);

		picture_line(p, x->from, py, x->to, py, PICTURE_RULE, 0.6);
		buf_clear(&b);
		text_count(&b, (unsigned long long)v);
		picture_text(p, x->from - 6, py + 3, 9, PICTURE_SOFT, b.data)->anchor = ANCHOR_END;
	}
	buf_fini(&b);
}

bool
chart_sizes(struct picture *p, const struct table *t, const char *title)
{
	struct axis x = { MARGIN + 44, WIDTH - MARGIN - 6, 1 }, y = { 0, 0, 1 };
	double top;

	*p = (struct picture){ 0 };
	if (t->nrows == 0)
		return false;
	for (size_t i = 0; i < t->nrows; i++) {
		double size = strtod(t->rows[i].label, NULL);

		x.decades = fmax(x.decades, ceil(log10(size)));
		y.decades = fmax(y.decades, ceil(log10((double)cell_count(&t->rows[i], 0))));
	}
	top = head(p, title);
	y.from = top + 250;
	y.to = top + 6;
	decades(p, &x, &y);
	for (size_t i = 0; i < t->nrows; i++) {
		struct shape *dot = picture_add(p, SHAPE_CIRCLE,
		    at(&x, strtod(t->rows[i].label, NULL)),
		    at(&y, (double)cell_count(&t->rows[i], 0)));

		dot->r = 4;
		dot->fill = IN_RGB;
		dot->stroke = 0xffffff;
		dot->width = 0.8;
	}
	picture_text(p, (x.from + x.to) / 2, y.from + 28, 9.5, PICTURE_SOFT, "hosts in the cluster")
	    ->anchor = ANCHOR_MIDDLE;
	picture_text(p, MARGIN, top - 6, 9.5, PICTURE_SOFT, "clusters of that size");
	p->height = y.from + 28 + MARGIN;
	return true;
}
