/* Nothing that is planted in a directory leads out of it or hangs. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <seccomp.h>

#include "survey/beneath.h"
#include "survey/file.h"

static char top[] = "/tmp/test_beneath.XXXXXX";
static int dir = -1;

static void
fails(const char *path, int flags, int error)
{
	int fd = beneath_open(dir, path, flags, 0600);

	if (fd != -1 || errno != error)
		fail_msg(
		    "%s: %s, not %s", path, fd != -1 ? "opened" : strerror(errno), strerror(error));
}

static void
opens(const char *path, int flags)
{
	int fd = beneath_open(dir, path, flags, 0600);

	if (fd == -1)
		fail_msg("%s: %s", path, strerror(errno));
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
}

static void
try_all(void)
{
	opens("file", O_RDONLY);
	opens("sub/file", O_RDWR | O_APPEND);
	opens("sub//./file", O_RDONLY);
	opens("new", O_WRONLY | O_CREAT);
	opens("sub", O_RDONLY | O_DIRECTORY);
	fails("absent", O_RDONLY, ENOENT);
	fails("file/x", O_RDONLY, ENOTDIR);
	fails("sub", O_RDONLY, EISDIR);
	fails("link", O_RDONLY, ELOOP);
	fails("link", O_WRONLY | O_CREAT, ELOOP);
	fails("linkdir/file", O_RDONLY, ELOOP);
	fails("linkdir", O_RDONLY | O_DIRECTORY, ELOOP);
	fails("dangling", O_WRONLY | O_CREAT, ELOOP);
	fails("fifo", O_RDONLY, EMEDIUMTYPE);
	fails("fifo", O_WRONLY | O_CREAT, EMEDIUMTYPE);
	fails("socket", O_RDONLY, EMEDIUMTYPE);
	fails("../outside", O_RDONLY, EXDEV);
	fails("sub/../../outside", O_RDONLY, EXDEV);
	fails("/etc/passwd", O_RDONLY, EXDEV);
	assert_int_equal(unlinkat(dir, "new", 0), 0);
	assert_int_equal(access("/tmp/test_beneath.dangling", F_OK), -1);
}

static void
test_open(void **state)
{
	(void)state;
	try_all();
}

/* The same on a kernel that has no openat2(). */
static void
test_stepwise(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if ((pid = fork()) == 0) {
		scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

		if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2), 0) != 0 ||
		    seccomp_load(ctx) != 0)
			_exit(2);
		seccomp_release(ctx);
		if (syscall(SYS_openat2, dir, ".", NULL, 0) != -1 || errno != ENOSYS)
			_exit(3);
		/* ENOTDIR of a file and ELOOP of a link cannot be told apart there. */
		if (beneath_open(dir, "file/x", O_RDONLY, 0) != -1)
			_exit(4);
		for (int i = 0; i < 2; i++) {
			static const char *const good[] = { "file", "sub//./file" };

			if (beneath_open(dir, good[i], O_RDONLY, 0) == -1)
				_exit(5);
		}
		for (int i = 0; i < 7; i++) {
			static const struct {
				const char *path;
				int error;
			} bad[] = { { "link", ELOOP }, { "linkdir/file", ELOOP },
				{ "dangling", ELOOP }, { "fifo", EMEDIUMTYPE },
				{ "../outside", EXDEV }, { "sub/../../outside", EXDEV },
				{ "/etc/passwd", EXDEV } };

			if (beneath_open(dir, bad[i].path, O_WRONLY | O_CREAT, 0600) != -1 ||
			    errno != bad[i].error)
				_exit(10 + i);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_write(void **state)
{
	char path[128], *text;
	struct stat st;
	int fd;

	(void)state;
	umask(077);
	assert_int_equal(beneath_write(dir, "out", "one", 3, 0644), 0);
	assert_int_equal(fstatat(dir, "out", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(unlinkat(dir, "out", 0), 0);
	assert_int_equal(symlinkat("../outside", dir, "out"), 0);
	fd = beneath_open(dir, "file", O_RDONLY, 0);
	assert_int_equal(beneath_copy(dir, "out", fd, 0600), 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/outside", top);
	text = file_read(path, 100, NULL);
	assert_string_equal(text, "outside");
	free(text);
	snprintf(path, sizeof(path), "%s/dir/out", top);
	text = file_read(path, 100, NULL);
	assert_string_equal(text, "file");
	free(text);
	assert_int_equal(unlinkat(dir, "out", 0), 0);
	assert_int_equal(beneath_write(dir, "sub", "x", 1, 0600), -1);
	assert_int_equal(errno, EISDIR);
}

static int
set_up(void **state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char path[160];
	int s;

	(void)state;
	if (mkdtemp(top) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/outside", top);
	if (file_write(path, "outside", 7) == -1)
		return -1;
	snprintf(path, sizeof(path), "%s/dir/sub", top);
	if (file_mkdirs(path, 0700) == -1)
		return -1;
	snprintf(path, sizeof(path), "%s/dir/sub/file", top);
	if (file_write(path, "sub", 3) == -1)
		return -1;
	snprintf(path, sizeof(path), "%s/dir/file", top);
	if (file_write(path, "file", 4) == -1)
		return -1;
	snprintf(path, sizeof(path), "%s/dir", top);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/dir/socket", top);
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return dir == -1 || symlinkat("file", dir, "link") == -1 ||
		       symlinkat("sub", dir, "linkdir") == -1 ||
		       symlinkat("/tmp/test_beneath.dangling", dir, "dangling") == -1 ||
		       mkfifoat(dir, "fifo", 0600) == -1 ||
		       bind(s, (struct sockaddr *)&sun, sizeof(sun)) == -1 || close(s) == -1
		   ? -1
		   : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return file_remove_tree(top);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_stepwise),
		cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
