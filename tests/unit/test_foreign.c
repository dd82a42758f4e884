/* What another user has planted in his directory, and what root makes there. */
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
#include "survey/foreign.h"

#define NOBODY 65534

static char top[] = "/tmp/test_foreign.XXXXXX";

/* A path below top; the last of four stays. */
static const char *
at(const char *name)
{
	static char text[4][256];
	static unsigned next;

	snprintf(text[next % 4], sizeof(text[0]), "%s/%s", top, name);
	return text[next++ % 4];
}

static uid_t
owner(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_uid;
}

static int
setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(top));
	assert_int_equal(mkdir(at("theirs"), 0700), 0);
	assert_int_equal(mkdir(at("ours"), 0700), 0);
	assert_int_equal(mkdir(at("theirs/sub"), 0700), 0);
	assert_int_equal(file_write(at("theirs/sub/file"), "theirs", 6), 0);
	assert_int_equal(file_write(at("ours/file"), "ours", 4), 0);
	assert_int_equal(symlink(at("ours/file"), at("theirs/link")), 0);
	assert_int_equal(symlink(at("ours/new"), at("theirs/dangling")), 0);
	assert_int_equal(symlink(at("ours"), at("theirs/dir")), 0);
	assert_int_equal(mkfifo(at("theirs/pipe"), 0600), 0);
	assert_int_equal(symlink(at("theirs"), at("latest")), 0);
	/* Whoever runs this: the directory is another user's, for us. */
	if (geteuid() == 0) {
		assert_int_equal(chown(at("theirs"), NOBODY, NOBODY), 0);
		assert_int_equal(chown(at("theirs/sub"), NOBODY, NOBODY), 0);
	} else {
		foreign_ours(geteuid() + 1);
	}
	assert_int_equal(foreign_add(at("theirs/"), false), 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return file_remove_tree(top);
}

static void
refused(const char *name, int flags, int error)
{
	int fd = file_open(at(name), flags, 0600);

	if (fd != -1 || errno != error)
		fail_msg(
		    "%s: %s, not %s", name, fd != -1 ? "opened" : strerror(errno), strerror(error));
}

static void
test_find(void **state)
{
	struct foreign f;

	(void)state;
	assert_true(foreign_find(at("theirs"), &f));
	assert_string_equal(f.rest, ".");
	assert_true(foreign_find(at("theirs//sub/file"), &f));
	assert_string_equal(f.rest, "sub/file");
	assert_false(foreign_find(at("theirs2"), &f));
	assert_false(foreign_find(at("ours/file"), &f));
	if (geteuid() == 0) { /* root's is no other user's, but it can be pinned */
		assert_int_equal(foreign_add(at("ours"), false), 0);
		assert_false(foreign_find(at("ours/file"), &f));
	}
	assert_int_equal(foreign_add(at("absent"), false), -1);
	assert_int_equal(foreign_add(at("latest"), false), 0);
	assert_true(foreign_find(at("latest/sub"), &f));
}

static void
test_nothing_is_followed(void **state)
{
	struct outfile o;
	char *text;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		refused("theirs/link", i == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_APPEND, ELOOP);
		refused("theirs/dangling", i == 0 ? O_RDONLY : O_WRONLY | O_CREAT, ELOOP);
		refused("theirs/dir/file", i == 0 ? O_RDONLY : O_WRONLY | O_CREAT, ELOOP);
		refused("theirs/pipe", i == 0 ? O_RDONLY : O_WRONLY | O_CREAT, EMEDIUMTYPE);
		refused("theirs/../ours/file", i == 0 ? O_RDONLY : O_WRONLY | O_CREAT, EXDEV);
	}
	assert_null(file_read(at("theirs/link"), 100, NULL));
	assert_null(file_opendir(at("theirs/dir")));
	assert_int_equal(file_mkdirs(at("theirs/dir"), 0700), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(file_mkdirs(at("theirs/dir/deep"), 0700), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(outfile_open(&o, at("theirs/dir/file")), -1);
	assert_int_equal(errno, ELOOP);
	/* What stands at the name of a file is replaced, not written to. */
	assert_int_equal(file_write(at("theirs/link"), "new", 3), 0);
	assert_int_equal(file_write_named(at("theirs/dangling"), "new", 3), 0);
	assert_non_null(text = file_read(at("ours/file"), 100, NULL));
	assert_string_equal(text, "ours");
	free(text);
	assert_non_null(text = file_read(at("theirs/link"), 100, NULL));
	assert_string_equal(text, "new");
	free(text);
	assert_int_equal(access(at("ours/new"), F_OK), -1);
	assert_int_equal(access(at("ours/deep"), F_OK), -1);
}

static void
test_what_root_makes(void **state)
{
	uid_t theirs = geteuid() == 0 ? NOBODY : geteuid();
	int fd;

	(void)state;
	assert_int_equal(file_mkdirs(at("theirs/sub/a/b"), 0700), 0);
	assert_int_equal(file_write(at("theirs/sub/a/b/file"), "x", 1), 0);
	fd = file_open(at("theirs/sub/lock"), O_RDWR | O_CREAT, 0600);
	assert_int_not_equal(fd, -1);
	close(fd);
	assert_int_equal(owner(at("theirs/sub/a")), theirs);
	assert_int_equal(owner(at("theirs/sub/a/b")), theirs);
	assert_int_equal(owner(at("theirs/sub/a/b/file")), theirs);
	assert_int_equal(owner(at("theirs/sub/lock")), theirs);
	/* What was there keeps its owner. */
	fd = file_open(at("theirs/sub/file"), O_RDWR | O_CREAT, 0600);
	assert_int_not_equal(fd, -1);
	close(fd);
	assert_int_equal(owner(at("theirs/sub/file")), geteuid());
	fd = file_unnamed(at("theirs/sub"));
	assert_int_not_equal(fd, -1);
	close(fd);
}

/* A directory that is pinned is written to though another has taken its place. */
static void
test_pinned(void **state)
{
	struct outfile o;

	(void)state;
	assert_int_equal(mkdir(at("pinned"), 0700), 0);
	assert_int_equal(foreign_add(at("pinned"), true), 0);
	assert_int_equal(rename(at("pinned"), at("moved")), 0);
	assert_int_equal(symlink(at("ours"), at("pinned")), 0);
	assert_int_equal(file_write(at("pinned/one"), "x", 1), 0);
	assert_int_equal(outfile_open(&o, at("pinned/two")), 0);
	assert_int_equal(outfile_commit(&o), 0);
	assert_int_equal(access(at("moved/one"), F_OK), 0);
	assert_int_equal(access(at("moved/two"), F_OK), 0);
	assert_int_equal(access(at("ours/one"), F_OK), -1);
	assert_int_equal(access(at("ours/two"), F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_nothing_is_followed),
		cmocka_unit_test(test_what_root_makes),
		cmocka_unit_test(test_pinned),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
