/* Asking about mail domains and the hosts that take their mail. */
/* Layer: dns */
#ifndef SURVEY_MAILASK_H
#define SURVEY_MAILASK_H

#include <stdbool.h>

#include "survey/dns.h"
#include "survey/mail.h"

struct mailask_options {
	struct resolver *resolver; /* taken */
	const struct outside *outside; /* as in dns.h */
	const char *file; /* dns.ndjson, which answers are appended to */
	const char *stats; /* file for totals as JSON, or NULL */
};

/*
 * Ask what the answers in m leave open, a question at most once, and take the answers up.  What
 * is on its way at a time is bounded.  SIGINT, SIGTERM and SIGHUP end it; what was answered is in
 * the file then.  Returns an exit_status after messages: EXIT_INCOMPLETE when the resolver was
 * given up.
 */
int mailask(struct mail *m, const struct mailask_options *o);

#endif
