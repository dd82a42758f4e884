/*
 * A copy of a study's results in which nothing names a host.
 *
 * Addresses, ASes and fingerprints become pseudonyms: a keyed hash (HMAC-SHA-256),
 * the same for the same text in every copy made from one run directory, and
 * not to be reversed without the key, which stays in that directory
 * (anonymise.key).  Names and free text of servers are left out, and what
 * else is known of a host is coarse, so that it fits many.
 */
/* Layer: query */
#ifndef SURVEY_ANONYMISE_H
#define SURVEY_ANONYMISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct anonymise_options {
	const char *path; /* run directory or collisions.json */
	const char *output; /* new directory, or one made by an earlier call */
	const char *made; /* anonymise_begin()'s for output */
	const uint32_t *keep_as; /* the copy holds hosts of these ASes as they are, and no other */
	size_t nkeep_as;
	bool trust; /* with keep_as: pseudonyms of the other hosts in their clusters, too */
};

/*
 * May output be made, or replaced?  Make the directory beside it that will take its place:
 * *made, which the caller frees, and removes when nothing comes of it.  Returns 0, or -1 after a message.
 */
int anonymise_begin(const char *output, char **made);

/*
 * Write clusters.json, all-key-fingerprints.json, verdicts.ndjson,
 * clustersizes.csv, survey.db and a short run.json into output: a directory
 * for graph, report and stats; with keep_as others.json, too.  Returns 0, -1
 * after a message, or ANONYMISE_USAGE after one that no host is of an AS of keep_as.
 */
#define ANONYMISE_USAGE (-2)
int anonymise_rundir(const struct anonymise_options *o);

#endif
