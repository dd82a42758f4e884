/*
 * The tables that statistics and report are made of: one shape for text,
 * JSON, CSV, LaTeX and HTML, for one run and for several side by side.
 */
#ifndef REPORT_TABLE_H
#define REPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum cell_kind { CELL_MISSING, CELL_COUNT, CELL_SHARE, CELL_TEXT };

struct cell {
	enum cell_kind kind;
	uint64_t count;
	double share; /* 0 to 1 */
	char *text;
};

struct row {
	char *label; /* remote text in it is escaped by the writers */
	struct cell *cells;
	bool alarm; /* the row is a finding that ought to worry */
};

struct table {
	const char *id;
	const char *title;
	const char *corner; /* what the row labels are */
	const char *note; /* below the table, or NULL */
	bool counts; /* complete: of a row that is not there the counts are 0 */
	char **columns; /* of several runs side by side: each n times, in the order of the runs */
	struct row *rows;
	size_t ncolumns, nrows, cap_columns, cap_rows;
};

/* The run that values are of; NULL unknown. */
struct table_run {
	char *name, *date, *countries, *versions;
};

struct tables {
	struct table *v;
	size_t n, cap;
	struct table_run *runs;
	size_t nruns;
};

void tables_init(struct tables *);
void tables_fini(struct tables *);
/* columns ends with NULL.  The table is valid until the next tables_add(). */
struct table *tables_add(struct tables *, const char *id, const char *title, const char *corner,
    const char *const *columns);
/* One more run, whose values stand in every nruns-th column; the texts are copied. */
void tables_run(struct tables *, const struct table_run *);
const struct table *tables_find(const struct tables *, const char *id);

/* Take all rows out. */
void table_clear(struct table *);

/* A new row; cells follow by number of their column and are missing until set. */
struct row *table_row(struct table *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void row_count(struct row *, size_t column, uint64_t n);
void row_share(struct row *, size_t column, uint64_t part, uint64_t whole); /* of 0: missing */
void row_text(struct row *, size_t column, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same tables of n runs: each column once a run, under the run's short name; rows matched by label. */
void tables_side_by_side(
    struct tables *out, const struct tables *runs, const char *const *names, size_t n);

void tables_text(const struct tables *, struct buf *out);
void tables_json(const struct tables *, struct buf *out);
/* A line a cell: table,row,column,value and what is known of its run. */
void tables_csv(const struct tables *, struct buf *out);
void tables_latex(const struct tables *, struct buf *out);
/* As it stands, with a header; behind its columns those of its runs. */
void table_csv(const struct tables *, const struct table *, struct buf *out);
void table_html(const struct table *, struct buf *out);

#endif
