/* Questions put to a resolver, in a loop that does nothing else, until all are answered. */
/* Layer: dns */
#ifndef SURVEY_DNS_JOB_H
#define SURVEY_DNS_JOB_H

#include <stdbool.h>
#include <stddef.h>

#include "survey/dns.h"

struct dns_job {
	struct dns *dns; /* while it runs */
	bool stopped; /* by SIGINT, SIGTERM or SIGHUP */
	bool failed; /* there was no resolver, it was given up, or the file could not be written */
};

struct dns_job_options {
	/* Asks some more of job->dns.  Returns false when there is nothing to ask for now. */
	bool (*ask)(void *arg);
	void (*on_answer)(const struct answer *a, void *arg); /* ask() may follow it at once */
	void (*on_end)(void *arg); /* job->dns is still there, for its totals; may be NULL */
	void *arg;
	/* Questions on their way: ask() is called again when they are fewer than low, until high. */
	size_t low, high;
};

/*
 * Ask until ask() has no more and all is answered.  dns: its callbacks and arg are not read, and
 * nobody is waited for (impatient).  A signal that was ignored stays so.  Totals go to the log.
 * Returns 0, or -1 after a message when there can be no client; the rest is in job.
 */
int dns_job_run(
    struct dns_job *job, const struct dns_options *dns, const struct dns_job_options *o);

#endif
