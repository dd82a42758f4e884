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
#include "survey/pseudonym.h"

static char dir[] = "/tmp/test_pseudonym.XXXXXX";
static char path[sizeof(dir) + 32], other[sizeof(dir) + 32];
static const char planted[] = "0000000000000000000000000000000000000000000000000000000000000000\n";
static const unsigned char nought[PSEUDONYM_KEY];

static int
setup(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6); /* mkdtemp() has changed it */
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/anonymise.key", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return file_remove_tree(dir);
}

/* The key that is there now is a file of ours and no longer the planted one. */
static void
expect_new(const unsigned char key[PSEUDONYM_KEY])
{
	unsigned char again[PSEUDONYM_KEY];
	struct stat st;

	assert_memory_not_equal(key, nought, PSEUDONYM_KEY);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(pseudonym_key(dir, again), 0);
	assert_memory_equal(again, key, PSEUDONYM_KEY);
}

static void
plant(const char *file, mode_t mode)
{
	assert_int_equal(file_write(file, planted, sizeof(planted) - 1), 0);
	assert_int_equal(chmod(file, mode), 0);
}

static void
test_made_once(void **state)
{
	unsigned char key[PSEUDONYM_KEY];

	(void)state;
	assert_int_equal(pseudonym_key(dir, key), 0);
	expect_new(key);
	/* One of ours is taken, whatever it says. */
	plant(path, 0600);
	assert_int_equal(pseudonym_key(dir, key), 0);
	assert_memory_equal(key, nought, PSEUDONYM_KEY);
	assert_int_equal(file_write(path, "short\n", 6), 0);
	assert_int_equal(pseudonym_key(dir, key), -1);
}

static void
test_others_can_read_it(void **state)
{
	static const mode_t modes[] = { 0604, 0640, 0622, 0666 };
	unsigned char key[PSEUDONYM_KEY];

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		plant(path, modes[i]);
		assert_int_equal(pseudonym_key(dir, key), 0);
		expect_new(key);
	}
}

static void
test_link_and_pipe(void **state)
{
	unsigned char key[PSEUDONYM_KEY];
	char *text;

	(void)state;
	plant(other, 0600);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(pseudonym_key(dir, key), 0);
	expect_new(key);
	assert_non_null(text = file_read(other, 4096, NULL));
	assert_string_equal(text, planted);
	free(text);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(pseudonym_key(dir, key), 0); /* does not hang */
	expect_new(key);
}

/* Made by another user: in a directory of ours it goes, in one of all it stays and is not used. */
static void
test_of_another_user(void **state)
{
	unsigned char key[PSEUDONYM_KEY];
	struct stat st;
	char *text;

	(void)state;
	if (geteuid() != 0)
		skip();
	plant(path, 0600);
	assert_int_equal(chown(path, 65534, 65534), 0);
	assert_int_equal(pseudonym_key(dir, key), 0);
	expect_new(key);
	assert_int_equal(chmod(dir, 01777), 0);
	plant(path, 0600);
	assert_int_equal(chown(path, 65534, 65534), 0);
	assert_int_equal(pseudonym_key(dir, key), 0);
	assert_memory_not_equal(key, nought, PSEUDONYM_KEY);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 65534);
	assert_non_null(text = file_read(path, 4096, NULL));
	assert_string_equal(text, planted);
	free(text);
	/* In a run directory root takes the key of its owner. */
	assert_int_equal(chmod(dir, 0700), 0);
	assert_int_equal(chown(dir, 65534, 65534), 0);
	assert_int_equal(pseudonym_key(dir, key), 0);
	assert_memory_equal(key, nought, PSEUDONYM_KEY);
	assert_int_equal(chown(path, 1, 1), 0);
	assert_int_equal(pseudonym_key(dir, key), 0);
	expect_new(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_others_can_read_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_and_pipe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_of_another_user, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
