/*
 * The report and the statistics of a run.
 *
 * Both open a study and read run.json beside it, if there is one, and say
 * what they lack.
 */
/* Layer: report */
#ifndef SURVEY_REPORT_H
#define SURVEY_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct report_options {
	const char *path; /* whatever study_open() takes */
	const char *output; /* directory that gets report/, NULL: path, or beside the file */
	const char *title; /* NULL or "": what the study is of, where and when */
	const char *since; /* an earlier run, from which changes are told, or NULL */
	/* How and when a run ends whose last stage this is; NULL and 0: as run.json says. */
	const char *state;
	int64_t ended;
};

/*
 * Write report/index.html, and beside it each chart as SVG and PDF with its CSV.
 * Returns 0; 1 when it is there without charts that could not be made, which
 * messages name; or -1 after a message.
 */
int report_rundir(const struct report_options *o);

/* A run and the one after it, matched; what its page needs of them. */
struct match;
struct report_comparison {
	const struct match *m;
	const char *name_a, *name_b;
	const char *graphs_a,
	    *graphs_b; /* directories of the pictures; those that are missing are said to be */
	const char *const *gone_why; /* by gone host */
	const char *notes; /* lines */
};

/* Append a page in the report's style: figures, and the old and new picture of each cluster that changed. */
void report_comparisons(const struct report_comparison *c, size_t n, struct buf *out);

enum stats_format { STATS_TEXT, STATS_JSON, STATS_CSV, STATS_LATEX };

/* The tables, in their order; ends with NULL. */
extern const char *const stats_table_ids[];

/*
 * Append the statistics of n runs, side by side, to out.  table: the id of the only
 * table wanted, or NULL.  all: every row, not only the largest.  Returns 0, or -1 after a message.
 */
int stats_runs(const char *const *paths, size_t n, enum stats_format format, const char *table,
    bool all, struct buf *out);

#endif
