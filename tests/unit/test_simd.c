#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "survey/buf.h"
#include "survey/simd.h"
#include "survey/slice.h"

static enum simd_error
parse(struct simd_parser *p, const char *text, struct simd_node *root)
{
	return simd_parse_copy(p, text, strlen(text), root);
}

static void
test_reads_values(void **state)
{
	struct simd_parser *p = simd_parser_new(1 << 20);
	struct simd_node root;
	struct simd_text t;
	int64_t i;
	uint64_t u;
	bool b;

	(void)state;
	assert_int_equal(
	    parse(p,
		"{\"a\":{\"b\":{\"c\":\"x\\u0000y\"}},\"i\":-5,\"u\":18446744073709551615,"
		"\"d\":1.5,\"t\":true,\"n\":null}",
		&root),
	    SIMD_OK);
	t = simd_string(simd_path(root, "a.b.c"));
	assert_int_equal(t.len, 3);
	assert_memory_equal(t.s, "x\0y", 3);
	assert_true(simd_int(simd_get(root, "i"), &i) && i == -5);
	assert_true(simd_uint(simd_get(root, "u"), &u) && u == UINT64_MAX);
	assert_false(simd_int(simd_get(root, "u"), &i));
	assert_true(simd_bool(simd_get(root, "t"), &b) && b);
	assert_int_equal(simd_type(simd_get(root, "n")), SIMD_NULL);
	assert_int_equal(simd_type(simd_get(root, "absent")), SIMD_NONE);
	assert_int_equal(simd_type(simd_path(root, "i.x.y")), SIMD_NONE);
	assert_null(simd_string(simd_get(root, "i")).s);
	assert_false(simd_bool(simd_get(root, "n"), &b));
	simd_parser_free(p);
}

static void
test_iterates(void **state)
{
	struct simd_parser *p = simd_parser_new(1 << 20);
	struct simd_node root, v;
	struct simd_iter it;
	struct simd_text key;
	struct buf seen;
	int64_t n;

	(void)state;
	buf_init(&seen);
	assert_int_equal(
	    parse(p, "{\"x\":1,\"y\":[10,[0,0],20],\"x\":{\"z\":0},\"\":3}", &root), SIMD_OK);
	for (it = simd_iterate(root); simd_next(&it, &key, &v);)
		buf_printf(&seen, "%.*s:%d ", (int)key.len, key.s, (int)simd_type(v));
	assert_string_equal(seen.data, "x:3 y:7 x:8 :3 ");
	buf_clear(&seen);
	for (it = simd_iterate(simd_get(root, "y")); simd_next(&it, &key, &v);)
		buf_printf(&seen, "%d ", simd_int(v, &n) ? (int)n : -1);
	assert_string_equal(seen.data, "10 -1 20 ");
	it = simd_iterate(simd_get(root, "absent"));
	assert_false(simd_next(&it, &key, &v));
	it = simd_iterate(simd_get(simd_get(root, "y"), "x"));
	assert_false(simd_next(&it, NULL, &v));
	buf_fini(&seen);
	simd_parser_free(p);
}

static void
test_refuses(void **state)
{
	static const struct {
		const char *text;
		enum simd_error error;
	} bad[] = {
		{ "", SIMD_EMPTY },
		{ "  \t", SIMD_EMPTY },
		{ "{\"a\":1", SIMD_TRUNCATED },
		{ "{\"a\":\"b", SIMD_TRUNCATED },
		{ "{\"a\":\"\x80\"}", SIMD_NOT_UTF8 },
		{ "{\"a\":\"\\ud800\"}", SIMD_BAD_STRING },
		{ "{\"a\":\"\\udc00\"}", SIMD_BAD_STRING },
		{ "{\"a\":\"\x01\"}", SIMD_BAD_STRING },
		{ "{\"a\":1}{\"b\":2}", SIMD_SYNTAX },
		{ "{\"a\" 1}", SIMD_SYNTAX },
		{ "{\"a\":1}}", SIMD_SYNTAX },
		{ "{\"a\":1]}{", SIMD_SYNTAX },
		{ "\xef\xbb\xbf{}", SIMD_SYNTAX },
	};
	static const char whole[] = "{\"a\":{\"b\":[1,-2.5e3,true,null,{\"x\":\"}\"}]},\"c\":"
				    "\"\\\"\\u00e9\xc3\xa9\\ud83d\\ude00\"}";
	struct simd_parser *p = simd_parser_new(1 << 20);
	struct simd_node root;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		enum simd_error e = parse(p, bad[i].text, &root);

		if (e != bad[i].error)
			fail_msg("%s: %s, not %s", bad[i].text, simd_error_name(e),
			    simd_error_name(bad[i].error));
		assert_null(root.doc);
	}
	assert_int_equal(simd_parse_copy(p, "{\"a\":\"x\0y\"}", 11, &root), SIMD_BAD_STRING);
	/* Wherever a document is torn. */
	for (size_t cut = 1; cut < strlen(whole); cut++) {
		if (simd_parse_copy(p, whole, cut, &root) != SIMD_TRUNCATED)
			fail_msg("cut at %zu is not seen as such", cut);
	}
	simd_parser_free(p);
}

/* Numbers that RFC 8259 allows and the parser does not: a string of the same characters. */
static void
test_large_numbers(void **state)
{
	static const char *const numbers[] = {
		"18446744073709551616", "-9223372036854775809", "1e999", "-1E+400",
		"1.5e999999999999999999999", "18446744073709552000",
		"777777777777777777777777777777777777777777777777777777777777777777777777777777777"
	};
	/* No JSON, whatever stands beside it; the parser sees the first fault only. */
	static const char *const bad[] = { "01", "-01", "0x10", "1.", ".5", "1.e5", "+1", "1e",
		"1e+", "NaN", "Infinity", "-", "--1", "018446744073709551616",
		"18446744073709551616x", "18446744073709551616.", "1e999e1", "1e999 1",
		"18446744073709551616 \"x\"" };
	static const char *const texts[] = { "{\"a\":%s}",
		"{\"b\":[1,{\"x\":2}],\"a\":%s,\"c\":\"\\\"1e999,\"}",
		" { \"a\" : %s , \"z\":[%s,%s\n]}", "{\"a\":%s,\"d\":\"18446744073709551616\"}" };
	struct simd_parser *p = simd_parser_new(1 << 16);
	struct simd_node root;
	struct simd_text t;
	struct buf b;
	int64_t n;

	(void)state;
	buf_init(&b);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
			buf_clear(&b);
			buf_printf(&b, texts[i], numbers[k], numbers[k], numbers[k]);
			assert_int_equal(simd_parse_copy(p, b.data, b.len, &root), SIMD_OK);
			t = simd_string(simd_get(root, "a"));
			assert_int_equal(t.len, strlen(numbers[k]));
			assert_memory_equal(t.s, numbers[k], t.len);
		}
		for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
			buf_clear(&b);
			buf_printf(&b, texts[i], bad[k], "1e999", "1e999");
			if (simd_parse_copy(p, b.data, b.len, &root) == SIMD_OK)
				fail_msg("%s is no JSON", b.data);
		}
	}
	/* A key is no number. */
	assert_int_not_equal(parse(p, "{18446744073709551616:1}", &root), SIMD_OK);
	assert_int_not_equal(parse(p, "{\"a\":1e999,18446744073709551616 :1}", &root), SIMD_OK);
	/* Wherever such a text is torn. */
	buf_clear(&b);
	buf_adds(&b, "{\"a\":[1e999,\"\\\\\",-18446744073709551616],\"b\":1e-999}");
	assert_int_equal(simd_parse_copy(p, b.data, b.len, &root), SIMD_OK);
	for (size_t cut = 1; cut < b.len; cut++)
		assert_int_not_equal(simd_parse_copy(p, b.data, cut, &root), SIMD_OK);
	/* As many as fit: the text with the quotes is longer than the limit. */
	buf_clear(&b);
	buf_adds(&b, "[1");
	while (b.len + 7 < 1 << 16)
		buf_adds(&b, ",1e999");
	buf_adds(&b, "]");
	assert_int_equal(simd_parse_copy(p, b.data, b.len, &root), SIMD_OK);
	assert_int_equal(parse(p, "{\"a\":5}", &root), SIMD_OK);
	assert_true(simd_int(simd_get(root, "a"), &n) && n == 5);
	buf_fini(&b);
	simd_parser_free(p);
}

static void
test_limits(void **state)
{
	struct simd_parser *p = simd_parser_new(8 << 20);
	struct simd_node root;
	struct buf b;

	(void)state;
	buf_init(&b);
	for (int depth = SIMD_MAX_DEPTH - 1; depth <= SIMD_MAX_DEPTH + 1; depth++) {
		buf_clear(&b);
		for (int i = 0; i < depth; i++)
			buf_addc(&b, '[');
		for (int i = 0; i < depth; i++)
			buf_addc(&b, ']');
		assert_int_equal(simd_parse_copy(p, b.data, b.len, &root),
		    depth <= SIMD_MAX_DEPTH ? SIMD_OK : SIMD_TOO_DEEP);
	}
	buf_clear(&b);
	buf_addc(&b, '"');
	while (b.len < (8 << 20) - 1)
		buf_addc(&b, 'x');
	buf_addc(&b, '"');
	assert_int_equal(simd_parse_copy(p, b.data, b.len, &root), SIMD_OK);
	assert_int_equal(simd_string(root).len, (8 << 20) - 2);
	buf_addc(&b, ' ');
	assert_int_equal(simd_parse_copy(p, b.data, b.len, &root), SIMD_TOO_LONG);
	assert_int_equal(
	    parse(p, "{\"a\":[1]}", &root), SIMD_OK); /* after giving the memory back */
	buf_fini(&b);
	simd_parser_free(p);
}

static void
test_slices(void **state)
{
	static const char text[] = " { \"a\" : {\"x\":[1,{\"y\":\"}\\\"]\"}] } , "
				   "\"b\":\"s\\\\\",\"c\": -1.5e3 ,\"d\":[],\"e\":null}";
	struct slice_iter it = slice_members(text, sizeof(text) - 1);
	struct slice k, v;
	struct buf b;

	(void)state;
	buf_init(&b);
	while (slice_next(&it, &k, &v))
		buf_printf(&b, "%.*s=%.*s;", (int)k.len, k.s, (int)v.len, v.s);
	assert_string_equal(
	    b.data, "a={\"x\":[1,{\"y\":\"}\\\"]\"}] };b=\"s\\\\\";c=-1.5e3;d=[];e=null;");
	v = slice_get(text, sizeof(text) - 1, "c");
	assert_int_equal(v.len, 6);
	assert_null(slice_get(text, sizeof(text) - 1, "x").s);
	/* Any cut of the text must end quietly. */
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		for (it = slice_members(text, len); slice_next(&it, &k, &v);)
			assert_true(v.s + v.len <= text + len);
	}
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_values),
		cmocka_unit_test(test_iterates),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_large_numbers),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_slices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
