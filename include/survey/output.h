/*
 * The result files of a study, written in one pass over its hosts.
 *
 * Every file is written under a temporary name; they get their names only when
 * all are complete.  The bytes depend on nothing but the study: no clock, no
 * thread, no address in memory.
 */
/* Layer: output */
#ifndef SURVEY_OUTPUT_H
#define SURVEY_OUTPUT_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/answers.h"
#include "survey/clusters.h"
#include "survey/hostset.h"
#include "survey/verdict.h"

struct jsonw;

/* Where the text of a host's line lies, for hosts that may end in dodgy.json. */
struct output_line {
	uint32_t next; /* number of the host's next line plus one, 0 at the end */
	uint32_t len;
	uint64_t offset;
};

struct output_study {
	const char *dir;
	const struct hostset *set;
	const struct clusters *clusters;
	const struct answers *answers;
	int64_t scan_date; /* overrides the records' own times; TIME_UNKNOWN: it does not */
	uint32_t pairs_up_to;

	const volatile sig_atomic_t *stop; /* set: give up, with *error NULL; may be NULL */

	int lines_fd; /* holds the lines of hosts that take no part, or -1 without any */
	const struct output_line *lines;
	const uint32_t *first_line; /* by host: number plus one, or 0 */

	/* for table runs of survey.db */
	const char *source; /* name of the record file, without folders */
	const char *countries; /* "IE", "IE,GB", "XX" */
	uint64_t nlines, nrefused;
};

/* What a part of the work took. */
struct output_cost {
	const char *name;
	uint64_t calls, wall_ns, cpu_ns, bytes;
	uint64_t peak_kb; /* of the process when the part ended */
	uint64_t done_ns; /* when that was, counted from the start of the writing */
};

#define OUTPUT_COSTS_MAX 16

/* Numbers that the run's summary gives. */
struct output_totals {
	uint64_t verdicts[HOST_NVERDICTS]; /* hosts that take part */
	uint64_t names[NAME_NVERDICTS];
	uint64_t not_looked_up; /* names that are no name to look up */
	uint64_t dogies;
};

/*
 * Write all files of the study.  costs has OUTPUT_COSTS_MAX rows, of which
 * *ncosts are filled.  Returns 0, or -1 with a message in *error (the caller frees it)
 * and none of the files changed but those that had been renamed already.
 */
int output_write(const struct output_study *s, struct output_totals *totals,
    struct output_cost *costs, size_t *ncosts, char **error);

/* Remove what an output_write() that was killed left in dir under temporary names. */
void output_clean(const char *dir);

/* One host as a line of verdicts.ndjson, with its newline. */
void output_verdict_line(struct jsonw *w, const struct verdict *v, uint64_t ip_record);

#endif
