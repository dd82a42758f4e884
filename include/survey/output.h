/*
 * The result files of a study, written by passes over its hosts.
 *
 * Every file is written under a temporary name; they get their names together, when
 * all are complete.  The bytes depend on nothing but the study and the options:
 * no clock, no thread, no address in memory.
 */
/* Layer: output */
#ifndef SURVEY_OUTPUT_H
#define SURVEY_OUTPUT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/cost.h"
#include "survey/file.h"
#include "survey/publickey.h"
#include "survey/study.h"

struct jsonw;

/* Where the text of a host's line lies, for hosts that may end in dodgy.json. */
struct output_line {
	uint32_t next; /* number of the host's next line plus one, 0 at the end */
	uint32_t len;
	uint64_t offset;
};

/* The records themselves, as far as dodgy.json shows them: an optional source. */
struct output_lines {
	int fd; /* holds the lines */
	const struct output_line *lines;
	const uint32_t *first; /* by host: number plus one, or 0 */
};

#define OUTPUT_COSTS_MAX 16

struct output_options {
	const struct output_lines *lines; /* NULL: dodgy.json names addresses and reasons only */
	const volatile sig_atomic_t *stop; /* set: give up, with *error NULL; may be NULL */
	const char *const *only; /* names of the files that are wanted, ends with NULL; NULL: all */
	bool copy; /* of an anonymised study: only what a copy holds (output_table) */
	/*
	 * Called when all files are whole, before any has its name: more files that shall
	 * appear with them, complete but for their commit.  May be NULL.  Returns 0, or -1 with *error set.
	 */
	int (*whole)(void *arg, struct outfile *const **more, size_t *n, char **error);
	void *arg;
	/* What each part took: OUTPUT_COSTS_MAX rows, of which *ncosts are filled; may be NULL. */
	struct cost *costs;
	size_t *ncosts;
};

/*
 * Write all files of the study into dir.  Returns 0, or -1 with a message in *error (the
 * caller frees it) and none of the files changed but those that had been renamed already.
 */
int output_write(
    const struct study *st, const char *dir, const struct output_options *o, char **error);

/*
 * Remove what an analysis that was killed left in dir under temporary names, records.bad and
 * run.json included.  After a success, by the holder of the lock.
 */
void output_clean(const char *dir);

/* What a study holds. */
struct output_counts {
	uint64_t hosts[HOST_NOUTS]; /* by enum host_out: OUT_NONE takes part */
	uint64_t keys; /* of hosts that take part */
	uint64_t public_keys[NPUBLIC_RESULTS];
	uint64_t verdicts[HOST_NVERDICTS], names[NAME_NVERDICTS], not_looked_up;
	uint32_t largest; /* hosts of the largest cluster */
};
void output_count(const struct study *st, struct output_counts *c);
/* As members of the `analysis` object of run.json. */
void output_counts_json(struct jsonw *w, const struct study *st, const struct output_counts *c);
/* In words, to the log. */
void output_counts_log(const struct study *st, const struct output_counts *c);

/* One host as a line of verdicts.ndjson, with its newline. */
void output_verdict_line(struct jsonw *w, const struct study *st, uint32_t host);

#endif
