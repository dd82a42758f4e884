#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/text.h"
#include "survey/mem.h"
#include "survey/rfc3339.h"

#include "progress.h"

#define LIVE_MS 500
#define PLAIN_MS 30000
#define JSON_MS 5000

enum mode { LIVE, PLAIN, JSON };

struct progress {
	enum mode mode;
	int shown; /* lines of the live block on the screen */
};

static void
clear_block(struct progress *p)
{
	if (p->shown > 0)
		fprintf(stderr, "\r\033[%dA\033[J", p->shown); /* \r: Ctrl-C was echoed as ^C */
	p->shown = 0;
}

/* A message goes above the block, which the next show draws again. */
static void
log_above(const char *line, void *arg)
{
	clear_block(arg);
	fprintf(stderr, "%s\n", line);
}

struct progress *
progress_new(bool json)
{
	struct progress *p = xcalloc(1, sizeof(*p));
	const char *term = getenv("TERM");

	p->mode = json ? JSON : PLAIN;
	if (!json && isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0) {
		p->mode = LIVE;
		log_set_sink(log_above, p);
	}
	return p;
}

void
progress_free(struct progress *p)
{
	free(p);
}

uint64_t
progress_interval_ms(const struct progress *p)
{
	return p->mode == LIVE ? LIVE_MS : p->mode == JSON ? JSON_MS : PLAIN_MS;
}

static void
add_figures(struct buf *b, const struct progress_row *r)
{
	char left[32];

	buf_printf(b, "%s %.0f", r->name, r->done);
	if (r->total > 0)
		buf_printf(b, "/%.0f", r->total);
	buf_printf(b, " %s, %.1f/s", r->unit, r->rate);
	if (r->left_s > 0)
		buf_printf(b, ", %s left", text_duration(r->left_s, left, sizeof(left)));
}

static void
add_row(struct buf *b, const struct progress_row *r)
{
	add_figures(b, r);
	if (r->note[0] != '\0')
		buf_printf(b, ", %s", r->note);
}

static unsigned
columns(void)
{
	struct winsize ws;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 10 ? ws.ws_col : 80;
}

static void
show_live(struct progress *p, const struct progress_row *rows)
{
	unsigned width = columns();

	clear_block(p);
	for (int i = 0; i < PROGRESS_ROWS; i++) {
		struct buf b;

		if (rows[i].name == NULL)
			continue;
		buf_init(&b);
		add_row(&b, &rows[i]);
		if (b.len >= width) { /* its note on a line of its own */
			buf_clear(&b);
			add_figures(&b, &rows[i]);
			fprintf(stderr, "%.*s\n     %.*s\n", (int)width - 1, b.data, (int)width - 6,
			    rows[i].note);
			p->shown++;
		} else {
			fprintf(stderr, "%s\n", b.data);
		}
		buf_fini(&b);
		p->shown++;
	}
	fflush(stderr);
}

static void
show_plain(const struct progress_row *rows)
{
	struct buf b;

	buf_init(&b);
	for (int i = 0; i < PROGRESS_ROWS; i++) {
		if (rows[i].name == NULL)
			continue;
		if (b.len > 0)
			buf_adds(&b, "; ");
		add_row(&b, &rows[i]);
	}
	log_info("%s", b.data);
	buf_fini(&b);
}

static void
show_json(const struct progress_row *rows)
{
	char now[TIME_SIZE];
	struct jsonw w;

	jsonw_init(&w, stdout);
	jsonw_object(&w);
	jsonw_key(&w, "time");
	jsonw_string(&w, time_format(time(NULL), now));
	for (int i = 0; i < PROGRESS_ROWS; i++) {
		if (rows[i].name == NULL)
			continue;
		jsonw_key(&w, rows[i].name);
		jsonw_object(&w);
		jsonw_key(&w, "done");
		jsonw_double(&w, rows[i].done, 0);
		jsonw_key(&w, "total");
		jsonw_double(&w, rows[i].total, 0);
		jsonw_key(&w, "rate");
		jsonw_double(&w, rows[i].rate, 2);
		jsonw_key(&w, "eta_s");
		jsonw_double(&w, rows[i].left_s, 0);
		jsonw_key(&w, "note");
		jsonw_string(&w, rows[i].note);
		jsonw_end_object(&w);
	}
	jsonw_end_object(&w);
	jsonw_newline(&w);
	(void)jsonw_flush(&w); /* a reader that has gone is no reason to stop a survey */
	jsonw_fini(&w);
	fflush(stdout);
}

void
progress_show(struct progress *p, const struct progress_row rows[PROGRESS_ROWS])
{
	if (p->mode == LIVE)
		show_live(p, rows);
	else if (p->mode == JSON)
		show_json(rows);
	else
		show_plain(rows);
}

void
progress_end(struct progress *p)
{
	if (p->mode != LIVE)
		return;
	clear_block(p);
	log_set_sink(NULL, NULL);
}
