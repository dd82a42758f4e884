#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/mem.h"
#include "survey/spool.h"

static int
setup(void **state)
{
	char name[] = "/tmp/survey-spool-XXXXXX";
	int fd = mkstemp(name);

	close(fd);
	*state = xstrdup(name);
	return 0;
}

static int
teardown(void **state)
{
	unlink(*state);
	free(*state);
	return 0;
}

/* Whatever the crash left behind, whole lines stay and the rest is handed out. */
static void
test_torn_tail(void **state)
{
	static const char in[] = "first\nsecond\nthi";
	const char *path = *state;

	for (size_t len = 0; len < sizeof(in); len++) {
		size_t keep = len >= 13 ? 13 : len >= 6 ? 6 : 0, got;
		struct spool s;
		struct buf torn;
		char *text;

		assert_int_equal(file_write(path, in, len), 0);
		buf_init(&torn);
		assert_int_equal(spool_open(&s, path, &torn), 0);
		assert_int_equal(s.size, keep);
		assert_int_equal(torn.len, len - keep);
		assert_memory_equal(torn.data, in + keep, len - keep);
		assert_int_equal(spool_write(&s, "new\n", 4), 0);
		spool_close(&s);
		text = file_read(path, 1000, &got);
		assert_int_equal(got, keep + 4);
		assert_memory_equal(text, in, keep);
		assert_string_equal(text + keep, "new\n");
		free(text);
		buf_fini(&torn);
	}
}

/* The last newline may lie far back. */
static void
test_long_tail(void **state)
{
	size_t len = 200000;
	char *big = xcalloc(1, len);
	struct spool s;
	struct buf torn;

	memset(big, 'x', len);
	big[9] = '\n';
	assert_int_equal(file_write(*state, big, len), 0);
	buf_init(&torn);
	assert_int_equal(spool_open(&s, *state, &torn), 0);
	assert_int_equal(s.size, 10);
	assert_int_equal(torn.len, len - 10);
	spool_close(&s);
	buf_fini(&torn);
	free(big);
}

/* A write that fails half-way leaves the file as it was. */
static void
test_full(void **state)
{
	struct rlimit old, limit;
	struct spool s;
	char text[100];

	memset(text, 'x', sizeof(text));
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(spool_open(&s, *state, NULL), 0);
	assert_int_equal(spool_write(&s, "kept\n", 5), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 50;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(spool_write(&s, text, sizeof(text)), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(lseek(s.fd, 0, SEEK_END), 5);
	assert_int_equal(spool_write(&s, "more\n", 5), 0);
	assert_int_equal(s.size, 10);
	spool_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_torn_tail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_tail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
