/* The supervisor against children that misbehave.  Re-executes itself as the guard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/child.h"
#include "survey/guard.h"
#include "survey/memfile.h"

struct result {
	uv_loop_t loop;
	struct buf out;
	struct child_status st;
	char tail[64];
	int exits;
	int pid;
};

static void
on_out(struct child *c, const char *buf, size_t len, void *arg)
{
	struct result *r = arg;

	r->pid = child_pid(c);
	buf_add(&r->out, buf, len);
}

static void
on_exit_cb(struct child *c, const struct child_status *st, void *arg)
{
	struct result *r = arg;

	r->st = *st;
	strncpy(r->tail, child_stderr(c), sizeof(r->tail) - 1);
	r->exits++;
}

static struct child *
start(struct result *r, const char *const *argv, bool want_stdin)
{
	struct child_opts o = { .argv = argv,
		.want_stdin = want_stdin,
		.on_stdout = on_out,
		.on_exit = on_exit_cb,
		.arg = r };

	return child_spawn(&r->loop, &o);
}

static struct child *
start_sh(struct result *r, const char *script, bool want_stdin)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };

	return start(r, argv, want_stdin);
}

static void
finish(struct result *r)
{
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(r->exits, 1);
	/* No zombie: libuv reaped the guard, the guard its tool. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static int
setup(void **state)
{
	struct result *r = calloc(1, sizeof(*r));

	uv_loop_init(&r->loop);
	buf_init(&r->out);
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	struct result *r = *state;
	int rc = uv_loop_close(&r->loop);

	buf_fini(&r->out);
	free(r);
	return rc;
}

/* Wait up to 10 s for a process to be gone; a zombie of someone else counts as gone. */
static bool
gone(int pid)
{
	for (int i = 0; i < 1000; i++) {
		char path[64], state = 0;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		if ((f = fopen(path, "r")) == NULL)
			return true;
		if (fscanf(f, "%*d (%*[^)]) %c", &state) == 1 && state == 'Z') {
			fclose(f);
			return true;
		}
		fclose(f);
		poll(NULL, 0, 10);
	}
	return false;
}

static void
test_output_and_status(void **state)
{
	struct result *r = *state;

	assert_non_null(start_sh(r, "echo out; echo err >&2; exit 3", false));
	finish(r);
	assert_string_equal(r->out.data, "out\n");
	assert_string_equal(r->tail, "err\n");
	assert_int_equal(r->st.code, 3);
	assert_int_equal(r->st.signal, 0);
	assert_false(child_status_ok(&r->st));
}

static void
test_missing_tool(void **state)
{
	const char *const argv[] = { "/nonexistent/tool", NULL };
	struct result *r = *state;
	char text[128];

	assert_non_null(start(r, argv, false));
	finish(r);
	assert_int_equal(r->st.exec_errno, ENOENT);
	assert_string_equal(child_status_text(&r->st, text, sizeof(text)),
	    "could not be started: No such file or directory");
}

static void
test_stdin_drains(void **state)
{
	struct result *r = *state;
	struct child *c = start_sh(r, "sleep 0.2; cat", true);
	char *big = malloc(3000000);

	memset(big, 'x', 3000000);
	child_write(c, big, 3000000);
	child_close_stdin(c);
	child_write(c, "late", 4);
	finish(r);
	assert_int_equal(r->out.len, 3000000);
	assert_true(child_status_ok(&r->st));
	free(big);
}

/* The tool's exit must not cut off what it wrote before. */
static void
test_exit_before_eof(void **state)
{
	struct result *r = *state;

	assert_non_null(start_sh(r, "head -c 900000 /dev/zero; kill -9 $$", false));
	finish(r);
	assert_int_equal(r->out.len, 900000);
	assert_int_equal(r->st.signal, SIGKILL);
}

/* A grandchild that keeps stdout open dies with its parent. */
static void
test_grandchild(void **state)
{
	struct result *r = *state;

	assert_non_null(start_sh(r, "(trap '' TERM; sleep 1000) & echo $!", false));
	finish(r);
	assert_true(gone(atoi(r->out.data)));
}

static void
on_stop_timer(uv_timer_t *t)
{
	child_stop(t->data, 100);
	uv_close((uv_handle_t *)t, NULL);
}

static void
test_stop_ignoring_term(void **state)
{
	struct result *r = *state;
	struct child *c = start_sh(
	    r, "trap '' TERM; echo ready; while :; do sleep 0.1; done", false);
	uv_timer_t t;

	uv_timer_init(&r->loop, &t);
	t.data = c;
	uv_timer_start(&t, on_stop_timer, 300, 0);
	finish(r);
	assert_int_equal(r->st.signal, SIGKILL);
}

static void
test_stopped_child_is_killed(void **state)
{
	struct result *r = *state;
	struct child *c = start_sh(r, "echo ready; kill -STOP $$; echo never", false);
	uv_timer_t t;

	uv_timer_init(&r->loop, &t);
	t.data = c;
	uv_timer_start(&t, on_stop_timer, 300, 0);
	finish(r);
	assert_string_equal(r->out.data, "ready\n");
	assert_int_equal(r->st.signal, SIGKILL);
}

/* Dispositions and mask that survey changed must not reach the tool. */
static void
test_dispositions_reset(void **state)
{
	struct result *r = *state;
	sigset_t set, old;

	signal(SIGINT, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	assert_non_null(start_sh(r, "grep -E '^Sig(Blk|Ign)' /proc/self/status", false));
	finish(r);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGINT, SIG_DFL);
	assert_string_equal(r->out.data, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void
test_no_new_privs(void **state)
{
	const char *const argv[] = { "/bin/grep", "NoNewPrivs", "/proc/self/status", NULL };
	struct result *r = *state;
	struct child_opts o = { .argv = argv,
		.no_new_privs = true,
		.on_stdout = on_out,
		.on_exit = on_exit_cb,
		.arg = r };

	assert_non_null(child_spawn(&r->loop, &o));
	finish(r);
	assert_string_equal(r->out.data, "NoNewPrivs:\t1\n");
}

/* kill -9 of the supervisor: the tool goes too. */
static void
test_supervisor_killed(void **state)
{
	char buf[32];
	int fds[2], pid, tool;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	if ((pid = fork()) == 0) {
		struct result r = { .exits = 0 };

		uv_loop_init(&r.loop);
		buf_init(&r.out);
		start_sh(&r, "trap '' TERM INT HUP; echo $$; while :; do sleep 1; done", false);
		while (r.out.len == 0)
			uv_run(&r.loop, UV_RUN_ONCE);
		if (write(fds[1], r.out.data, r.out.len) < 0)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	n = read(fds[0], buf, sizeof(buf) - 1);
	assert_true(n > 0);
	buf[n] = '\0';
	tool = atoi(buf);
	waitpid(pid, NULL, 0);
	assert_true(tool > 1);
	assert_true(gone(tool));
	close(fds[0]);
	close(fds[1]);
}

/* kill -9 of the guard: survey itself sees to the tool. */
static void
test_guard_killed(void **state)
{
	struct result *r = *state;

	assert_non_null(start_sh(r, "echo ready; kill -9 $PPID; while :; do sleep 1; done", false));
	finish(r);
	assert_true(r->st.lost);
	assert_true(gone(r->pid));
}

/* A tool sees what it was given, and neither our other files nor our environment. */
#define LOOK_AROUND                                                                       \
	"cat </proc/self/fd/4; cat /proc/self/fd/5; echo x 2>/dev/null >/proc/self/fd/5;" \
	"env | sed 's/=.*//' | grep -vxE "                                                \
	"'PATH|PWD|OLDPWD|SHLVL|_|LANG|LC_.*|TZ|SSL_.*|GODEBUG|.*SAN_OPTIONS';"           \
	"cd /proc/$$/fd; echo ?; cd /; pwd"

#define OPEN "0 1 2 3 4 5\n" /* 3: the shell reads the directory */

static void
open_given(int fds[2])
{
	setenv("SURVEY_TEST_SECRET", "root's", 1);
	fds[0] = memfile_new("one", "first\n", 6);
	fds[1] = memfile_new("two", "second\n", 7);
	assert_true(fds[0] > 2 && fds[1] > 2);
}

static void
test_given_files(void **state)
{
	const char *const argv[] = { "/bin/sh", "-c", LOOK_AROUND, NULL };
	struct result *r = *state;
	int fds[2];
	struct child_opts o = { .argv = argv,
		.cwd = "/",
		.fds = fds,
		.nfds = 2,
		.on_stdout = on_out,
		.on_exit = on_exit_cb,
		.arg = r };

	open_given(fds);
	assert_non_null(child_spawn(&r->loop, &o));
	close(fds[0]);
	close(fds[1]);
	finish(r);
	assert_string_equal(r->out.data, "first\nsecond\n" OPEN "/\n");
}

#define SERVED "echo served; cat >&2; " LOOK_AROUND "; exit 4"

static char **
build_echo(const void *req, size_t len, void *arg)
{
	static char *argv[] = { "/bin/sh", "-c", SERVED, NULL };

	return len == 2 && memcmp(req, arg, 2) == 0 ? argv : NULL;
}

static char **
build_cat(const void *req, size_t len, void *arg)
{
	static char *argv[] = { "/bin/cat", NULL };

	(void)req;
	(void)arg;
	return len == 0 ? argv : NULL;
}

/* A tool of a broker that is fed: its stdin comes from us. */
static void
check_stdin(struct result *r, const struct guard_broker *b)
{
	struct child_opts o = { .broker = b,
		.want_stdin = true,
		.on_stdout = on_out,
		.on_exit = on_exit_cb,
		.arg = r };
	struct child *c;

	buf_clear(&r->out);
	assert_non_null(c = child_spawn(&r->loop, &o));
	child_write(c, "fed\n", 4);
	child_close_stdin(c);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_string_equal(r->out.data, "fed\n");
	assert_int_equal(r->st.code, 0);
}

/* Answers "yes" with a descriptor in which the word stands; refuses all but one byte. */
static ssize_t
serve_file(const void *req, size_t len, void *arg, void *answer, size_t size, int *fd)
{
	int ends[2];

	(void)req;
	(void)size;
	if (len != 1) {
		errno = ERANGE;
		return -1;
	}
	if (pipe(ends) == -1 || write(ends[1], arg, 6) != 6)
		return -1;
	close(ends[1]);
	*fd = ends[0];
	memcpy(answer, "yes", 3);
	return 3;
}

static void
check_service(const struct guard_broker *b)
{
	char answer[8] = "", word[8] = "", big[GUARD_REQ_MAX + 1] = "";
	int fd;

	assert_int_equal(guard_broker_call(b, 0, "x", 1, answer, sizeof(answer), &fd), 3);
	assert_string_equal(answer, "yes");
	assert_int_equal(read(fd, word, sizeof(word)), 6);
	assert_string_equal(word, "answer");
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	/* No room for the answer, none for the descriptor, a refusal, no such service, too long. */
	assert_int_equal(guard_broker_call(b, 0, "x", 1, answer, 2, &fd), -1);
	assert_int_equal(guard_broker_call(b, 0, "x", 1, answer, sizeof(answer), NULL), -1);
	assert_int_equal(guard_broker_call(b, 0, "xy", 2, answer, sizeof(answer), &fd), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(fd, -1);
	assert_int_equal(guard_broker_call(b, 1, "x", 1, answer, sizeof(answer), &fd), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(
	    guard_broker_call(b, 0, big, sizeof(big), answer, sizeof(answer), &fd), -1);
	assert_int_equal(guard_broker_call(b, 0, "x", 1, answer, sizeof(answer), &fd), 3);
	close(fd);
}

static void
test_broker(void **state)
{
	struct result *r = *state;
	struct guard_tool tools[2] = { { .build = build_cat },
		{ .build = build_echo, .arg = "ok", .nfds = 2 } };
	const struct guard_service service = { serve_file, "answer" };
	const struct guard_table t = {
		.tools = tools, .ntools = 2, .services = &service, .nservices = 1
	};
	struct guard_broker b;
	int fds[2];
	struct child_opts o = {
		.on_stdout = on_out, .on_exit = on_exit_cb, .arg = r, .req = "ok", .req_len = 2
	};

	open_given(fds);
	tools[1].fds = fds;
	assert_int_equal(guard_broker_start(&b, &t), 0);
	close(fds[0]);
	close(fds[1]);
	o.broker = &b;
	o.tool = 1;
	assert_non_null(child_spawn(&r->loop, &o));
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(r->exits, 1);
	assert_string_equal(r->out.data, "served\nfirst\nsecond\n" OPEN "/\n");
	assert_int_equal(r->st.code, 4);

	o.req = "no";
	assert_non_null(child_spawn(&r->loop, &o));
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(r->exits, 2);
	assert_int_equal(r->st.exec_errno, EPERM);

	o.tool = 2; /* there is none */
	assert_non_null(child_spawn(&r->loop, &o));
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(r->exits, 3);
	assert_true(r->st.lost);

	check_stdin(r, &b);
	check_service(&b);
	guard_broker_stop(&b);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_output_and_status, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_tool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stdin_drains, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exit_before_eof, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grandchild, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_ignoring_term, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped_child_is_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dispositions_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_new_privs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_supervisor_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_guard_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_given_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broker, setup, teardown),
	};

	if (guard_wanted(argc, argv))
		return guard_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
