/* survey compare: what its files share. */
#ifndef QUERY_COMPARE_H
#define QUERY_COMPARE_H

#include <stddef.h>
#include <stdint.h>

#include "survey/buf.h"
#include "survey/impact.h"
#include "survey/jsonw.h"
#include "survey/match.h"
#include "survey/print.h"
#include "survey/query.h"

struct absences;

/* A run and the one after it. */
struct comparison {
	struct match m;
	const struct query_run *run_a, *run_b;
	const char **gone_why; /* by gone host; constant texts */
	struct impact *impact_a,
	    *impact_b; /* NULL: neither mail domains nor TLSA records are known */
	struct buf notes; /* lines: what else differs between the runs */
};

void comparison_init(struct comparison *c, const struct query_run *run_a, const struct study *a,
    const struct query_run *run_b, const struct study *b);
void comparison_fini(struct comparison *c);
/* Append a line for each thing that the runs do not have in common, and that may look like a change. */
void compare_notes(struct comparison *c);

/* --- compare_print.c --- */

/* quiet: a line a change and nothing else. */
void compare_text(struct buf *out, const struct comparison *c, const struct compare_options *o);
void compare_json(struct jsonw *w, const struct comparison *c);
/* What changed, row by row, as the command prints it. */
extern const struct print_column compare_columns[];
void compare_csv(struct print *p, const struct comparison *c);

/* --- compare_files.c --- */

/*
 * Write what -o asks for, of the comparisons of consecutive runs.  Returns 0, or -1
 * after a message.
 */
int compare_write(const struct compare_options *o, struct study *const *studies,
    const struct comparison *c, size_t n, const struct buf *json);

/* --- compare_db.c --- */

/* survey-compare.db in dir.  Returns 0, or -1 after a message. */
int compare_write_db(const char *dir, const struct comparison *c, size_t n);

/* --- compare_across.c --- */

/* Keys that stand in several runs, and the clusters that they join. */
void compare_across(const struct compare_options *o, struct study *const *studies, struct buf *out);

#endif
