/*
 * The guard: a small process between survey and each long child.
 *
 * It runs the tool in a process group of its own and watches a life-line, a
 * socket whose other end only survey holds.  When that closes, however survey
 * ended, the group is killed at once.  Parent-death signals do not do: the
 * kernel clears them when a binary with file capabilities is executed and
 * when credentials change (prctl(2)), and zmap has both.
 *
 * On the life-line survey sends one byte a signal, for the tool's group.  The
 * guard answers with lines: "pid N" once, "err ERRNO" when the tool could not
 * be executed, "end CODE SIGNAL UTIME_US STIME_US MAXRSS_KB" when it ended.
 */
/* Layer: io */
#ifndef SURVEY_GUARD_H
#define SURVEY_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#define GUARD_ARG "--guard"

enum {
	GUARD_LIFELINE = 3, /* in the guard */
	GUARD_TOOL_FD = 4, /* the first descriptor that a tool gets beside its standard streams */
	GUARD_FDS_MAX = 4, /* and at most so many */
};

/* Is this process one that child_spawn() started?  main() asks before anything else. */
bool guard_wanted(int argc, char **argv);
/* Be the guard.  Returns the exit status for main(). */
int guard_main(int argc, char **argv);

/*
 * A privileged guard that stays while survey drops its privileges.
 *
 * build() runs in the privileged process for each request that reaches it:
 * it checks the request, which comes from a process that may have been taken
 * over, and returns an argv to execute (freed by nobody: the process that
 * asked for it executes it), or NULL to refuse.
 */
struct guard_broker {
	int fd; /* for child_opts.broker_fd */
	int pid;
};

typedef char **(*guard_build_fn)(const void *req, size_t len, void *arg);

#define GUARD_REQ_MAX 256

/*
 * Fork the broker.  Call while the process is still single-threaded, before
 * it reads anything from outside.  Each tool gets the nfds descriptors as
 * GUARD_TOOL_FD and the next ones; they stay the caller's.  Tools start in /
 * with the environment of tool_environment().  Returns 0, or -1 with errno set.
 */
int guard_broker_start(
    struct guard_broker *b, guard_build_fn build, void *arg, const int *fds, size_t nfds);
/* Closing its socket ends it; what it started dies with its own life-line. */
void guard_broker_stop(struct guard_broker *b);

/*
 * Ask the broker for a child.  fds: life-line, stdout, stderr; they are
 * duplicated into the broker.  Returns 0, or -1 with errno set.
 */
int guard_broker_request(int broker_fd, const void *req, size_t len, const int fds[3]);

#endif
