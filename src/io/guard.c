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

/* ---- messages between survey and its broker: a head, a body, descriptors ---- */

enum { MESSAGE_FDS = 4 };
enum kind { RUN, SERVE };

struct head {
	uint32_t kind; /* of a request: enum kind; of an answer: an errno, or 0 */
	uint32_t number; /* of the tool or service */
	uint32_t has_stdin;
};

struct message {
	struct head head;
	unsigned char body[GUARD_REQ_MAX];
	size_t len; /* of the body */
	int fds[MESSAGE_FDS];
	size_t nfds;
};

static int
send_message(
    int fd, const struct head *h, const void *body, size_t len, const int *fds, size_t nfds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
	} control;
	struct iovec iov[2] = { { (void *)(uintptr_t)h, sizeof(*h) },
		{ (void *)(uintptr_t)body, len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *cm;
	ssize_t n;

	if (nfds > 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, nfds * sizeof(int));
	}
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

static void
close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/* Returns 1; 0 when the other end has closed; -1 for a message that is none, its descriptors closed. */
static int
receive_message(int fd, struct message *m)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
	} control;
	struct iovec iov[2] = { { &m->head, sizeof(m->head) }, { m->body, sizeof(m->body) } };
	struct msghdr msg = { .msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n;

	m->nfds = 0;
	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n <= 0)
		return 0;
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(&msg); cm != NULL; cm = CMSG_NXTHDR(&msg, cm)) {
		size_t more;

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		more = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(m->fds + m->nfds, CMSG_DATA(cm), more * sizeof(int));
		m->nfds += more; /* control has room for no more than MESSAGE_FDS */
	}
	if ((size_t)n < sizeof(m->head) || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		close_all(m->fds, m->nfds);
		return -1;
	}
	m->len = (size_t)n - sizeof(m->head);
	return 1;
}

/* ---- the broker ---- */

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
 * The process that a request becomes: a guard with the given life-line,
 * stdin, stdout and stderr, whose tool gets the descriptors of the table.
 */
static int
serve_request(const struct guard_tool *t, char **argv, const struct message *m)
{
	bool in = m->nfds == MESSAGE_FDS;
	int from[4 + GUARD_FDS_MAX] = { m->fds[0],
		in ? m->fds[1] : open("/dev/null", O_RDONLY | O_CLOEXEC), m->fds[in ? 2 : 1],
		m->fds[in ? 3 : 2] };
	int to[4 + GUARD_FDS_MAX] = { GUARD_LIFELINE, 0, 1, 2 };

	setsid();
	for (size_t i = 0; i < t->nfds; i++) {
		from[4 + i] = t->fds[i];
		to[4 + i] = GUARD_TOOL_FD + (int)i;
	}
	if (place(from, to, 4 + t->nfds) == -1 || chdir(t->cwd != NULL ? t->cwd : "/") == -1)
		return 1;
	close_range(GUARD_TOOL_FD + (unsigned)t->nfds, ~0U, 0);
	return guard_loop(GUARD_LIFELINE, t->no_new_privs, argv);
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

char **
guard_fixed_argv(const void *req, size_t len, void *arg)
{
	(void)req;
	return len == 0 ? arg : NULL;
}

/* Start a tool; what becomes of it is told on its life-line. */
static void
run_request(const struct guard_table *t, const struct message *m)
{
	const struct guard_tool *tool = &t->tools[m->head.number];
	pid_t pid, *slot = guard_slot(0);
	char **argv, line[32];

	argv = slot != NULL ? tool->build(m->body, m->len, tool->arg) : NULL;
	if (argv == NULL) {
		snprintf(line, sizeof(line), "err %d\n", slot == NULL ? EAGAIN : EPERM);
		tell(m->fds[0], line);
	} else if ((pid = _Fork()) == -1) {
		snprintf(line, sizeof(line), "err %d\n", errno);
		tell(m->fds[0], line);
	} else if (pid == 0) {
		reset_signals();
		_exit(serve_request(tool, argv, m));
	} else {
		*slot = pid;
	}
}

static void
serve_call(int fd, const struct guard_table *t, const struct message *m)
{
	unsigned char answer[GUARD_REQ_MAX];
	struct head h = { .number = m->head.number };
	const struct guard_service *s = &t->services[h.number];
	int passed = -1;
	ssize_t n = s->serve(m->body, m->len, s->arg, answer, sizeof(answer), &passed);

	if (n == -1)
		h.kind = (uint32_t)(errno != 0 ? errno : EPERM);
	(void)send_message(fd, &h, answer, n > 0 ? (size_t)n : 0, &passed, passed != -1 ? 1 : 0);
	if (passed != -1)
		close(passed);
}

static void
broker_loop(int fd, const struct guard_table *t)
{
	struct sigaction sa;
	sigset_t block, orig;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_sigchld;
	sigaction(SIGCHLD, &sa, NULL);
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &orig);
	sigdelset(&orig, SIGCHLD);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	for (;;) {
		struct message m;
		int rc;

		wait_for_request(fd, &orig);
		if ((rc = receive_message(fd, &m)) == 0)
			return;
		if (rc == -1)
			continue;
		if (m.head.kind == RUN && m.head.number < t->ntools &&
		    m.nfds == MESSAGE_FDS - (m.head.has_stdin == 0))
			run_request(t, &m);
		else if (m.head.kind == SERVE && m.head.number < t->nservices && m.nfds == 0)
			serve_call(fd, t, &m);
		else if (m.head.kind == SERVE)
			(void)send_message(fd, &(struct head){ .kind = EPERM }, NULL, 0, NULL, 0);
		close_all(m.fds, m.nfds);
	}
}

int
guard_broker_start(struct guard_broker *b, const struct guard_table *t)
{
	int sv[2];
	pid_t pid;

	for (size_t i = 0; i < t->ntools; i++) {
		if (t->tools[i].nfds > GUARD_FDS_MAX) {
			errno = EINVAL;
			return -1;
		}
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == -1)
		return -1;
	fflush(NULL); /* or the child writes our buffered output again */
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
			broker_loop(sv[1], t);
		if (t->at_end != NULL)
			t->at_end(t->arg);
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
guard_broker_run(
    const struct guard_broker *b, unsigned tool, const void *req, size_t len, const int fds[4])
{
	struct head h = { RUN, tool, fds[1] != -1 };
	int three[3] = { fds[0], fds[2], fds[3] };

	if (len > GUARD_REQ_MAX) {
		errno = EINVAL;
		return -1;
	}
	return send_message(
	    b->fd, &h, req, len, h.has_stdin ? fds : three, MESSAGE_FDS - (h.has_stdin == 0));
}

ssize_t
guard_broker_call(const struct guard_broker *b, unsigned service, const void *req, size_t len,
    void *answer, size_t size, int *fd)
{
	struct message m;

	if (fd != NULL)
		*fd = -1;
	if (len > GUARD_REQ_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (send_message(b->fd, &(struct head){ SERVE, service, 0 }, req, len, NULL, 0) == -1)
		return -1;
	if (receive_message(b->fd, &m) != 1) {
		errno = EPIPE;
		return -1;
	}
	if (m.head.kind == 0 && m.len <= size && m.nfds <= (fd != NULL ? 1 : 0)) {
		if (m.len > 0)
			memcpy(answer, m.body, m.len);
		if (m.nfds == 1)
			*fd = m.fds[0];
		return (ssize_t)m.len;
	}
	close_all(m.fds, m.nfds);
	errno = m.head.kind != 0 ? (int)m.head.kind : EPROTO;
	return -1;
}
