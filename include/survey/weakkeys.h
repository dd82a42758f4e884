/*
 * The weak keys of a finished run: all public keys of its survey.db are
 * tested, and what is found stands in survey.db and weak.json.
 */
/* Layer: query */
#ifndef SURVEY_WEAKKEYS_H
#define SURVEY_WEAKKEYS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define WEAK_FILE "weak.json"

struct weak_request {
	const char *path; /* a run directory, or an analyze -o directory */
	const char *command; /* for messages: "weak" */
	bool locked; /* the caller holds its lock */
	unsigned threads; /* 0: one a processor */
	size_t memory; /* bytes for batch GCD; 0: half of the machine's */
	const char *const *lists; /* "PATH" or "NAME=PATH" */
	size_t nlists;
	const char *const *primes; /* files or folders; none: where install-deps.sh puts them */
	size_t nprimes;
	const char *factors; /* a new file for the primes that are found, or NULL */
	FILE *out; /* a line a finding goes there, or NULL */
	const volatile sig_atomic_t *stop;
};

/*
 * Test, and put survey.db and weak.json in the place of those that are there,
 * both or neither.  Returns an exit_status: EXIT_INCOMPLETE when a list or a file of primes that was
 * asked for could not be used, EXIT_USAGE when path is a copy or no directory of results.
 */
int weak_rundir(const struct weak_request *o);

/* Remove weak.json: it does not belong to the survey.db that is there now.  Returns 0, or -1 with errno set. */
int weak_forget(const char *dir);

#endif
