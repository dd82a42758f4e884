#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "survey/buf.h"
#include "survey/lines.h"
#include "survey/log.h"
#include "survey/refusals.h"

/* Lines as "text|", those that are too long as "!|", with their numbers. */
static void
take(struct lines *l, struct buf *got)
{
	enum lines_got what;
	char *line;
	size_t len;

	while ((what = lines_next(l, &line, &len)) == LINES_LINE || what == LINES_TOO_LONG) {
		buf_printf(got, "%lu:", l->number);
		if (what == LINES_LINE) {
			assert_int_equal(line[len], '\0');
			buf_add(got, line, len);
		} else {
			buf_addc(got, '!');
		}
		buf_addc(got, '|');
	}
	assert_int_equal(what, l->ended ? LINES_END : LINES_MORE);
}

/* The read boundary must not change what is read: try every pair of them. */
static void
test_every_cut(void **state)
{
	static const char in[] =
	    "\xef\xbb\xbf"
	    "a\r\n\n0123456789\nlonger than ten\n\r\n01234567\r\nx\xef\xbb\xbf\ny";
	static const char want[] = "1:a|2:|3:0123456789|4:!|5:|6:01234567|7:x\xef\xbb\xbf|8:y|";
	size_t len = sizeof(in) - 1;

	(void)state;
	for (size_t a = 0; a <= len; a++) {
		for (size_t b = a; b <= len; b++) {
			const size_t cut[] = { 0, a, b, len };
			struct lines l;
			struct buf got;

			buf_init(&got);
			lines_init(&l, 10);
			for (size_t i = 0; i < 3; i++) {
				if (cut[i + 1] > cut[i])
					lines_feed(&l, in + cut[i], cut[i + 1] - cut[i]);
				take(&l, &got);
			}
			lines_feed(&l, "", 0);
			take(&l, &got);
			assert_string_equal(got.data, want);
			lines_fini(&l);
			buf_fini(&got);
		}
	}
}

static void
test_ends(void **state)
{
	static const char *const text[] = { "", "\n", "a", "a\n", "01234567890", "01234567890\n",
		"\r" };
	static const char *const want[] = { "", "1:|", "1:a|", "1:a|", "1:!|", "1:!|", "1:|" };

	(void)state;
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		struct lines l;
		struct buf got;

		buf_init(&got);
		lines_init(&l, 10);
		if (text[i][0] != '\0')
			lines_feed(&l, text[i], strlen(text[i]));
		take(&l, &got);
		lines_feed(&l, "", 0);
		take(&l, &got);
		assert_string_equal(got.data != NULL ? got.data : "", want[i]);
		lines_fini(&l);
		buf_fini(&got);
	}
}

/* An error of the file is one, and no end. */
static void
test_read_error(void **state)
{
	struct lines l;
	char *line;
	size_t len;
	int fd = open("/", O_RDONLY | O_DIRECTORY), pipe_fd[2];

	(void)state;
	lines_init(&l, 10);
	assert_int_equal(lines_read(&l, fd, &line, &len), LINES_ERROR);
	assert_int_equal(errno, EISDIR);
	lines_fini(&l);
	close(fd);
	/* What was read before it stays readable, and reading may be tried again. */
	assert_int_equal(pipe2(pipe_fd, O_NONBLOCK), 0);
	assert_int_equal(write(pipe_fd[1], "one\ntw", 6), 6);
	lines_init(&l, 10);
	assert_int_equal(lines_read(&l, pipe_fd[0], &line, &len), LINES_LINE);
	assert_string_equal(line, "one");
	assert_int_equal(lines_read(&l, pipe_fd[0], &line, &len), LINES_ERROR);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(write(pipe_fd[1], "o", 1), 1);
	close(pipe_fd[1]);
	assert_int_equal(lines_read(&l, pipe_fd[0], &line, &len), LINES_LINE);
	assert_string_equal(line, "two");
	assert_int_equal(lines_read(&l, pipe_fd[0], &line, &len), LINES_END);
	lines_fini(&l);
	close(pipe_fd[0]);
}

static void
sink(const char *line, void *arg)
{
	buf_printf(arg, "%s\n", line);
}

static void
test_refusals(void **state)
{
	struct refusals r = { 0 };
	struct buf got;
	char text[100];

	(void)state;
	buf_init(&got);
	log_set_sink(sink, &got);
	refusals_log(&r, log_warn);
	assert_int_equal(got.len, 0);
	memset(text, 'x', sizeof(text));
	refusals_add(&r, "list", 3, text, sizeof(text), "why");
	refusals_add(&r, "list", 4, NULL, 0, "too long");
	refusals_add(&r, "list", 5,
	    "a\x1b"
	    "b",
	    3, "why");
	for (int i = 0; i < 40; i++)
		refusals_add(&r, "list", 10, "a", 1, "why");
	refusals_log(&r, log_warn);
	assert_int_equal(r.n, 43);
	assert_non_null(strstr(got.data, "list:3: \"xxxx"));
	assert_non_null(strstr(got.data, "x\xe2\x80\xa6\": why\n"));
	assert_non_null(strstr(got.data, "list:4: too long\n"));
	assert_non_null(strstr(got.data, "a\\x1bb")); /* as the log shows it */
	assert_non_null(strstr(got.data, "and 23 more lines"));
	log_set_sink(NULL, NULL);
	refusals_fini(&r);
	buf_fini(&got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_read_error),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
