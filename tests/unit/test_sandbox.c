#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "survey/file.h"
#include "survey/sandbox.h"

/*
 * A process that has been taken over tries each of these.  The same is tried
 * without a sandbox first: a trial that fails there, too, would show nothing.
 */
static char top[] = "/tmp/survey-sandbox-XXXXXX";
static char secret[128], readable[128], writable[128], elsewhere[128];
static struct sockaddr_in listener;
static int listening = -1, tcp = -1, udp = -1;

static int
result(long rc)
{
	return rc == -1 ? errno : 0;
}

static int
try_socket(void)
{
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int
try_unix_socket(void)
{
	return result(socket(AF_UNIX, SOCK_DGRAM, 0));
}

static int
try_connect(void)
{
	return result(connect(tcp, (struct sockaddr *)&listener, sizeof(listener)));
}

static int
try_connect_udp(void)
{
	return result(connect(udp, (struct sockaddr *)&listener, sizeof(listener)));
}

static int
try_shadow(void)
{
	return result(open("/etc/shadow", O_RDONLY));
}

static int
try_secret(void)
{
	return result(open(secret, O_RDONLY));
}

static int
try_secret_beside(void)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/../secret", readable);
	return result(open(path, O_RDONLY));
}

static int
try_list(void)
{
	return result(open(top, O_RDONLY | O_DIRECTORY));
}

static int
try_create(void)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/new", elsewhere);
	return result(open(path, O_WRONLY | O_CREAT, 0600));
}

static int
try_write_readable(void)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/file", readable);
	return result(open(path, O_WRONLY));
}

static int
try_empty_readable(void)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/file", readable);
	return result(open(path, O_RDONLY | O_TRUNC));
}

static int
try_truncate(void)
{
	return result(truncate(secret, 0));
}

static int
try_chmod(void)
{
	return result(chmod(secret, 0600));
}

static int
try_rename(void)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/secret", elsewhere);
	return result(rename(secret, path));
}

static int
try_link(void)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/secret", writable);
	return result(link(secret, path));
}

static int
try_unlink(void)
{
	return result(unlink(secret));
}

static int
try_execve(void)
{
	char *argv[] = { "true", NULL }, *env[] = { NULL };

	return result(execve("/bin/true", argv, env)); /* the exit status of true is 0 */
}

static int
try_namespace(void)
{
	return result(unshare(CLONE_NEWUSER));
}

static int
try_namespace_of_child(void)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int
try_memory_of_others(void)
{
	char byte;
	struct iovec mine = { &byte, 1 }, theirs = { (void *)(uintptr_t)top, 1 };

	return result(process_vm_readv(getppid(), &mine, 1, &theirs, 1, 0));
}

static int
try_typing(void)
{
	return ioctl(STDIN_FILENO, TIOCSTI, "x") == -1 && errno != ENOSYS ? 0 : errno;
}

static int
try_umount(void)
{
	return umount2("/nonexistent", 0) == -1 && errno == ENOENT ? 0 : errno;
}

/* Who refuses it: the filter in every profile, or Landlock where the filter lets files be read or written. */
enum by { FILTER, READING, WRITING };

static const struct {
	const char *name;
	int (*fn)(void);
	enum by by;
	bool sure; /* works without a sandbox, whoever we are */
} trials[] = {
	{ "socket", try_socket, FILTER, true },
	{ "unix socket", try_unix_socket, FILTER, true },
	{ "connect", try_connect, FILTER, true },
	{ "connect of UDP", try_connect_udp, FILTER, true },
	{ "open of /etc/shadow", try_shadow, READING, false },
	{ "open of a secret", try_secret, READING, true },
	{ "open by ..", try_secret_beside, READING, true },
	{ "list of the directory above", try_list, READING, true },
	{ "a new file elsewhere", try_create, WRITING, true },
	{ "write to what is readable", try_write_readable, WRITING, true },
	{ "O_TRUNC of what is readable", try_empty_readable, FILTER, true },
	{ "truncate", try_truncate, FILTER, true },
	{ "chmod", try_chmod, FILTER, true },
	{ "link", try_link, FILTER, true },
	{ "rename", try_rename, WRITING, true },
	{ "unlink", try_unlink, WRITING, true },
	{ "execve", try_execve, FILTER, true },
	{ "unshare", try_namespace, FILTER, false },
	{ "clone with a namespace", try_namespace_of_child, FILTER, false },
	{ "process_vm_readv", try_memory_of_others, FILTER, false },
	{ "TIOCSTI", try_typing, FILTER, true },
	{ "umount", try_umount, FILTER, false },
};

#define NTRIALS (sizeof(trials) / sizeof(trials[0]))

static void
put(const char *dir, const char *name)
{
	char path[192];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_non_null(f = fopen(path, "w"));
	fputs("secret", f);
	fclose(f);
}

static int
set_up(void **state)
{
	socklen_t len = sizeof(listener);

	(void)state;
	assert_non_null(mkdtemp(top));
	snprintf(secret, sizeof(secret), "%s/secret", top);
	snprintf(readable, sizeof(readable), "%s/readable", top);
	snprintf(writable, sizeof(writable), "%s/writable", top);
	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", top);
	mkdir(readable, 0700);
	mkdir(writable, 0700);
	mkdir(elsewhere, 0700);
	listener = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listening, (struct sockaddr *)&listener, len), 0);
	assert_int_equal(listen(listening, 8), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&listener, &len), 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	close(listening);
	return file_remove_tree(top);
}

/* The files as every trial finds them, and sockets that are open before the sandbox is. */
static void
prepare(void)
{
	char path[192];

	put(top, "secret");
	put(readable, "file");
	put(writable, "file");
	snprintf(path, sizeof(path), "%s/secret", elsewhere);
	unlink(path);
	snprintf(path, sizeof(path), "%s/secret", writable);
	unlink(path);
	tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(tcp != -1 && udp != -1);
}

static int
enter(enum sandbox_profile p, struct sandbox_state *st)
{
	const char *const read[] = { readable, "/nonexistent", NULL };
	const char *const write[] = { writable, NULL };
	const struct sandbox_paths all = { .read = read, .write = write };
	const struct sandbox_paths reading = { .read = read };

	return sandbox_enter(p,
	    p == SANDBOX_DRAW	 ? &reading
	    : p == SANDBOX_PARSE ? NULL
				 : &all,
	    st);
}

/* A kernel without Landlock: its first call does not exist. */
static void
forget_landlock(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (ctx == NULL ||
	    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(landlock_create_ruleset), 0) !=
		0 ||
	    seccomp_load(ctx) != 0)
		_exit(99);
	seccomp_release(ctx);
}

enum { NO_SANDBOX = NSANDBOX_PROFILES };

/* Do fn() in a child of that profile; its exit status, 98 when there is no sandbox, -1 when it was killed. */
static int
in_child(int profile, bool landlock, int (*fn)(void))
{
	struct sandbox_state st = { .landlock = 0 };
	int status = 0;
	pid_t pid;

	prepare();
	if ((pid = fork()) == 0) {
		if (!landlock)
			forget_landlock();
		if (profile != NO_SANDBOX && enter((enum sandbox_profile)profile, &st) == -1)
			_exit(98);
		if (profile != NO_SANDBOX && !landlock && st.landlock != 0)
			_exit(98);
		_exit(fn());
	}
	close(tcp);
	close(udp);
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool
has_landlock(void)
{
	struct sandbox_state st;

	sandbox_probe(&st);
	return st.landlock > 0;
}

/* Is a trial refused without the help of Landlock? */
static bool
by_filter(int profile, enum by by)
{
	return by == FILTER || profile == SANDBOX_PARSE ||
	       (by == WRITING && (profile == SANDBOX_DRAW || profile == SANDBOX_READ));
}

static void
refuses(bool landlock)
{
	int tried = 0;

	for (size_t i = 0; i < NTRIALS; i++) {
		int before = in_child(NO_SANDBOX, true, trials[i].fn);

		if (trials[i].sure && before != 0)
			fail_msg("%s does not work without a sandbox: %s", trials[i].name,
			    strerror(before));
		for (int p = 0; before == 0 && p < NSANDBOX_PROFILES; p++) {
			int rc;

			if (!landlock && !by_filter(p, trials[i].by))
				continue;
			rc = in_child(p, landlock, trials[i].fn);
			if (rc != EPERM && rc != EACCES && rc != ENOSYS && rc != EXDEV)
				fail_msg("%s in profile %d: %d", trials[i].name, p, rc);
			tried++;
		}
	}
	assert_true(tried >= 15 * NSANDBOX_PROFILES - (landlock ? 0 : 12));
}

static void
test_refuses(void **state)
{
	(void)state;
	if (!has_landlock()) {
		print_message("this kernel has no Landlock\n");
		skip();
	}
	refuses(true);
}

/* The filter alone still keeps a process from the network, programs and what it was given to read. */
static void
test_refuses_without_landlock(void **state)
{
	(void)state;
	refuses(false);
}

/* ---- what must go on working ---- */

static void *
add_one(void *arg)
{
	++*(int *)arg;
	return NULL;
}

static int
use_files(void)
{
	char from[192], to[192], buf[8];
	int fd;

	snprintf(from, sizeof(from), "%s/file", readable);
	if ((fd = open(from, O_RDONLY)) == -1 || read(fd, buf, sizeof(buf)) != 6)
		return 1;
	snprintf(from, sizeof(from), "%s/work", writable);
	snprintf(to, sizeof(to), "%s/work/file", writable);
	if (file_mkdirs(from, 0700) == -1 || file_write(to, "x", 1) == -1)
		return 2;
	snprintf(from, sizeof(from), "%s/moved", writable);
	if (rename(to, from) == -1 && errno != EXDEV) /* ABI 1 has no renames between directories */
		return 3;
	if (open("/dev/null", O_WRONLY) == -1)
		return 4;
	return file_remove_tree(writable) == -1 && errno != EACCES ? 5 : 0;
}

static int
use_processes(void)
{
	int n = 0, status, fds[2];
	pthread_t t;
	pid_t pid;

	if (pthread_create(&t, NULL, add_one, &n) != 0 || pthread_join(t, NULL) != 0 || n != 1)
		return 1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == -1)
		return 2;
	if ((pid = fork()) == 0)
		_exit(send(fds[1], "x", 1, 0) == 1 ? 0 : 1);
	if (pid == -1 || waitpid(pid, &status, 0) != pid || status != 0)
		return 3;
	return setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }) == 0 ? 0 : 4;
}

/* A worker of a process in a sandbox has a narrower one of its own. */
static int
use_worker(void)
{
	struct sandbox_state st;
	int status;
	pid_t pid;

	if ((pid = fork()) == 0) {
		char path[192];

		if (sandbox_enter(SANDBOX_DRAW, NULL, &st) == -1)
			_exit(1);
		snprintf(path, sizeof(path), "%s/file", readable);
		_exit(open(path, O_RDONLY) == -1 && fork() == -1 ? 0 : 2);
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

static int
use_pipes(void)
{
	int fds[2];
	char *p = malloc(1 << 22);

	if (p == NULL || pipe2(fds, O_CLOEXEC) == -1 || write(fds[1], "x", 1) != 1 ||
	    read(fds[0], p, 1) != 1)
		return 1;
	free(p);
	return time(NULL) > 0 ? 0 : 2;
}

static int
use_plugins(void)
{
	return open("/usr/lib", O_RDONLY | O_DIRECTORY) != -1 && open("/etc/fonts", O_RDONLY) != -1
		   ? 0
		   : errno;
}

static int
use_abort(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	abort();
}

static void
test_allows(void **state)
{
	(void)state;
	for (int p = SANDBOX_OFFLINE; p <= SANDBOX_ONLINE; p++) {
		assert_int_equal(in_child(p, true, use_files), 0);
		mkdir(writable, 0700);
		assert_int_equal(in_child(p, true, use_processes), 0);
		if (has_landlock())
			assert_int_equal(in_child(p, true, use_worker), 0);
	}
	for (int p = 0; p < NSANDBOX_PROFILES; p++) {
		assert_int_equal(in_child(p, true, use_pipes), 0);
		assert_int_equal(in_child(p, true, use_abort), -1);
	}
	assert_int_equal(in_child(SANDBOX_DRAW, true, use_plugins), 0);
}

/* Something new of ours takes the place of what was there, in a directory that is none of our business. */
static int
replace(void)
{
	char made[128], copy[128], path[192];
	const char *write[] = { made, copy, NULL }, *replace[] = { top, NULL };
	const struct sandbox_paths paths = { .write = write, .replace = replace };
	struct sandbox_state st;
	struct outfile o;
	int pipes[2];
	char pipe_path[32];
	const char *read_paths[] = { pipe_path, NULL };
	struct sandbox_paths all = paths;

	snprintf(made, sizeof(made), "%s/made", top);
	snprintf(copy, sizeof(copy), "%s/copy", top);
	snprintf(path, sizeof(path), "%s/list", top);
	if (mkdir(made, 0700) == -1 || mkdir(copy, 0700) == -1 || outfile_open(&o, path) == -1 ||
	    pipe2(pipes, O_CLOEXEC) == -1)
		return 1;
	put(copy, "old");
	snprintf(pipe_path, sizeof(pipe_path), "/proc/self/fd/%d", pipes[0]);
	all.read = read_paths;
	if (sandbox_enter(SANDBOX_OFFLINE, &all, &st) == -1)
		return 2;
	put(made, "new");
	if (fputs("x", o.f) == EOF || outfile_commit(&o) == -1)
		return 3;
	if (renameat2(AT_FDCWD, made, AT_FDCWD, copy, RENAME_EXCHANGE) == -1 ||
	    file_remove_tree(made) == -1)
		return 4;
	snprintf(path, sizeof(path), "%s/new", copy);
	if (access(path, F_OK) == -1 || file_write(path, "y", 1) == -1)
		return 5;
	if (open(pipe_path, O_RDONLY) == -1)
		return 6;
	if (st.landlock > 0 && (try_secret() != EACCES || try_create() != EACCES))
		return 7;
	return file_remove_tree(copy) == -1 ? 8 : 0;
}

static void
test_replaces(void **state)
{
	(void)state;
	assert_int_equal(in_child(NO_SANDBOX, true, replace), 0);
}

static void *
wait_for_end(void *arg)
{
	char c;

	return read(*(int *)arg, &c, 1) == -1 ? arg : NULL;
}

/* Landlock binds the calling thread alone, so there must be no other. */
static void
test_threads(void **state)
{
	struct sandbox_state st;
	pthread_t t;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pthread_create(&t, NULL, wait_for_end, &fds[0]), 0);
	assert_int_equal(sandbox_enter(SANDBOX_OFFLINE, NULL, &st), -1);
	assert_int_equal(errno, EBUSY);
	close(fds[1]);
	pthread_join(t, NULL);
	close(fds[0]);
}

static void
test_text(void **state)
{
	char buf[SANDBOX_TEXT];

	(void)state;
	assert_string_equal(sandbox_text(&(struct sandbox_state){ "offline", 7, true }, buf),
	    "Landlock (ABI 7) and a system call filter");
	assert_string_equal(sandbox_text(&(struct sandbox_state){ "offline", 0, false }, buf),
	    "no Landlock and no system call filter");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_refuses_without_landlock),
		cmocka_unit_test(test_allows),
		cmocka_unit_test(test_replaces),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
