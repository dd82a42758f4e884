/*
 * A function in a child that can do little, for bytes that come from others
 * while this process still may do much.
 *
 * The child has no capabilities and cannot gain any, opens only what its
 * profile allows (sandbox.h), makes no files, starts nothing, has /dev/null for
 * standard streams, and lends itself to no debugger.  Its only way out is what
 * it writes to one pipe.
 */
/* Layer: io */
#ifndef SURVEY_ISOLATE_H
#define SURVEY_ISOLATE_H

#include <signal.h>
#include <stddef.h>

#include "survey/buf.h"
#include "survey/identity.h"
#include "survey/sandbox.h"

struct isolate_options {
	/* Whom the child becomes.  NULL: when we are root, a user that nobody else is; else ourselves. */
	const struct identity *id;
	enum sandbox_profile profile;
	const struct sandbox_paths *paths; /* may be NULL */
	unsigned cpu_s; /* processor time that it may take */
	size_t max; /* bytes that it may answer with */
	const volatile sig_atomic_t *stop; /* ends it when it is not 0 any more; may be NULL */
	int (*open)(void *
		arg); /* runs before the profile is entered; -1: there is nothing to do; may be NULL */
};

/*
 * Run fn(out, arg) in such a child: it writes its answer to the descriptor out
 * and returns 0.  To be called while the process has one thread.  Descriptors
 * that are open here are open there.  Returns 0 with the answer, which is to be
 * believed as far as its author; or -1 with errno set and the reason in *why
 * (the caller frees it).  errno is EINTR when it was stopped.
 */
int isolate(int (*fn)(int out, void *arg), void *arg, const struct isolate_options *o,
    struct buf *answer, char **why);

#endif
