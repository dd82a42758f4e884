#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "survey/buf.h"
#include "survey/ndjson.h"

struct sink {
	struct buf got;
	int stop_after;
	int lines;
};

static int
sink_line(const char *line, size_t len, void *arg)
{
	struct sink *s = arg;

	buf_add(&s->got, line, len);
	buf_addc(&s->got, '|');
	return ++s->lines == s->stop_after;
}

/* The read boundary must not change what is parsed: try every one. */
static void
test_every_cut(void **state)
{
	static const char in[] = "{\"a\":1}\n\n123456789\n{}\nlonger than ten\n12345678\nx";
	size_t len = sizeof(in) - 1;

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		struct sink s = { .stop_after = -1 };
		struct ndjson nd;

		buf_init(&s.got);
		ndjson_init(&nd, 8, sink_line, &s);
		assert_int_equal(ndjson_feed(&nd, in, cut), 0);
		assert_int_equal(ndjson_feed(&nd, in + cut, len - cut), 0);
		assert_string_equal(s.got.data, "{\"a\":1}||{}|12345678|");
		assert_int_equal(nd.toolong, 2);
		assert_int_equal(ndjson_torn(&nd), 1);
		assert_int_equal(ndjson_torn(&nd), 0);
		ndjson_fini(&nd);
		buf_fini(&s.got);
	}
}

static void
test_byte_by_byte(void **state)
{
	static const char in[] = "one\ntwo\nthree\n";
	struct sink s = { .stop_after = -1 };
	struct ndjson nd;

	(void)state;
	buf_init(&s.got);
	ndjson_init(&nd, 100, sink_line, &s);
	for (size_t i = 0; i < sizeof(in) - 1; i++)
		assert_int_equal(ndjson_feed(&nd, in + i, 1), 0);
	assert_string_equal(s.got.data, "one|two|three|");
	assert_int_equal(ndjson_torn(&nd), 0);
	ndjson_fini(&nd);
	buf_fini(&s.got);
}

static void
test_stop(void **state)
{
	struct sink s = { .stop_after = 2 };
	struct ndjson nd;

	(void)state;
	buf_init(&s.got);
	ndjson_init(&nd, 100, sink_line, &s);
	assert_int_equal(ndjson_feed(&nd, "a\nb\nc\n", 6), 1);
	assert_string_equal(s.got.data, "a|b|");
	ndjson_fini(&nd);
	buf_fini(&s.got);
}

static void
test_torn_too_long(void **state)
{
	struct sink s = { .stop_after = -1 };
	struct ndjson nd;

	(void)state;
	buf_init(&s.got);
	ndjson_init(&nd, 3, sink_line, &s);
	assert_int_equal(ndjson_feed(&nd, "abcdef", 6), 0);
	assert_int_equal(ndjson_torn(&nd), 0);
	assert_int_equal(nd.toolong, 1);
	assert_int_equal(ndjson_feed(&nd, "ab\n", 3), 0);
	assert_string_equal(s.got.data, "ab|");
	ndjson_fini(&nd);
	buf_fini(&s.got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_torn_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
