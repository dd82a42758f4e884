#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "survey/buf.h"
#include "survey/pretty.h"

static void
test_form(void **state)
{
	static const struct {
		const char *text, *pretty;
		unsigned level;
	} cases[] = {
		{ "1", "1", 0 },
		{ " \"a b\" \n", "\"a b\"", 0 },
		{ "{}", "{}", 0 },
		{ " [ ] ", "[]", 3 },
		{ "[1,[],{}]", "[\n  1,\n  [],\n  {}\n]", 0 },
		{ "{\"a\":1,\"b\":[true,null]}",
		    "{\n    \"a\": 1,\n    \"b\": [\n      true,\n      null\n    ]\n  }", 1 },
		/* Blanks of any kind go, and nothing within strings. */
		{ "\t{ \"a\"\r\n: -1.50e3 , \"b\" :\"x , y\" }\n",
		    "{\n  \"a\": -1.50e3,\n  \"b\": \"x , y\"\n}", 0 },
		/* By the bytes of the keys with their quotes; equal ones stay in order. */
		{ "{\"p25dn-ip\":1,\"p25dn\":2,\"p2\":3}",
		    "{\n  \"p2\": 3,\n  \"p25dn\": 2,\n  \"p25dn-ip\": 1\n}", 0 },
		{ "{\"b\":1,\"a\":2,\"b\":0,\"a\":[1]}",
		    "{\n  \"a\": 2,\n  \"a\": [\n    1\n  ],\n  \"b\": 1,\n  \"b\": 0\n}", 0 },
		/* Objects in objects, both to be sorted, beside a sorted one. */
		{ "{\"z\":{\"d\":1,\"c\":{\"y\":1,\"x\":2}},\"k\":{\"e\":1,\"f\":2},\"a\":3}",
		    "{\n  \"a\": 3,\n  \"k\": {\n    \"e\": 1,\n    \"f\": 2\n  },\n"
		    "  \"z\": {\n    \"c\": {\n      \"x\": 2,\n      \"y\": 1\n    },\n    \"d\": "
		    "1\n  }\n}",
		    0 },
		/* A quote behind an odd number of backslashes does not end a string. */
		{ "{\"\\\\\":\"\\\"}\\\\\\\",\",\"\\\"\":\"\"}",
		    "{\n  \"\\\"\": \"\",\n  \"\\\\\": \"\\\"}\\\\\\\",\"\n}", 0 },
	};
	struct buf b;

	(void)state;
	buf_init(&b);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&b);
		buf_adds(&b, "x");
		json_pretty(&b, cases[i].text, strlen(cases[i].text), cases[i].level);
		assert_string_equal(b.data + 1, cases[i].pretty);
		assert_int_equal(b.data[0], 'x');
	}
	buf_fini(&b);
}

/* Nesting that no parser of ours lets through is left as it is, and the stack with it. */
static void
test_depth(void **state)
{
	enum { DEPTH = 100000 };
	struct buf text, b;

	(void)state;
	buf_init(&text);
	buf_init(&b);
	for (int i = 0; i < DEPTH; i++)
		buf_addc(&text, '[');
	for (int i = 0; i < DEPTH; i++)
		buf_addc(&text, ']');
	json_pretty(&b, text.data, text.len, 0);
	assert_non_null(strstr(b.data, " [[["));
	assert_null(strstr(b.data, "[]\n]"));
	buf_fini(&text);
	buf_fini(&b);
}

/* A text that is cut short, which is no JSON, ends the work. */
static void
test_cut(void **state)
{
	static const char text[] = "{\"b\":[1,{\"x\":\"\\\"y\"}],\"a\":{\"c\":[ ]}}";
	char copy[sizeof(text)];
	struct buf b;

	(void)state;
	buf_init(&b);
	for (size_t len = 0; len < sizeof(text); len++) {
		memset(copy, '"', sizeof(copy));
		memcpy(copy, text, len);
		buf_clear(&b);
		json_pretty(&b, copy, len, 0);
		assert_true(b.len >= (len > 0));
	}
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
