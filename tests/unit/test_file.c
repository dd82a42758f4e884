#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "survey/file.h"

static char dir[] = "/tmp/test_file.XXXXXX";

static char *
in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
expect(const char *name, const char *want)
{
	size_t len;
	char *got = file_read(in_dir(name), 1 << 20, &len);

	assert_non_null(got);
	assert_string_equal(got, want);
	assert_int_equal(len, strlen(want));
	free(got);
}

static void
test_outfile(void **state)
{
	struct outfile o;
	struct stat st;

	(void)state;
	assert_int_equal(file_write(in_dir("a"), "old", 3), 0);
	assert_int_equal(outfile_open(&o, in_dir("a")), 0);
	assert_true(fputs("new", o.f) >= 0);
	expect("a", "old"); /* not before the commit */
	assert_int_equal(outfile_commit(&o), 0);
	expect("a", "new");
	assert_int_equal(stat(in_dir("a"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	outfile_abort(&o); /* harmless */
	expect("a", "new");

	assert_int_equal(outfile_open(&o, in_dir("a")), 0);
	assert_true(fputs("never", o.f) >= 0);
	outfile_abort(&o);
	expect("a", "new");
	assert_int_equal(file_remove_tree(in_dir("a")), 0);
	assert_int_equal(rmdir(dir), 0); /* no temporary file was left */
	assert_int_equal(mkdir(dir, 0700), 0);

	assert_int_equal(outfile_open(&o, in_dir("absent/a")), -1);
	assert_int_equal(errno, ENOENT);
}

/* What the user names as output and is no regular file stays what it is: root could replace /dev/null. */
static void
test_stream(void **state)
{
	char got[8] = "";
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(mkfifo(in_dir("pipe"), 0600), 0);
	fd = open(in_dir("pipe"), O_RDWR);
	assert_int_equal(file_write_named(in_dir("pipe"), "text", 4), 0);
	assert_int_equal(read(fd, got, sizeof(got)), 4);
	assert_string_equal(got, "text");
	close(fd);
	assert_int_equal(stat(in_dir("pipe"), &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(unlink(in_dir("pipe")), 0);

	assert_int_equal(symlink("/dev/full", in_dir("full")), 0);
	assert_int_equal(file_write_named(in_dir("full"), "text", 4), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(lstat(in_dir("full"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(unlink(in_dir("full")), 0);
}

/* What stands in the place of a file of ours is replaced, and never opened: it would hang, or lead away. */
static void
test_planted(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(mkfifo(in_dir("a"), 0600), 0);
	assert_int_equal(file_write(in_dir("a"), "text", 4), 0);
	expect("a", "text");
	assert_int_equal(unlink(in_dir("a")), 0);
	assert_int_equal(file_write(in_dir("victim"), "kept", 4), 0);
	assert_int_equal(symlink("victim", in_dir("a")), 0);
	assert_int_equal(file_write(in_dir("a"), "text", 4), 0);
	assert_int_equal(lstat(in_dir("a"), &st), 0);
	assert_true(S_ISREG(st.st_mode));
	expect("victim", "kept");
	assert_int_equal(unlink(in_dir("a")), 0);
	assert_int_equal(unlink(in_dir("victim")), 0);
	assert_int_equal(symlink("/dev/full", in_dir("a")), 0);
	assert_int_equal(file_write(in_dir("a"), "text", 4), 0);
	assert_int_equal(unlink(in_dir("a")), 0);
}

/* The disk has no room for a file that was not there before: that is said, not "No such file". */
static void
test_full_new(void **state)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct outfile o;

	(void)state;
	assert_int_not_equal(full, -1);
	assert_int_equal(outfile_open(&o, in_dir("new")), 0);
	assert_int_not_equal(dup2(full, fileno(o.f)), -1);
	assert_true(fputs("text", o.f) >= 0);
	assert_int_equal(outfile_commit(&o), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(access(in_dir("new"), F_OK), -1);
	close(full);
}

/* A sweep takes what dead writers of that file have left, and nothing that others made or hold. */
static void
test_sweep(void **state)
{
	static const char *const kept[] = { "db", "db.backup", "db.before", "db.survey-tmp-toolong",
		"db.survey-tmp-short", "other.survey-tmp-abcdef", "db-survey-tmp-abcdef" };
	struct outfile o;

	(void)state;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		assert_int_equal(file_write(in_dir(kept[i]), "x", 1), 0);
	assert_int_equal(file_write(in_dir("db.survey-tmp-dead42"), "x", 1), 0);
	assert_int_equal(symlink("db", in_dir("db.survey-tmp-linked")), 0);
	assert_int_equal(mkfifo(in_dir("db.survey-tmp-ffffff"), 0600), 0);
	assert_int_equal(outfile_open(&o, in_dir("db")), 0);
	outfile_sweep(in_dir("db"));
	assert_int_equal(access(in_dir("db.survey-tmp-dead42"), F_OK), -1);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		expect(kept[i], "x");
	assert_true(fputs("new", o.f) >= 0);
	assert_int_equal(outfile_commit(&o), 0);
	expect("db", "new");
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		assert_int_equal(unlink(in_dir(kept[i])), 0);
	assert_int_equal(unlink(in_dir("db.survey-tmp-linked")), 0);
	assert_int_equal(unlink(in_dir("db.survey-tmp-ffffff")), 0);
}

/* A write that fails must be seen at the commit and leave the old file alone. */
static void
test_full(void **state)
{
	struct outfile o;
	int full;

	(void)state;
	assert_int_equal(file_write(in_dir("a"), "old", 3), 0);
	assert_int_equal(outfile_open(&o, in_dir("a")), 0);
	full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_int_not_equal(full, -1);
	assert_int_not_equal(dup2(full, fileno(o.f)), -1);
	close(full);
	assert_true(fputs("new", o.f) >= 0);
	assert_int_equal(outfile_commit(&o), -1);
	assert_int_equal(errno, ENOSPC);
	expect("a", "old");
	assert_int_equal(unlink(in_dir("a")), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
}

/* Of several files none gets its name when one of them fails. */
static void
test_together(void **state)
{
	struct outfile a, b;
	struct outfile *const both[] = { &a, &b };
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(file_write(in_dir("a"), "old a", 5), 0);
	assert_int_equal(file_write(in_dir("b"), "old b", 5), 0);
	for (int fail = 1; fail >= 0; fail--) {
		assert_int_equal(outfile_open(&a, in_dir("a")), 0);
		assert_int_equal(outfile_open(&b, in_dir("b")), 0);
		if (fail)
			assert_int_not_equal(dup2(full, fileno(b.f)), -1);
		assert_true(fputs("new a", a.f) >= 0);
		assert_true(fputs("new b", b.f) >= 0);
		assert_int_equal(outfile_commit_all(both, 2), -fail);
		expect("a", fail ? "old a" : "new a");
		expect("b", fail ? "old b" : "new b");
	}
	close(full);
	assert_int_equal(outfile_commit_all(NULL, 0), 0);
	assert_int_equal(unlink(in_dir("a")), 0);
	assert_int_equal(unlink(in_dir("b")), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
}

static void
test_read(void **state)
{
	char *big = malloc(100000), *got;
	size_t len;

	(void)state;
	memset(big, 'x', 100000);
	assert_int_equal(file_write(in_dir("a"), big, 100000), 0);
	got = file_read(in_dir("a"), 100000, &len);
	assert_non_null(got);
	assert_int_equal(len, 100000);
	assert_memory_equal(got, big, len);
	free(got);
	assert_null(file_read(in_dir("a"), 99999, &len));
	assert_int_equal(errno, EFBIG);
	assert_null(file_read(in_dir("absent"), 10, &len));
	assert_int_equal(errno, ENOENT);
	assert_null(file_read(dir, 10, &len));
	assert_int_equal(errno, EISDIR);
	assert_int_equal(file_write(in_dir("a"), "", 0), 0);
	got = file_read(in_dir("a"), 0, &len);
	assert_non_null(got);
	assert_int_equal(len, 0);
	assert_string_equal(got, "");
	free(got);
	unlink(in_dir("a"));
	free(big);
}

/* A copy is another file, with the time of the first; what the kernel does not copy is read and written. */
static void
test_copy(void **state)
{
	const size_t len = 3000001;
	char *big = malloc(len), *got;
	struct stat st;
	size_t n;
	int from, to;

	(void)state;
	for (size_t i = 0; i < len; i++)
		big[i] = (char)(i * 2654435761u >> 13);
	assert_int_equal(file_write(in_dir("a"), big, len), 0);
	from = open(in_dir("a"), O_RDWR);
	assert_int_equal(
	    futimens(from, (struct timespec[2]){ { .tv_sec = 1 }, { .tv_sec = 500 } }), 0);
	to = open(in_dir("b"), O_RDWR | O_CREAT, 0600);
	assert_int_equal(file_copy(from, to), 0);
	assert_int_equal(fstat(to, &st), 0);
	assert_int_equal(st.st_mtime, 500);
	/* What becomes of the first is nothing to the copy. */
	assert_int_equal(ftruncate(from, 10), 0);
	got = file_read(in_dir("b"), len, &n);
	assert_non_null(got);
	assert_int_equal(n, len);
	assert_memory_equal(got, big, len);
	free(got);
	free(big);
	close(from);
	close(to);
	/* A file of /proc has no size and no blocks. */
	from = open("/proc/self/status", O_RDONLY);
	to = open(in_dir("b"), O_RDWR | O_TRUNC);
	assert_int_equal(file_copy(from, to), 0);
	got = file_read(in_dir("b"), 1 << 20, &n);
	assert_true(n > 100 && strncmp(got, "Name:", 5) == 0);
	free(got);
	close(to);
	/* A full disk is an error. */
	to = open("/dev/full", O_WRONLY);
	assert_int_equal(file_copy(from, to), -1);
	assert_int_equal(errno, ENOSPC);
	close(from);
	close(to);
	unlink(in_dir("a"));
	unlink(in_dir("b"));
}

static void
test_directories(void **state)
{
	struct stat st;
	char target[160];

	(void)state;
	assert_int_equal(file_mkdirs(in_dir("x/y/z"), 0700), 0);
	assert_int_equal(stat(in_dir("x/y/z"), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(file_mkdirs(in_dir("x/y/z"), 0700), 0); /* again */
	assert_int_equal(file_mkdirs(in_dir("x/y/z/"), 0700), 0);
	assert_int_equal(file_write(in_dir("x/file"), "1", 1), 0);
	assert_int_equal(file_mkdirs(in_dir("x/file/sub"), 0700), -1);
	assert_int_equal(errno, ENOTDIR);
	/* A link is removed, what it points to is not. */
	assert_int_equal(file_write(in_dir("keep"), "1", 1), 0);
	snprintf(target, sizeof(target), "%s/keep", dir);
	assert_int_equal(symlink(target, in_dir("x/link")), 0);
	assert_int_equal(symlink(dir, in_dir("x/y/up")), 0);
	assert_int_equal(file_remove_tree(in_dir("x")), 0);
	assert_int_equal(access(in_dir("x"), F_OK), -1);
	assert_int_equal(unlink(in_dir("keep")), 0);
	assert_int_equal(file_remove_tree(in_dir("absent")), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(file_sync_dir(in_dir("anything")), 0);
	assert_int_equal(file_sync_dir(in_dir("absent/anything")), -1);
}

static void
test_paths(void **state)
{
	static const char *const joins[][3] = { { "a", "b", "a/b" }, { "a/", "b", "a/b" },
		{ "", "b", "b" }, { "a", "/b", "/b" }, { "/", "b", "/b" } };
	static const char *const dirs[][2] = { { "a/b", "a" }, { "b", "." }, { "/b", "/" },
		{ "/a/b/c", "/a/b" }, { "a/", "a" } };

	(void)state;
	for (size_t i = 0; i < sizeof(joins) / sizeof(joins[0]); i++) {
		char *p = path_join(joins[i][0], joins[i][1]);

		assert_string_equal(p, joins[i][2]);
		free(p);
	}
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		char *p = path_dir(dirs[i][0]);

		assert_string_equal(p, dirs[i][1]);
		free(p);
	}
}

static int
teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outfile),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_planted),
		cmocka_unit_test(test_full_new),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_directories),
		cmocka_unit_test(test_paths),
	};

	if (mkdtemp(dir) == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, teardown);
}
