/*
 * purge: take personal data out of a run's directory.
 *
 * The directory is made anew beside itself without what is to go, and
 * exchanged with what stands there: at any instant it is what it was or what it becomes.
 */
/* Layer: query */
#ifndef SURVEY_PURGE_H
#define SURVEY_PURGE_H

#include <signal.h>
#include <stdbool.h>

#include "survey/ip.h"

/* What goes: one of the three. */
struct purge_options {
	const char *path; /* a run directory, or one that analyze -o or merge made; no link */
	const char *made; /* of purge_begin(); it is gone afterwards */
	bool records; /* what hosts said, line by line; the study stays */
	bool names; /* names of hosts and DNS answers, and with them the records */
	const struct ipset *hosts; /* these addresses, as if they had never been asked; or NULL */
	const struct weak_request *weak; /* how weak keys are looked for, where they were */
	const char *why; /* for run.json, or NULL */
	/* Called when the new directory is whole: purge_own(), by somebody who still may.  Returns 0, or -1 with errno set. */
	int (*own)(void *arg);
	void *own_arg;
	const volatile sig_atomic_t *stop;
};

struct weak_request;

/*
 * Before rights are given up: is there a run that nobody writes to?  Make the directory that takes its place.  The
 * caller frees *made and closes *lock, which holds the run's lock.  Returns 0, or -1 after a message.
 */
int purge_begin(const char *path, char **made, int *lock);

/*
 * Owner, mode and the attribute that root keeps, of the directory dir and what is in it, for what takes its
 * place.  A sandbox allows none of this.  Returns 0, or -1 with errno set.
 */
int purge_own(const char *dir, const char *made);

/*
 * Returns an exit_status: EXIT_USAGE after a message when the directory cannot be purged,
 * EXIT_INCOMPLETE when runs that were merged into it still hold what went.
 */
int query_purge(const struct purge_options *o);

#endif
