/*
 * A few long-lived worker processes that do numbered jobs.
 *
 * A worker is forked with everything it needs in memory, so a job is just a
 * number and a level.  What it makes comes back through its socket, for it
 * may write nothing itself.  One that dies, or overruns its time or memory, is
 * replaced and its job comes back as failed.  Whatever a worker sends is
 * checked: it works on hostile input and may have been taken over.
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

struct pool_out; /* the way from a worker to its parent */

struct pool_options {
	unsigned workers;
	unsigned timeout_s; /* of one job */
	unsigned memory_mb; /* address space of one worker beyond what it has at its start */
	uint64_t most_bytes; /* that one job may send */
	/* In the worker, once: returns what work() gets, or NULL when it cannot work. */
	void *(*start)(void *arg);
	/* In the worker: 0, or anything else for a failure.  Results go to pool_put(). */
	int (*work)(void *state, const struct pool_job *job, struct pool_out *out);
	/*
	 * In the parent: bytes that worker (from 0) has put.  Returns 0; -1 when
	 * they are not what they should be: the worker is ended, the job has
	 * failed; or an errno: likewise, and done() gets it.
	 */
	int (*take)(void *arg, unsigned worker, const struct pool_job *job, uint32_t part,
	    const void *data, size_t len);
	/*
	 * In the parent: rc is 0, -1 when the worker failed, died or overran, or
	 * take()'s errno.  Returns 0 when the job is done with, 1 when *job is
	 * to be tried instead, or -1 when all is to stop.
	 */
	int (*done)(void *arg, unsigned worker, struct pool_job *job, int rc);
	/* In the parent, about twice a second, also while no job ends; may be NULL. */
	void (*idle)(void *arg);
	void *arg;
	const volatile sig_atomic_t *stop; /* not 0: stop; may be NULL */
};

/*
 * In the worker: send bytes of a part of the job's result, in as many calls as
 * it takes.  Parts are the caller's numbers, below POOL_PARTS.  Returns 0, or
 * -1 when the parent has gone.
 */
int pool_put(struct pool_out *out, uint32_t part, const void *data, size_t len);

#define POOL_PARTS 256

/*
 * Do all jobs; the order of the calls of done() is free.  A job that was
 * broken off has no done().  Returns 0, or -1 with errno set: ECANCELED when
 * done() or *stop stopped it.
 */
int pool_run(const struct pool_options *o, const struct pool_job *jobs, size_t n);

#endif
