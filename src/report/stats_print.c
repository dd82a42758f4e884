/* Statistics of several runs. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/report.h"
#include "survey/text.h"

#include "stats.h"

#define NAME_MAX_CHARS 40

const char *const stats_table_ids[] = { "overview", "ports", "versions", "software", "keytypes",
	"suites", "certificates", "names", "sizes", "ports-of-one-host", "port-pairs", "ases",
	"clusters", "keys", "weak", "weak-checks", NULL };

/* The last so many components of a path. */
static char *
path_tail(const char *path, size_t components)
{
	size_t end = strlen(path), start;
	struct buf b;
	char *name;

	while (end > 1 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0; start--) {
		if (path[start - 1] == '/' && --components == 0)
			break;
	}
	buf_init(&b);
	text_plain(&b, path + start, end - start, NAME_MAX_CHARS);
	name = buf_steal(&b);
	buf_fini(&b);
	return name;
}

static bool
all_differ(char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (strcmp(names[i], names[k]) == 0)
				return false;
		}
	}
	return true;
}

/* How the runs are called in headings: as few components of their paths as tell them apart, or numbers. */
static char **
short_names(const char *const *paths, size_t n)
{
	char **names = xcalloc(n + 1, sizeof(*names));

	for (size_t components = 1; components <= 5; components++) {
		for (size_t i = 0; i < n; i++) {
			free(names[i]);
			names[i] = components <= 4 ? path_tail(paths[i], components)
						   : xasprintf("run %zu", i + 1);
		}
		if (all_differ(names, n))
			break;
	}
	return names;
}

/* The study of a run, and its tables; NULL after a message. */
static struct study *
one_run(struct tables *ts, const char *path, bool all)
{
	struct study *st = study_open(path, STATS_PARTS, 0);
	struct runinfo run;

	if (st == NULL)
		return NULL;
	runinfo_read(&run, path);
	tables_init(ts);
	stats_tables(ts, st, &run, all);
	runinfo_fini(&run);
	return st;
}

static void
put(const struct tables *ts, enum stats_format format, struct buf *out)
{
	switch (format) {
	case STATS_TEXT:
		tables_text(ts, out);
		break;
	case STATS_JSON:
		tables_json(ts, out);
		break;
	case STATS_CSV:
		tables_csv(ts, out);
		break;
	case STATS_LATEX:
		tables_latex(ts, out);
		break;
	}
}

/* Only the table of that id; a CSV of one table is that table, not a line a cell. */
static int
put_one(const struct tables *ts, const char *id, enum stats_format format, struct buf *out)
{
	const struct table *t = tables_find(ts, id);
	struct tables one;

	if (t == NULL) {
		log_error("stats: there is no table \"%s\"", id);
		return -1;
	}
	if (format == STATS_CSV) {
		table_csv(ts, t, out);
		return 0;
	}
	one =
	    (struct tables){ .v = &ts->v[t - ts->v], .n = 1, .runs = ts->runs, .nruns = ts->nruns };
	put(&one, format, out);
	return 0;
}

int
stats_runs(const char *const *paths, size_t n, enum stats_format format, const char *table,
    bool all, struct buf *out)
{
	struct tables *runs = xcalloc(n, sizeof(*runs)), side;
	struct study **studies = xcalloc(n + 1, sizeof(*studies));
	char **names = short_names(paths, n);
	const struct tables *shown;
	size_t read = 0;
	int rc = -1;

	tables_init(&side);
	for (; read < n; read++) {
		if ((studies[read] = one_run(&runs[read], paths[read], all)) == NULL)
			goto out;
	}
	for (size_t i = 0; i < n; i++) { /* a run without a name is called by its path */
		struct table_run *r = &runs[i].runs[0];

		if (r->name == NULL)
			r->name = xstrdup(names[i]);
	}
	if (n > 1) {
		stats_match(runs, studies, n);
		tables_side_by_side(&side, runs, (const char *const *)names, n);
	}
	shown = n > 1 ? &side : &runs[0];
	rc = 0;
	if (table != NULL)
		rc = put_one(shown, table, format, out);
	else
		put(shown, format, out);
out:
	for (size_t i = 0; i < read; i++) {
		tables_fini(&runs[i]);
		study_free(studies[i]);
	}
	free(studies);
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	tables_fini(&side);
	free(runs);
	free(names);
	return rc;
}
