/*
 * A supervised child process on a libuv loop, run under a guard (guard.h).
 *
 * A child has ended when its exit status and the EOFs of its pipes are all
 * in, in any order; on_exit() is called once, then, with every handle closed,
 * and the child is freed after it returns.
 */
/* Layer: io */
#ifndef SURVEY_CHILD_H
#define SURVEY_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct child;
struct guard_broker;

struct child_status {
	int exec_errno; /* not 0: the tool never ran */
	int code; /* exit code, -1 when killed by a signal */
	int signal; /* 0 when it exited by itself */
	bool lost; /* its guard died first: the status is not known */
	double wall_s;
	double user_s;
	double sys_s;
	long maxrss_kb;
};

typedef void (*child_data_fn)(struct child *c, const char *buf, size_t len, void *arg);
typedef void (*child_exit_fn)(struct child *c, const struct child_status *st, void *arg);

struct child_opts {
	const char *const *argv; /* NULL-terminated; argv[0] a path; copied */
	const char *const *env; /* NULL-terminated, NULL = that of tool_environment() */
	const char *cwd; /* NULL = ours */
	bool want_stdin; /* a pipe for child_write(); else /dev/null */
	const int *fds; /* nfds descriptors that the tool gets as GUARD_TOOL_FD and the next ones */
	size_t nfds; /* up to GUARD_FDS_MAX; a broker gives its own instead */
	bool no_new_privs; /* never for a tool that has a file capability: it would lose it */
	child_data_fn on_stdout; /* NULL: /dev/null */
	child_data_fn on_stderr; /* may be NULL: the tail is kept all the same */
	child_exit_fn on_exit;
	void *arg;
	/* Not NULL: ask this broker for its tool of that number instead of executing argv. */
	const struct guard_broker *broker;
	unsigned tool;
	const void *req; /* req_len bytes that the tool's argv is built from; copied */
	size_t req_len;
};

/*
 * Start a child.  Returns NULL with errno set when not even the guard could
 * be started; everything later, a tool that cannot be executed included, comes
 * through on_exit().  Ignores SIGPIPE for the process.
 */
struct child *child_spawn(uv_loop_t *loop, const struct child_opts *o);

/* Queue bytes for its stdin; copied.  Silently dropped once stdin is closed. */
void child_write(struct child *c, const void *buf, size_t len);
/* Close its stdin after what is queued has been written. */
void child_close_stdin(struct child *c);

/* Send a signal to its process group. */
void child_kill(struct child *c, int sig);
/* SIGTERM, and SIGKILL when it has not ended grace_ms later. */
void child_stop(struct child *c, uint64_t grace_ms);

/* The tool's process id, 0 while it is not known. */
int child_pid(const struct child *c);
/* The end of what it wrote to stderr, as it wrote it: remote text, escape before showing. */
const char *child_stderr(const struct child *c);

/* "exit status 1", "killed by signal 9 (Killed)", …; returns buf. */
const char *child_status_text(const struct child_status *st, char *buf, size_t size);
bool child_status_ok(const struct child_status *st);

#endif
