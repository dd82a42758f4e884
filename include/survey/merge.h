/*
 * merge: several runs become one: shards of a scan, parts of a list, countries.
 *
 * The studies are taken from survey.db, as analyze would have made them of all records in
 * argument order; records are not read again.
 */
/* Layer: query */
#ifndef SURVEY_MERGE_H
#define SURVEY_MERGE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

struct merge_options {
	const char *const *runs; /* directories */
	size_t nruns;
	const char *const *opt_outs; /* lists, ending with NULL: who is in them is told of */
	const char *output; /* new, empty, or what an earlier merge made */
	const char *made; /* of merge_begin(); it is gone, or output, afterwards */
	bool partial; /* merge runs that do not belong together, or are not all there, too */
	bool no_records; /* leave records, DNS answers and hits where they are */
	const volatile sig_atomic_t *stop;
};

/*
 * Before rights are given up: make the directory that takes output's place, and the parents of both.  The caller
 * frees *made.  Returns 0, or -1 after a message.
 */
int merge_begin(const char *output, char **made);

/*
 * Returns an exit_status: EXIT_USAGE after a message when the runs are not to be merged, EXIT_INCOMPLETE when the
 * result is not all of a scan or one of the runs was incomplete.
 */
int query_merge(const struct merge_options *o);

#endif
