#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "survey/buf.h"
#include "survey/log.h"
#include "survey/mem.h"

static void
test_buf(void **state)
{
	struct buf b;
	char *s;

	(void)state;
	buf_init(&b);
	assert_string_equal(b.data, "");
	buf_clear(&b);
	buf_drop(&b, 0);
	buf_add(&b, NULL, 0);
	assert_string_equal(b.data, "");
	buf_adds(&b, "ab");
	buf_addc(&b, 'c');
	buf_printf(&b, "%d%s", 42, "");
	assert_string_equal(b.data, "abc42");
	assert_int_equal(b.len, 5);
	buf_drop(&b, 2);
	assert_string_equal(b.data, "c42");
	buf_drop(&b, 3);
	assert_string_equal(b.data, "");
	buf_add(&b, "x\0y", 3);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "x\0y", 4);
	s = buf_steal(&b);
	assert_memory_equal(s, "x\0y", 4);
	free(s);
	assert_int_equal(b.len, 0);
	s = buf_steal(&b);
	assert_string_equal(s, "");
	free(s);
	buf_fini(&b);
	buf_fini(&b);
}

/* Grown byte by byte or in pieces, the bytes are what was added. */
static void
test_growth(void **state)
{
	struct buf one, many;
	size_t step = 1;

	(void)state;
	buf_init(&one);
	buf_init(&many);
	for (size_t i = 0; i < 100000; i++)
		buf_addc(&one, (char)('a' + i % 26));
	while (many.len < one.len) {
		size_t n = one.len - many.len < step ? one.len - many.len : step;

		buf_add(&many, one.data + many.len, n);
		assert_int_equal(many.data[many.len], '\0');
		step = step * 3 % 1009 + 1;
	}
	assert_memory_equal(one.data, many.data, one.len + 1);
	buf_fini(&one);
	buf_fini(&many);
}

static void
test_arena(void **state)
{
	struct arena a;
	char *text[2000];
	double *d;

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < 2000; i++) {
		size_t len = i * i % 3001 + (i % 500 == 0 ? 400000 : 0);
		char *fill = xmalloc(len + 1);

		memset(fill, (int)('a' + i % 26), len);
		text[i] = arena_strndup(&a, fill, len);
		free(fill);
		d = arena_alloc(&a, sizeof(*d));
		assert_int_equal((uintptr_t)d % _Alignof(max_align_t), 0);
		*d = 1.5;
	}
	for (size_t i = 0; i < 2000; i++) {
		size_t len = i * i % 3001 + (i % 500 == 0 ? 400000 : 0);

		assert_int_equal(strlen(text[i]), len);
		assert_true(len == 0 || (text[i][0] == (char)('a' + i % 26) &&
					    text[i][len - 1] == (char)('a' + i % 26)));
	}
	arena_fini(&a);
	arena_fini(&a);
}

static void
keep(const char *line, void *arg)
{
	buf_printf(arg, "%s|", line);
}

/* A message is one line whatever its arguments are, and %m is errno's at the call. */
static void
test_log(void **state)
{
	struct buf b;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	buf_init(&b);
	log_init(LOG_INFO, f);
	log_set_sink(keep, &b);
	log_error("banner \"%s\"", "220 \x1b[2J\r\nroot: \xe2\x80\xae");
	log_warn("w");
	log_info("i");
	log_debug("d");
	errno = ENOENT;
	log_error("%m");
	log_set_sink(NULL, NULL);
	log_init(LOG_INFO, NULL);
	fclose(f);
	assert_string_equal(b.data,
	    "survey: error: banner \"220 \\x1b[2J\\x0d\\x0aroot: \\xe2\\x80\\xae\"|"
	    "survey: warning: w|survey: i|survey: error: No such file or directory|");
	/* The file has all levels, with a time. */
	assert_non_null(strstr(text, "Z debug: d\n"));
	assert_null(strchr(text, '\x1b'));
	free(text);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
