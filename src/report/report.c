#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/report.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"

#include "chart.h"
#include "page.h"
#include "stats.h"

enum chart_form { FORM_FUNNEL, FORM_SPLIT, FORM_SIZES };

/* Charts and the tables they show, in the order of the page. */
static const struct chart_def {
	const char *id; /* of the file */
	const char *table;
	const char *title;
	enum chart_form form;
	size_t max; /* bars */
} chart_defs[] = {
	{ "funnel", "funnel", "From addresses to clusters", FORM_FUNNEL, 8 },
	{ "sizes", "sizes", "Cluster sizes", FORM_SIZES, 0 },
	{ "ases", "ases", "ASes with most hosts in clusters", FORM_SPLIT, 12 },
	{ "ports", "port-use", "Hosts with a key, by port", FORM_SPLIT, 9 },
	{ "versions", "versions", "SSH and TLS versions (host/ports)", FORM_SPLIT, 14 },
	{ "keytypes", "keytypes", "Key types and lengths (host/ports)", FORM_SPLIT, 12 },
	{ "names", "names", "What the names of hosts say", FORM_SPLIT, 4 },
	{ "certificates", "certificates", "Certificates (host/ports)", FORM_SPLIT, 6 },
};
#define NCHARTS (sizeof(chart_defs) / sizeof(chart_defs[0]))

struct task {
	char *dir; /* gets the report */
	char *graphs; /* holds the pictures */
	const char *own; /* the run's directory */
	struct study *study;
	struct runinfo run;
	struct tables tables;
	const struct match *since; /* or NULL */
	const char *since_name;
};

/* The rows of the overview that narrow down from addresses to clusters. */
static void
add_funnel(struct tables *ts)
{
	static const char *const rows[] = { "addresses probed", "listeners on port 25",
		"listeners in the country", "hosts grabbed", "hosts with keys",
		"hosts in clusters" };
	static const char *const columns[] = { "number", NULL };
	struct table *t = tables_add(ts, "funnel", "From addresses to clusters", "step", columns);
	const struct table *overview = tables_find(ts, "overview");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t k = 0; k < overview->nrows; k++) {
			const struct cell *c = &overview->rows[k].cells[0];
			struct row *r;

			if (strcmp(overview->rows[k].label, rows[i]) != 0)
				continue;
			r = table_row(t, "%s", rows[i]);
			if (c->kind == CELL_COUNT)
				row_count(r, 0, c->count);
		}
	}
}

/* Hosts by port in the shape of a split table. */
static void
add_port_use(struct tables *ts)
{
	static const char *const columns[] = { "all", "in clusters", "outside", NULL };
	struct table *t = tables_add(ts, "port-use", "Hosts with a key, by port", "port", columns);
	const struct table *ports = tables_find(ts, "ports");

	for (size_t i = 0; i < ports->nrows; i++) {
		const struct cell *c = ports->rows[i].cells;
		struct row *r = table_row(t, "%s", ports->rows[i].label);

		if (c[0].kind == CELL_COUNT)
			row_count(r, 0, c[0].count);
		if (c[4].kind == CELL_COUNT)
			row_count(r, 1, c[4].count);
		if (c[5].kind == CELL_COUNT)
			row_count(r, 2, c[5].count);
	}
}

static int
write_file(const char *dir, const char *name, const char *ending, const struct buf *b)
{
	char *path = xasprintf("%s/%s.%s", dir, name, ending);
	int rc = file_write(path, b->data, b->len);

	if (rc == -1)
		log_error("cannot write %s: %s", path, strerror(errno));
	free(path);
	return rc;
}

static bool
draw_chart(struct picture *p, const struct chart_def *def, const struct table *t)
{
	if (def->form == FORM_SIZES)
		return chart_sizes(p, t, def->title);
	if (def->form == FORM_FUNNEL)
		return chart_funnel(p, t, def->title);
	return chart_bars(p, t, def->title, def->max);
}

/* The endings of a chart's files, in the order in which they are written. */
static const char *const endings[] = { "svg", "pdf", "csv" };
#define NENDINGS (sizeof(endings) / sizeof(endings[0]))

/* Remove what an earlier report has left of a chart. */
static void
drop_chart(const struct task *t, const struct chart_def *def)
{
	for (size_t i = 0; i < NENDINGS; i++) {
		char *path = xasprintf("%s/%s.%s", t->dir, def->id, endings[i]);

		unlink(path);
		free(path);
	}
}

/*
 * Write one chart's files; *svg gets it for the page.  Returns 1, 0 when there
 * is nothing to draw, or -1 after a message, when the report has none.
 */
static int
write_chart(const struct task *t, const struct chart_def *def, char **svg)
{
	const struct table *table = tables_find(&t->tables, def->table);
	struct buf form[NENDINGS];
	struct picture p;
	int rc = 0;

	*svg = NULL;
	for (size_t i = 0; i < NENDINGS; i++)
		buf_init(&form[i]);
	if (draw_chart(&p, def, table)) {
		picture_svg(&p, &form[0]);
		if ((rc = picture_pdf(&p, &form[1])) == -1)
			log_error(
			    "%s/%s.pdf cannot be drawn: %s", t->dir, def->id, strerror(errno));
		table_csv(&t->tables, table, &form[2]);
		for (size_t i = 0; i < NENDINGS && rc == 0; i++)
			rc = write_file(t->dir, def->id, endings[i], &form[i]);
		if (rc == 0)
			*svg = xstrdup(strstr(form[0].data, "<svg"));
		rc = rc == 0 ? 1 : -1;
	}
	if (rc != 1)
		drop_chart(t, def);
	picture_fini(&p);
	for (size_t i = 0; i < NENDINGS; i++)
		buf_fini(&form[i]);
	return rc;
}

static int
write_report(struct task *t, const char *title)
{
	struct page_chart charts[NCHARTS];
	struct page page = { .title = title,
		.graphs = t->graphs,
		.study = t->study,
		.run = &t->run,
		.dir = t->own,
		.charts = charts };
	struct tables shown = t->tables;
	bool lacking = false;
	uint8_t *flags;
	struct buf b;
	int rc;

	for (size_t i = 0; i < NCHARTS; i++) {
		char *svg;
		int drawn = write_chart(t, &chart_defs[i], &svg);

		if (drawn == 1)
			charts[page.ncharts++] = (struct page_chart){ chart_defs[i].id, svg };
		lacking |= drawn == -1;
	}
	buf_init(&b);
	shown.n -= 2; /* the charts' own tables, added last, repeat others */
	page.tables = &shown;
	flags = headline_flags(t->study, t->since);
	page.since = t->since;
	page.since_name = t->since_name;
	page.flags = flags;
	page_html(&page, &b);
	rc = write_file(t->dir, "index", "html", &b);
	buf_clear(&b);
	tables_json(&shown, &b);
	if (rc == 0)
		rc = write_file(t->dir, "stats", "json", &b);
	for (size_t i = 0; i < page.ncharts; i++)
		free((char *)(uintptr_t)page.charts[i].svg);
	buf_fini(&b);
	free(flags);
	return rc == 0 && lacking ? 1 : rc;
}

/* Where the pictures are: beside the report when survey graph has drawn them there, too. */
static char *
picture_dir(const char *base, const char *own)
{
	char *dir = path_join(base, "graphs");

	if (access(dir, F_OK) == 0)
		return dir;
	free(dir);
	return path_join(own, "graphs");
}

/*
 * A survey writes its report before it ends, so run.json cannot tell its end:
 * it comes with the options.  Else "running" is only what was true when
 * run.json was written: who runs holds the lock.
 */
static void
say_how_it_ended(struct runinfo *r, const struct report_options *o)
{
	char time[TIME_SIZE];

	if (r->state == NULL || strcmp(r->state, "running") != 0)
		return;
	free(r->state);
	if (o->state == NULL) {
		r->state = xstrdup(rundir_is_locked(o->path)
				       ? "still running when this report was written"
				       : "broken off");
		return;
	}
	r->state = xstrdup(o->state);
	free(r->ended);
	r->ended = xstrdup(time_format(o->ended, time));
	runinfo_drop_stage(r, survey_stage_names[STAGE_REPORT]); /* this one: it has no end yet */
}

int
report_rundir(const struct report_options *o)
{
	struct task t = { .dir = NULL };
	char *base, *own;
	struct study *earlier = NULL;
	struct match since;
	struct buf title;
	int rc = -1;

	if ((t.study = study_open(o->path, STATS_PARTS, 0)) == NULL)
		return -1;
	if (o->since != NULL) {
		earlier = study_open(o->since, STATS_PARTS, 0);
		if (earlier != NULL && earlier->copy != t.study->copy) {
			log_error("--since: %s and %s are not both copies of one kind, or both "
				  "none: they have no hosts to compare",
			    o->since, o->path);
			study_free(earlier);
			earlier = NULL;
		}
		if (earlier == NULL) {
			study_free(t.study);
			return -1;
		}
		match_studies(&since, earlier, t.study);
		t.since = &since;
		t.since_name = path_last(o->since);
	}
	own = path_folder(o->path);
	base = o->output != NULL ? xstrdup(o->output) : xstrdup(own);
	t.dir = path_join(base, "report");
	t.own = own;
	t.graphs = picture_dir(base, own);
	runinfo_read(&t.run, o->path);
	say_how_it_ended(&t.run, o);
	tables_init(&t.tables);
	stats_tables(&t.tables, t.study, &t.run, false);
	add_funnel(&t.tables);
	add_port_use(&t.tables);
	buf_init(&title);
	if (o->title != NULL && o->title[0] != '\0')
		buf_adds(&title, o->title);
	else
		headline_title(t.study, &t.run, &title);
	if (file_mkdirs(t.dir, 0700) == -1)
		log_error("cannot make %s: %s", t.dir, strerror(errno));
	else
		rc = write_report(&t, title.data);
	buf_fini(&title);
	picture_release_fonts();
	tables_fini(&t.tables);
	runinfo_fini(&t.run);
	if (earlier != NULL)
		match_fini(&since);
	study_free(earlier);
	study_free(t.study);
	free(t.dir);
	free(t.graphs);
	free(base);
	free(own);
	return rc;
}
