#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "survey/guard.h"
#include "survey/tool.h"

/*
 * argv: survey --guard FLAGS FDS -- tool arg...; FLAGS is "n" for no_new_privs, "-" for
 * none, FDS how many descriptors the tool gets.
 */
enum { ARG_FLAGS = 2, ARG_FDS = 3, ARG_DASHES = 4, ARG_TOOL = 5 };

/* How long a killed group is waited for before the guard leaves it to init. */
enum { REAP_TRIES = 100, REAP_STEP_MS = 10 };

/* Of one broker, at the same time: zmap and one that is ending, and room to spare. */
enum { MAX_GUARDS = 16 };

/* There to interrupt ppoll(). */
static void
on_sigchld(int sig)
{
	(void)sig;
}

static void
reset_signals(void)
{
	struct sigaction sa;
	sigset_t none;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_DFL;
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
tell(int fd, const char *line)
{
	ssize_t n;

	do
		n = send(fd, line, strlen(line), MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
}

/*
 * _Fork() and not fork(), wherever descriptors have been put in their places:
 * what libraries do in a forked child (libuv closes the signal pipe that it
 * believes to have) would hit ours.
 */
static void
run_tool(int lifeline, bool no_new_privs, char **argv)
{
	char line[32];

	setpgid(0, 0);
	reset_signals();
	if (no_new_privs)
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	execv(argv[0], argv);
	snprintf(line, sizeof(line), "err %d\n", errno);
	tell(lifeline, line);
	_exit(127);
}

/* The guard must not keep the tool's pipes open: survey waits for their EOF. */
static void
let_go_of_stdio(void)
{
	int fd;

	if ((fd = open("/dev/null", O_RDWR)) == -1)
		return;
	for (int i = 0; i <= 2; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

/* Returns false once the other end has closed. */
static bool
serve_lifeline(int fd, pid_t group)
{
	unsigned char sig[16];
	ssize_t n;

	if ((n = recv(fd, sig, sizeof(sig), MSG_DONTWAIT)) == 0)
		return false;
	if (n == -1)
		return errno == EAGAIN || errno == EINTR;
	for (ssize_t i = 0; i < n; i++)
		if (sig[i] > 0 && sig[i] < NSIG)
			kill(-group, sig[i]);
	return true;
}

static void
report_end(int fd, int status, const struct rusage *ru)
{
	char line[128];

	snprintf(line, sizeof(line), "end %d %d %lld %lld %ld\n",
	    WIFEXITED(status) ? WEXITSTATUS(status) : -1,
	    WIFSIGNALED(status) ? WTERMSIG(status) : 0,
	    (long long)ru->ru_utime.tv_sec * 1000000 + ru->ru_utime.tv_usec,
	    (long long)ru->ru_stime.tv_sec * 1000000 + ru->ru_stime.tv_usec, ru->ru_maxrss);
	tell(fd, line);
}

/* Kill what is left of the group, the tool included, and leave no zombie. */
static void
kill_group(pid_t group)
{
	kill(-group, SIGKILL);
	for (int i = 0; i < REAP_TRIES && waitpid(-1, NULL, WNOHANG) >= 0; i++) {
		kill(-group, SIGKILL);
		poll(NULL, 0, REAP_STEP_MS);
	}
}

static int
guard_loop(int lifeline, bool no_new_privs, char **argv)
{
	struct sigaction sa;
	struct rusage ru;
	sigset_t block, orig;
	char line[32];
	pid_t pid;
	int status;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_sigchld;
	sigaction(SIGCHLD, &sa, NULL);
	sa.sa_handler = SIG_IGN; /* only survey, or its death, ends a guard */
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	sigaction(SIGPIPE, &sa, NULL);
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &orig);
	sigdelset(&orig, SIGCHLD);

	/* What the tool leaves behind is ours to reap. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if ((pid = _Fork()) == -1) {
		snprintf(line, sizeof(line), "err %d\n", errno);
		tell(lifeline, line);
		return 1;
	}
	if (pid == 0)
		run_tool(lifeline, no_new_privs, argv);
	setpgid(pid, pid); /* in both, so that neither order of events matters */
	let_go_of_stdio();
	snprintf(line, sizeof(line), "pid %d\n", (int)pid);
	tell(lifeline, line);

	for (;;) {
		struct pollfd pfd = { .fd = lifeline, .events = POLLIN };

		if (wait4(pid, &status, WNOHANG, &ru) == pid)
			break;
		if (ppoll(&pfd, 1, NULL, &orig) > 0 && !serve_lifeline(lifeline, pid)) {
			kill_group(pid);
			return 1;
		}
	}
	kill_group(pid); /* its own children */
	report_end(lifeline, status, &ru);
	return 0;
}

bool
guard_wanted(int argc, char **argv)
{
	return argc > ARG_TOOL && strcmp(argv[1], GUARD_ARG) == 0 &&
	       strcmp(argv[ARG_DASHES], "--") == 0;
}

int
guard_main(int argc, char **argv)
{
	char *end;
	long fds;

	(void)argc;
	fds = strtol(argv[ARG_FDS], &end, 10);
	if (*end != '\0' || fds < 0 || fds > GUARD_FDS_MAX)
		return 2;
	if (fcntl(GUARD_LIFELINE, F_SETFD, FD_CLOEXEC) == -1)
		return 2;
	/* What survey's own parent left open is no business of a tool's. */
	close_range(GUARD_TOOL_FD + (unsigned)fds, ~0U, 0);
	return guard_loop(GUARD_LIFELINE, strchr(argv[ARG_FLAGS], 'n') != NULL, &argv[ARG_TOOL]);
}

/* Returns the request's length, 0 when the other end has closed, -1 for one to ignore. */
static ssize_t
receive_request(int fd, void *req, size_t size, int fds[3])
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(3 * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = req, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *cm;
	ssize_t n;

	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n <= 0)
		return 0;
	cm = CMSG_FIRSTHDR(&msg);
	if (cm == NULL || cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
		return -1;
	if (cm->cmsg_len != CMSG_LEN(3 * sizeof(int))) {
		size_t nfds = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < nfds; i++) {
			int stray;

			memcpy(&stray, CMSG_DATA(cm) + i * sizeof(int), sizeof(stray));
			close(stray);
		}
		return -1;
	}
	memcpy(fds, CMSG_DATA(cm), 3 * sizeof(int));
	return n;
}

/*
 * Put the descriptors in from[] where to[] says; the first one stays here at
 * an exec, the others go with it.  Returns 0, or -1 with errno set.
 */
static int
place(const int *from, const int *to, size_t n)
{
	int high[4 + GUARD_FDS_MAX];

	/* Above all places first, so that none of them is in another's way. */
	for (size_t i = 0; i < n; i++) {
		if ((high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, GUARD_TOOL_FD + GUARD_FDS_MAX)) ==
		    -1)
			return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (dup3(high[i], to[i], i == 0 ? O_CLOEXEC : 0) == -1)
			return -1;
	}
	return 0;
}

/*
 * The process that a request becomes: a guard with the given life-line, stdout
 * and stderr, whose tool gets the descriptors of the broker.
 */
static int
serve_request(char **argv, const int fds[3], const int *more, size_t nmore)
{
	int from[4 + GUARD_FDS_MAX] = { fds[0], open("/dev/null", O_RDONLY | O_CLOEXEC), fds[1],
		fds[2] };
	int to[4 + GUARD_FDS_MAX] = { GUARD_LIFELINE, 0, 1, 2 };

	setsid();
	for (size_t i = 0; i < nmore; i++) {
		from[4 + i] = more[i];
		to[4 + i] = GUARD_TOOL_FD + (int)i;
	}
	if (place(from, to, 4 + nmore) == -1)
		return 1;
	close_range(GUARD_TOOL_FD + (unsigned)nmore, ~0U, 0);
	return guard_loop(GUARD_LIFELINE, false, argv);
}

/* The guards that a broker has forked; 0 = free. */
static pid_t guards[MAX_GUARDS];

static pid_t *
guard_slot(pid_t pid)
{
	for (size_t i = 0; i < MAX_GUARDS; i++) {
		if (guards[i] == pid)
			return &guards[i];
	}
	return NULL;
}

/*
 * A guard that is killed leaves its tool to us, and survey, without
 * privileges, could not kill that.
 */
static void
kill_orphans(void)
{
	FILE *f = fopen("/proc/thread-self/children", "re");
	int pid;

	while (f != NULL && fscanf(f, "%d", &pid) == 1) {
		if (guard_slot(pid) == NULL) {
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
		}
	}
	if (f != NULL)
		fclose(f);
}

static void
reap_guards(void)
{
	bool killed = false;
	pid_t pid, *slot;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if ((slot = guard_slot(pid)) == NULL)
			continue;
		*slot = 0;
		killed = killed || WIFSIGNALED(status);
	}
	if (killed)
		kill_orphans();
}

/* Wait for a request, and see to the guards meanwhile; orig is without SIGCHLD blocked. */
static void
wait_for_request(int fd, const sigset_t *orig)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	do
		reap_guards();
	while (ppoll(&pfd, 1, NULL, orig) == -1 && errno == EINTR);
}

static void
broker_loop(int fd, guard_build_fn build, void *arg, const int *more, size_t nmore)
{
	unsigned char req[GUARD_REQ_MAX];
	struct sigaction sa;
	sigset_t block, orig;
	ssize_t n;
	int fds[3];

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_sigchld;
	sigaction(SIGCHLD, &sa, NULL);
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &orig);
	sigdelset(&orig, SIGCHLD);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	for (;;) {
		pid_t pid, *slot;
		char **argv;

		wait_for_request(fd, &orig);
		slot = guard_slot(0);
		if ((n = receive_request(fd, req, sizeof(req), fds)) == 0)
			return;
		if (n < 0)
			continue;
		argv = slot != NULL ? build(req, (size_t)n, arg) : NULL;
		if (argv == NULL || (pid = _Fork()) == -1) {
			tell(fds[0], argv == NULL ? "err 1\n" : "err 11\n");
		} else if (pid == 0) {
			reset_signals();
			_exit(serve_request(argv, fds, more, nmore));
		} else {
			*slot = pid;
		}
		for (int i = 0; i < 3; i++)
			close(fds[i]);
	}
}

int
guard_broker_start(
    struct guard_broker *b, guard_build_fn build, void *arg, const int *fds, size_t nfds)
{
	int sv[2];
	pid_t pid;

	if (nfds > GUARD_FDS_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == -1)
		return -1;
	if ((pid = fork()) == -1) {
		int saved = errno;

		close(sv[0]);
		close(sv[1]);
		errno = saved;
		return -1;
	}
	if (pid == 0) {
		close(sv[0]);
		setsid();
		reset_signals();
		let_go_of_stdio();
		environ = tool_environment();
		if (chdir("/") == 0)
			broker_loop(sv[1], build, arg, fds, nfds);
		_exit(0);
	}
	close(sv[1]);
	b->fd = sv[0];
	b->pid = (int)pid;
	return 0;
}

void
guard_broker_stop(struct guard_broker *b)
{
	if (b->fd == -1)
		return;
	close(b->fd);
	b->fd = -1;
	waitpid(b->pid, NULL, 0);
}

int
guard_broker_request(int broker_fd, const void *req, size_t len, const int fds[3])
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(3 * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)req, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *cm;

	if (len == 0 || len > GUARD_REQ_MAX) {
		errno = EINVAL;
		return -1;
	}
	memset(&control, 0, sizeof(control));
	cm = CMSG_FIRSTHDR(&msg);
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(3 * sizeof(int));
	memcpy(CMSG_DATA(cm), fds, 3 * sizeof(int));
	return sendmsg(broker_fd, &msg, MSG_NOSIGNAL) == -1 ? -1 : 0;
}
