/*
 * A few long-lived worker processes that do numbered jobs.
 *
 * A worker is forked with everything it needs in memory, so a job is just a
 * number and a level.  One that dies, or overruns its time or memory, is
 * replaced and its job comes back as failed.
 */
#ifndef GRAPH_POOL_H
#define GRAPH_POOL_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

struct pool_job {
	uint32_t number;
	uint32_t level;
};

struct pool_options {
	unsigned workers;
	unsigned timeout_s; /* of one job */
	unsigned memory_mb; /* address space of one worker beyond what it has at its start */
	/* In the worker, once: returns what work() gets. */
	void *(*start)(void *arg);
	/* In the worker: 0, or what done() is to know of the failure. */
	int (*work)(void *state, const struct pool_job *job);
	/*
	 * In the parent: rc is work()'s, or -1 when the worker died or overran.
	 * Returns 0 when the job is done with, 1 when *job is to be tried
	 * instead, or -1 when all is to stop.
	 */
	int (*done)(void *arg, struct pool_job *job, int rc);
	void *arg;
	const volatile sig_atomic_t *stop; /* not 0: stop; may be NULL */
};

/* Do all jobs; the order of the calls of done() is free.  Returns 0, or -1 with errno set: ECANCELED when done() or *stop stopped it. */
int pool_run(const struct pool_options *o, const struct pool_job *jobs, size_t n);

#endif
