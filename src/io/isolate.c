#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "survey/isolate.h"
#include "survey/mem.h"

#define READ_SIZE 65536
enum { POLL_MS = 100 };

/* Users of one's own are looked for from here down: below nobody, above those that are given out. */
enum { OWN_UID_MAX = 65533, OWN_UID_MIN = 65000 };

/* What the child's exit status says. */
enum { DONE = 0, FAILED = 1, NO_IDENTITY = 2, NO_SANDBOX = 3, NOTHING = 4 };

/* A user id without an account; 0 when there is none. */
static uid_t
own_uid(void)
{
	for (uid_t uid = OWN_UID_MAX; uid >= OWN_UID_MIN; uid--) {
		if (getpwuid(uid) == NULL && getgrgid(uid) == NULL)
			return uid;
	}
	return 0;
}

static bool
become(const struct isolate_options *o, uid_t own)
{
	const struct rlimit none = { 0, 0 };
	const struct rlimit cpu = { o->cpu_s, o->cpu_s + 1 }; /* SIGXCPU, then SIGKILL */
	pid_t parent = getppid();

	if (o->id != NULL) {
		if (identity_take(o->id) != 0)
			return false;
	} else if (own != 0 && (setgroups(0, NULL) == -1 || setresgid(own, own, own) == -1 ||
				   setresuid(own, own, own) == -1 || setuid(0) != -1)) {
		return false;
	}
	/* After the change of user, which clears the first of these (prctl(2)). */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1 || getppid() != parent ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return false;
	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_FSIZE, &none);
	setrlimit(RLIMIT_CPU, &cpu);
	return true;
}

static void
forget_streams(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && null != -1; fd++)
		dup2(null, fd);
}

/* The child.  It owns what it has copied from us, so it frees nothing. */
static _Noreturn void
work(int out, uid_t own, int (*fn)(int, void *), void *arg, const struct isolate_options *o)
{
	struct sandbox_state state;

	signal(SIGINT, SIG_IGN); /* Ctrl-C is for our parent, who ends us */
	signal(SIGPIPE, SIG_DFL);
	forget_streams();
	if (!become(o, own))
		_exit(NO_IDENTITY);
	if (o->open != NULL && o->open(arg) != 0)
		_exit(NOTHING);
	if (sandbox_enter(o->profile, o->paths, &state) == -1)
		_exit(NO_SANDBOX);
	_exit(fn(out, arg) == 0 ? DONE : FAILED);
}

/* Read up to its end; -1 with errno set when that is not to be waited for. */
static int
read_answer(int fd, const struct isolate_options *o, struct buf *answer)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	for (;;) {
		if (o->stop != NULL && *o->stop != 0) {
			errno = EINTR;
			return -1;
		}
		if (poll(&p, 1, POLL_MS) <= 0)
			continue;
		buf_reserve(answer, READ_SIZE);
		if ((n = read(fd, answer->data + answer->len, READ_SIZE)) == 0)
			return 0;
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0)
			answer->len += (size_t)n;
		answer->data[answer->len] = '\0';
		if (answer->len > o->max) {
			errno = EFBIG;
			return -1;
		}
	}
}

static char *
explain(int status, const struct isolate_options *o)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		return xasprintf("it took more than %u s of processor time", o->cpu_s);
	if (WIFSIGNALED(status))
		return xasprintf("its reader was killed by signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	switch (WEXITSTATUS(status)) {
	case NO_IDENTITY:
		return xstrdup("its reader cannot give up its privileges");
	case NO_SANDBOX:
		return xstrdup("its reader cannot enter its sandbox");
	default:
		return xstrdup("its reader failed");
	}
}

int
isolate(int (*fn)(int out, void *arg), void *arg, const struct isolate_options *o,
    struct buf *answer, char **why)
{
	uid_t own = geteuid() == 0 && o->id == NULL ? own_uid() : 0;
	int fds[2], status, rc, saved;
	pid_t pid;

	*why = NULL;
	if (geteuid() == 0 && o->id == NULL && own == 0) {
		*why = xstrdup("no user id is free for its reader");
		errno = EAGAIN;
		return -1;
	}
	if (pipe2(fds, O_CLOEXEC) == -1) {
		*why = xasprintf("%m");
		return -1;
	}
	if ((pid = fork()) == 0) {
		close(fds[0]);
		work(fds[1], own, fn, arg, o);
	}
	saved = errno;
	close(fds[1]);
	rc = pid == -1 ? -1 : read_answer(fds[0], o, answer);
	if (pid != -1)
		saved = errno;
	close(fds[0]);
	if (rc == -1 && pid != -1)
		kill(pid, SIGKILL);
	while (pid != -1 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (rc == -1) {
		*why = xstrdup(strerror(saved));
		errno = saved;
		return -1;
	}
	if (WIFEXITED(status) && (WEXITSTATUS(status) == DONE || WEXITSTATUS(status) == NOTHING))
		return 0;
	*why = explain(status, o);
	errno = ECHILD;
	return -1;
}
