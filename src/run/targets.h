/* Who may be contacted, from the config's countries, networks and lists. */
#ifndef SURVEY_RUN_TARGETS_H
#define SURVEY_RUN_TARGETS_H

#include <stdbool.h>
#include <stdint.h>

#include "survey/config.h"
#include "survey/ip.h"

/*
 * scan is what zmap gets: the networks of the countries and ASes, the extra
 * networks and those of the files, minus block.  block holds the reserved
 * ranges (but for run.allow_reserved) and the block lists; opt_out is apart
 * because it changes while a survey runs.
 */
struct targets {
	struct ipset scan;
	struct ipset block;
	struct ipset opt_out;
	bool list_mode; /* any address that is not blocked may be contacted */
	uint64_t bad_rows; /* of CSV databases, with the first of them */
	char *first_bad;
};

/* Returns 0, or -1 with the reason in *error (the caller frees it) and t empty. */
int targets_init(struct targets *t, const struct config *c, char **error);
void targets_fini(struct targets *t);

/*
 * Read the opt-out file again.  Returns 0; or -1 with the reason in *error,
 * the former list staying in force.
 */
int targets_reload(struct targets *t, const struct config *c, char **error);

/* Why ip must not be contacted: "blocked", "opted out", "not a target"; NULL when it may be. */
const char *targets_refuse(const struct targets *t, const struct ip *ip);

/*
 * Write cidrs.v4 and cidrs.v6 (scan, minus who opted out) and block (both
 * lists as prefixes, for zmap and zgrab2) to the run directory.  Returns 0,
 * or -1 with the reason in *error.
 */
int targets_write(const struct targets *t, const char *dir, char **error);

#endif
