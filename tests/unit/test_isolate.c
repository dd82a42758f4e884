/* What a child that reads hostile bytes is, and how it ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "survey/file.h"
#include "survey/isolate.h"
#include "survey/memfile.h"

#define NOBODY 65534

static volatile sig_atomic_t stop;

static int
run(int (*fn)(int, void *), void *arg, struct isolate_options o, struct buf *b, char **why)
{
	if (o.max == 0)
		o.max = 1 << 20;
	if (o.cpu_s == 0)
		o.cpu_s = 10;
	buf_init(b);
	return isolate(fn, arg, &o, b, why);
}

struct look {
	uid_t uid;
	int dumpable, no_new_privs, shadow, socket, write, memfile, standard;
};

/* fd is a file in memory. */
static int
look_around(int out, void *arg)
{
	struct look l = { .uid = getuid() };
	char path[64], text[8];
	int fd = *(int *)arg;

	l.dumpable = prctl(PR_GET_DUMPABLE);
	l.no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	l.shadow = open("/etc/shadow", O_RDONLY);
	l.socket = socket(AF_INET, SOCK_STREAM, 0);
	l.write = open("/tmp/survey-isolate", O_WRONLY | O_CREAT, 0600);
	l.standard = isatty(0) + (int)write(1, "x", 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, O_RDONLY);
	l.memfile = fd != -1 && read(fd, text, 4) == 4 && memcmp(text, "text", 4) == 0;
	return file_write_fd(out, &l, sizeof(l));
}

static void
test_little(void **state)
{
	int fd = memfile_new("text", "text", 4);
	struct look l;
	struct buf b;
	char *why;

	(void)state;
	assert_true(fd > 2);
	if (run(look_around, &fd, (struct isolate_options){ .profile = SANDBOX_READ }, &b, &why) !=
	    0)
		fail_msg("%s", why);
	assert_int_equal(b.len, sizeof(l));
	memcpy(&l, b.data, sizeof(l));
	if (geteuid() == 0) {
		assert_int_not_equal(l.uid, 0);
		assert_int_not_equal(l.uid, NOBODY);
	}
	assert_int_equal(l.dumpable, 0);
	assert_int_equal(l.no_new_privs, 1);
	assert_int_equal(l.shadow, -1);
	assert_int_equal(l.socket, -1);
	assert_int_equal(l.write, -1);
	assert_int_equal(l.standard, 1); /* written to /dev/null */
	assert_true(l.memfile);
	buf_fini(&b);
	close(fd);
}

static int
fill(int out, void *arg)
{
	char block[4096];

	memset(block, 'x', sizeof(block));
	for (int i = 0; i < *(int *)arg; i++) {
		if (file_write_fd(out, block, sizeof(block)) == -1)
			return -1;
	}
	return 0;
}

static int
spin(int out, void *arg)
{
	unsigned i = 0;

	do
		*(volatile unsigned *)arg = ++i;
	while (i != 0 || out != -1);
	return 0;
}

static int
crash(int out, void *arg)
{
	(void)out;
	(void)arg;
	signal(SIGSEGV, SIG_DFL); /* cmocka has its own idea */
	return raise(SIGSEGV);
}

static int
fail_it(int out, void *arg)
{
	(void)arg;
	return file_write_fd(out, "half", 4) == 0 ? -1 : 0;
}

static int
nothing(void *arg)
{
	(void)arg;
	return -1;
}

static void
fails(int (*fn)(int, void *), int arg, struct isolate_options o, int error, const char *said)
{
	struct buf b;
	char *why;

	assert_int_equal(run(fn, &arg, o, &b, &why), -1);
	assert_int_equal(errno, error);
	if (strstr(why, said) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why, said);
	free(why);
	buf_fini(&b);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void
test_ends(void **state)
{
	struct isolate_options o = { .profile = SANDBOX_PARSE, .max = 100 * 4096 };
	struct buf b;
	char *why;
	int n = 100;

	(void)state;
	assert_int_equal(run(fill, &n, o, &b, &why), 0);
	assert_int_equal(b.len, 100 * 4096);
	assert_int_equal(b.data[b.len], '\0');
	buf_fini(&b);
	fails(fill, 101, o, EFBIG, "too large");
	fails(fail_it, 0, o, ECHILD, "failed");
	fails(crash, 0, o, ECHILD, "signal 11");
	o.cpu_s = 1;
	fails(spin, 0, o, ECHILD, "more than 1 s");
	o.open = nothing;
	assert_int_equal(run(crash, &n, o, &b, &why), 0);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

static void
on_child(int sig)
{
	(void)sig;
	stop = 1;
}

static int
wait_long(int out, void *arg)
{
	(void)arg;
	do
		poll(NULL, 0, 1000);
	while (fcntl(out, F_GETFD) != -1);
	return 0;
}

/* Somebody with an account tries to get hold of the child of ppid that is not himself. */
static int
molest(pid_t ppid)
{
	char path[64];
	int pid = 0, found = 0;
	FILE *f;

	if (setresgid(NOBODY, NOBODY, NOBODY) == -1 || setresuid(NOBODY, NOBODY, NOBODY) == -1)
		return 1;
	for (int i = 0; i < 1000 && found == 0; i++) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/children", ppid, ppid);
		if ((f = fopen(path, "r")) == NULL)
			return 2;
		while (fscanf(f, "%d", &pid) == 1)
			found = pid != getpid() ? pid : found;
		fclose(f);
		poll(NULL, 0, 10);
	}
	poll(NULL, 0, 200); /* it has dropped its privileges by now */
	snprintf(path, sizeof(path), "/proc/%d/mem", found);
	if (found == 0)
		return 3;
	if (kill(found, SIGKILL) != -1)
		return 4;
	if (ptrace(PTRACE_ATTACH, found, NULL, NULL) != -1)
		return 5;
	return open(path, O_RDWR) != -1 ? 6 : 0;
}

static void
test_untouched(void **state)
{
	struct sigaction sa = { .sa_handler = on_child };
	pid_t us = getpid(), other;
	struct buf b;
	char *why;
	int status;

	(void)state;
	if (geteuid() != 0)
		skip();
	stop = 0;
	sigaction(SIGCHLD, &sa, NULL);
	if ((other = fork()) == 0)
		_exit(molest(us));
	assert_int_equal(
	    run(wait_long, NULL,
		(struct isolate_options){ .profile = SANDBOX_PARSE, .stop = &stop }, &b, &why),
	    -1);
	assert_int_equal(errno, EINTR);
	free(why);
	buf_fini(&b);
	signal(SIGCHLD, SIG_DFL);
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_little),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_untouched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
