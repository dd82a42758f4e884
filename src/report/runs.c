/* Statistics of several runs. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "survey/buf.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/report.h"
#include "survey/text.h"

#include "stats.h"

/* How a run is called in a heading: its last path component. */
static char *
short_name(const char *path)
{
	size_t end = strlen(path), start;
	struct buf b;
	char *name;

	while (end > 1 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/'; start--)
		;
	buf_init(&b);
	text_plain(&b, path + start, end - start, 40);
	name = buf_steal(&b);
	buf_fini(&b);
	return name;
}

static int
one_run(struct tables *ts, const char *path)
{
	struct study *st = study_load(path, STUDY_EVERYTHING);
	struct runinfo run;

	if (st == NULL)
		return -1;
	runinfo_read(&run, path);
	tables_init(ts);
	stats_tables(ts, st, &run);
	runinfo_fini(&run);
	study_free(st);
	return 0;
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
		struct buf b;

		buf_init(&b);
		for (size_t i = 0; i < ts->n; i++)
			buf_printf(&b, "%s%s", i > 0 ? ", " : "", ts->v[i].id);
		log_error("stats: there is no table \"%s\"; there are %s", id, b.data);
		buf_fini(&b);
		return -1;
	}
	if (format == STATS_CSV) {
		table_csv(t, out);
		return 0;
	}
	one = (struct tables){ .v = &ts->v[t - ts->v], .n = 1 };
	put(&one, format, out);
	return 0;
}

int
stats_runs(const char *const *paths, size_t n, enum stats_format format, const char *table,
    struct buf *out)
{
	struct tables *runs = xcalloc(n, sizeof(*runs)), side;
	char **names = xcalloc(n, sizeof(*names));
	const struct tables *shown;
	size_t read = 0;
	int rc = -1;

	tables_init(&side);
	for (; read < n; read++) {
		if (one_run(&runs[read], paths[read]) == -1)
			goto out;
		names[read] = short_name(paths[read]);
	}
	if (n > 1)
		tables_side_by_side(&side, runs, (const char *const *)names, n);
	shown = n > 1 ? &side : &runs[0];
	rc = 0;
	if (table != NULL)
		rc = put_one(shown, table, format, out);
	else
		put(shown, format, out);
out:
	for (size_t i = 0; i < read; i++) {
		tables_fini(&runs[i]);
		free(names[i]);
	}
	tables_fini(&side);
	free(runs);
	free(names);
	return rc;
}
