/*
 * Input: which files it is (1 byte) and the text of it.  A second text, the
 * hosts or verdicts, follows a NUL byte.  Whatever is read is drawn at every
 * level, counted, anonymised and put into a page.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/escape.h"

#include "graph/drawing.h"
#include "graph/page.h"
#include "report/stats.h"
#include "study/pseudonym.h"
#include "study/study_read.h"

/* The report's own page.h has the name of the pictures' one. */
void page_data(const struct study *, struct buf *out);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_markup(const struct buf *b)
{
	if (!utf8_valid(b->data, b->len) || strstr(b->data, "<script") != NULL)
		abort();
	for (size_t i = 0; i < b->len; i++) {
		if ((unsigned char)b->data[i] < 0x20 && b->data[i] != '\n')
			abort();
	}
}

static void
draw(const struct study *st)
{
	struct draw_colours colours;

	draw_colours_init(&colours, st);
	for (uint32_t c = 0; c < st->nclusters && c < 3; c++) {
		for (int level = 0; level < NDRAW_LEVELS; level++) {
			struct picture p;
			struct drawing d;
			struct buf b;

			if (level == DRAW_CLASSIC && st->clusters[c].nhosts > 60)
				continue;
			buf_init(&b);
			drawing_init(&d, st, &colours, c, (enum draw_level)level);
			page_init(&p, &d, st);
			picture_svg(&p, &b);
			check_markup(&b);
			buf_clear(&b);
			drawing_dot(&d, st, &b);
			if (!utf8_valid(b.data, b.len))
				abort();
			picture_fini(&p);
			drawing_fini(&d);
			buf_fini(&b);
		}
	}
	draw_colours_fini(&colours);
}

static void
count(const struct study *st)
{
	static const uint64_t no = RUNINFO_UNKNOWN;
	struct runinfo run = { .targets = no,
		.probed = no,
		.hits = no,
		.out_of_country = no,
		.records = no,
		.no_key = no,
		.wrong_country = no,
		.no_country = no };
	struct tables ts;
	struct buf b;

	buf_init(&b);
	tables_init(&ts);
	stats_tables(&ts, st, &run);
	for (size_t i = 0; i < ts.n; i++) {
		table_html(&ts.v[i], &b);
		check_markup(&b);
	}
	buf_clear(&b);
	tables_text(&ts, &b);
	tables_json(&ts, &b);
	tables_latex(&ts, &b);
	tables_csv(&ts, &b);
	page_data(st, &b);
	if (!utf8_valid(b.data, b.len))
		abort();
	tables_fini(&ts);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const unsigned char key[PSEUDONYM_KEY] = { 1, 2, 3 };
	const char *text = (const char *)data + 1, *second;
	size_t n, rest;
	struct study *st;

	if (len == 0)
		return 0;
	n = len - 1;
	second = n > 0 ? memchr(text, '\0', n) : NULL;
	rest = second != NULL ? n - (size_t)(second + 1 - text) : 0;
	n = second != NULL ? (size_t)(second - text) : n;
	st = study_new();
	if (data[0] & 1)
		study_read_clusters(st, text, n);
	else
		study_read_collisions(st, text, n);
	if (second != NULL && (data[0] & 2) != 0)
		study_read_hosts(st, second + 1, rest);
	else if (second != NULL)
		study_read_verdicts(st, second + 1, rest, true);
	study_finish(st);
	draw(st);
	count(st);
	pseudonym_study(st, key, NULL, 0);
	draw(st);
	study_free(st);
	return 0;
}
