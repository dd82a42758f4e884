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
#include <sys/types.h>

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
 * A broker: a process that stays as it is while survey gives up what it may
 * do: root's privileges, or all that a sandbox forbids (sandbox.h).  It does
 * what stands in two tables, by number, and nothing else.  Whoever asks may
 * have been taken over, so build() and serve() believe nothing.
 */
struct guard_broker {
	int fd; /* -1: there is none */
	int pid;
};

/* A tool that the broker starts under a guard when it is asked to. */
struct guard_tool {
	/*
	 * An argv for the request, which nobody frees: the process that asked for
	 * it executes it.  NULL refuses.
	 */
	char **(*build)(const void *req, size_t len, void *arg);
	void *arg;
	const int *fds; /* nfds descriptors that the tool gets as GUARD_TOOL_FD and the next ones */
	size_t nfds; /* up to GUARD_FDS_MAX */
	const char *cwd; /* NULL: / */
	bool no_new_privs; /* never for a tool that has a file capability: it would lose it */
};

/* Something that the broker does itself. */
struct guard_service {
	/*
	 * Returns the length of the answer in answer (of size bytes), or -1 with
	 * errno set for a refusal, which the caller gets.  *fd: a descriptor for
	 * the caller, closed here afterwards; it is -1 before.
	 */
	ssize_t (*serve)(
	    const void *req, size_t len, void *arg, void *answer, size_t size, int *fd);
	void *arg;
};

/* A build() whose argv is arg as it stands; a request has nothing to say. */
char **guard_fixed_argv(const void *req, size_t len, void *arg);

struct guard_table {
	const struct guard_tool *tools;
	size_t ntools;
	const struct guard_service *services;
	size_t nservices;
	/* When the broker ends, whatever the reason; may be NULL. */
	void (*at_end)(void *arg);
	void *arg;
};

#define GUARD_REQ_MAX 256

/*
 * Fork the broker.  Call while the process is still single-threaded, before
 * it reads anything from outside.  All that the table points to stays the
 * caller's.  Tools get the environment of tool_environment().  Returns 0, or
 * -1 with errno set.
 */
int guard_broker_start(struct guard_broker *b, const struct guard_table *t);
/* Closing its socket ends it; what it started dies with its own life-line. */
void guard_broker_stop(struct guard_broker *b);

/*
 * Ask for a tool by its number.  fds: life-line, stdin (-1: none), stdout,
 * stderr; they are duplicated into the broker.  Returns 0, or -1 with errno
 * set; all else is told on the life-line.
 */
int guard_broker_run(
    const struct guard_broker *b, unsigned tool, const void *req, size_t len, const int fds[4]);

/*
 * Ask for a service by its number, and wait for the answer.  Returns its
 * length, or -1 with errno set.  *fd, unless fd is NULL: the descriptor that
 * came with it (close-on-exec), or -1.
 */
ssize_t guard_broker_call(const struct guard_broker *b, unsigned service, const void *req,
    size_t len, void *answer, size_t size, int *fd);

#endif
