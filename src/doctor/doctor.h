/* The doctor's files. */
#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

#include <stddef.h>
#include <uv.h>

#include "survey/config.h"
#include "survey/ip.h"

#include "live/live.h"

enum finding { FINDING_OK, FINDING_WARN, FINDING_FAIL };

struct doctor {
	const struct config *c;
	uv_loop_t loop;
	size_t count[3]; /* by finding */
	struct identity id; /* whom a run becomes */
	bool was_root;
	bool identified; /* false: root, and no user to become */
	bool check_probing; /* ask our own site for probing.txt */
	bool may_run; /* we are no longer root, if we were: tools can be started */
	double free_bytes; /* where run directories are made; 0: not known */
	struct ip source; /* our address towards the targets; family 0: not known */
};

/* One line; remote and file text in it is escaped.  mend, how to mend it, may be NULL. */
void doctor_say(struct doctor *d, enum finding finding, const char *what, const char *mend,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* A host's line in records.fresh, on the generous side, and in records.fresh.zst. */
#define RECORD_BYTES(c) ((c)->run.compress ? 4000 : 32000)

/* plan.c: what a run would ask, how long that takes, and whether it would begin; as whom we were called. */
void doctor_plan(struct doctor *d);
/* mail.c: the mail server and the canaries of the config are asked for a greeting. */
void doctor_mail(struct doctor *d);
/* probing.c: does the site of the scanning address, called name and at ip, serve a probing.txt? */
void doctor_probing(struct doctor *d, const char *name, const struct ip *ip);
/* resolvers.c: start the resolvers once, and ask them who the scanning address is. */
void doctor_resolvers(struct doctor *d);

#endif
