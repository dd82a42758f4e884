/* A directory appears whole, takes no other's place, and stays where it was begun whatever is renamed. */
#include <dirent.h>
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
#include "survey/newdir.h"

#define MARKER "made-by-test"

static char top[] = "/tmp/test_newdir.XXXXXX";

/* A path below top; the last of four stays. */
static const char *
at(const char *name)
{
	static char text[4][256];
	static unsigned next;

	snprintf(text[next % 4], sizeof(text[0]), "%s/%s", top, name);
	return text[next++ % 4];
}

static unsigned
entries(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void
holds(const char *path, const char *text)
{
	char *have = file_read(path, 100, NULL);

	assert_non_null(have);
	assert_string_equal(have, text);
	free(have);
}

static void
put(struct newdir *d, const char *path, const char *text)
{
	assert_int_equal(newdir_make(d, path, MARKER, "none of ours"), 0);
	assert_int_equal(newdir_write(d, MARKER, "", 0), 0);
	assert_int_equal(newdir_mkdir(d, "sub"), 0);
	assert_int_equal(newdir_write(d, "sub/file", text, strlen(text)), 0);
	assert_int_equal(newdir_write(d, "sub/file", text, strlen(text)), -1); /* it is there */
}

static void
test_whole(void **state)
{
	struct newdir d;

	(void)state;
	put(&d, at("a/b/out/"), "first"); /* a and b are made */
	assert_int_equal(access(at("a/b/out"), F_OK), -1);
	assert_int_equal(newdir_commit(&d), 0);
	newdir_fini(&d);
	holds(at("a/b/out/sub/file"), "first");
	/* One of ours is replaced as a whole. */
	assert_int_equal(file_write(at("a/b/out/more"), "x", 1), 0);
	put(&d, at("a/b/out"), "second");
	holds(at("a/b/out/sub/file"), "first");
	assert_int_equal(newdir_commit(&d), 0);
	newdir_fini(&d);
	holds(at("a/b/out/sub/file"), "second");
	assert_int_equal(access(at("a/b/out/more"), F_OK), -1);
	/* What is given up leaves nothing. */
	put(&d, at("a/b/out"), "third");
	newdir_fini(&d);
	holds(at("a/b/out/sub/file"), "second");
	assert_int_equal(entries(at("a/b")), 1);
	/* So does one that another struct goes on with. */
	put(&d, at("a/b/resumed"), "fourth");
	{
		struct newdir again;

		assert_int_equal(newdir_resume(&again, d.path, d.made, MARKER), 0);
		free(d.made);
		d.made = NULL;
		newdir_fini(&d);
		assert_int_equal(newdir_commit(&again), 0);
		newdir_fini(&again);
	}
	holds(at("a/b/resumed/sub/file"), "fourth");
}

static void
test_others(void **state)
{
	struct newdir d;

	(void)state;
	assert_int_equal(mkdir(at("theirs"), 0700), 0);
	assert_int_equal(file_write(at("theirs/diary"), "x", 1), 0);
	assert_int_equal(mkdir(at("empty"), 0700), 0);
	assert_int_equal(symlink("theirs", at("link")), 0);
	assert_int_equal(newdir_make(&d, at("theirs"), MARKER, "none of ours"), -1);
	newdir_fini(&d);
	assert_int_equal(newdir_make(&d, at("link"), MARKER, "none of ours"), -1);
	newdir_fini(&d);
	assert_int_equal(newdir_make(&d, at("theirs/diary"), MARKER, "none of ours"), -1);
	newdir_fini(&d);
	holds(at("theirs/diary"), "x");
	put(&d, at("empty"), "now full");
	assert_int_equal(newdir_commit(&d), 0);
	newdir_fini(&d);
	holds(at("empty/sub/file"), "now full");
}

/* Between its beginning and its end somebody puts a link in the place of the directory above. */
static void
test_moved(void **state)
{
	struct newdir d;

	(void)state;
	assert_int_equal(mkdir(at("above"), 0700), 0);
	assert_int_equal(mkdir(at("elsewhere"), 0700), 0);
	assert_int_equal(newdir_make(&d, at("above/out"), MARKER, "none of ours"), 0);
	assert_int_equal(rename(at("above"), at("was-above")), 0);
	assert_int_equal(symlink("elsewhere", at("above")), 0);
	assert_int_equal(newdir_write(&d, "file", "x", 1), 0);
	assert_int_equal(newdir_mkdir(&d, "sub"), 0);
	assert_int_equal(newdir_commit(&d), 0);
	newdir_fini(&d);
	holds(at("was-above/out/file"), "x");
	assert_int_equal(entries(at("elsewhere")), 0);
}

static void
test_remove(void **state)
{
	(void)state;
	assert_int_equal(file_mkdirs(at("tree/a/b/c"), 0700), 0);
	assert_int_equal(file_write(at("tree/a/b/file"), "x", 1), 0);
	assert_int_equal(file_mkdirs(at("kept"), 0700), 0);
	assert_int_equal(file_write(at("kept/file"), "kept", 4), 0);
	assert_int_equal(symlink(at("kept"), at("tree/a/link")), 0);
	assert_int_equal(symlink("nowhere", at("tree/dangling")), 0);
	assert_int_equal(mkfifo(at("tree/pipe"), 0600), 0);
	assert_int_equal(file_remove_tree(at("tree")), 0);
	assert_int_equal(access(at("tree"), F_OK), -1);
	holds(at("kept/file"), "kept");
	/* A link alone goes, and nothing behind it. */
	assert_int_equal(symlink("kept", at("kept-link")), 0);
	assert_int_equal(file_remove_tree(at("kept-link")), 0);
	holds(at("kept/file"), "kept");
	assert_int_equal(file_remove_tree(at("tree")), -1);
	assert_int_equal(errno, ENOENT);
}

static int
setup(void **state)
{
	(void)state;
	return mkdtemp(top) != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	return file_remove_tree(top);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_remove),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
