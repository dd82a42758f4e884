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

struct argv;

struct weak_request {
	const char *path; /* a run directory, or an analyze -o directory */
	const char *name; /* of the directory in messages; NULL: path */
	const char *command; /* for messages: "weak" */
	bool locked; /* the caller holds its lock */
	unsigned threads; /* 0: one a processor */
	size_t memory; /* bytes for batch GCD; 0: half of the machine's */
	const char *const *lists; /* "PATH" or "NAME=PATH" */
	size_t nlists;
	const char *const *primes; /* files or folders; none: where install-deps.sh puts them */
	size_t nprimes;
	const char *factors; /* a new file for factors of moduli, or NULL */
	bool costs; /* tell what each part has cost */
	/* Print the findings to standard output. */
	bool print;
	int format; /* enum print_format */
	bool colour;
	/*
	 * Called before anything of path is read, when what is written elsewhere is open: the
	 * caller may give up rights.  0 or an exit_status after a message.  NULL: nothing.
	 */
	int (*give_up)(const struct weak_request *o, void *arg);
	void *arg;
	const volatile sig_atomic_t *stop;
};

/* The files and folders outside path that weak_rundir() reads, a copy of each. */
void weak_reads(const struct weak_request *o, struct argv *paths);
/* What the weak section of a config says, for what o does not say itself.  c stays the caller's. */
struct config;
void weak_configure(struct weak_request *o, const struct config *c);
/* The config of the run in dir, with paths as its own place has them; NULL where there is none. */
struct config *weak_run_config(const char *dir);

/*
 * Test, and put survey.db and weak.json in the place of those that are there,
 * both or neither.  Returns an exit_status: EXIT_INCOMPLETE when a list or a file of primes that was
 * asked for could not be used, EXIT_USAGE when path is a copy or no directory of results.
 */
int weak_rundir(const struct weak_request *o);

#endif
