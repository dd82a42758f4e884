#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "survey/buf.h"
#include "survey/escape.h"

typedef void escape_fn(struct buf *, const char *, size_t);

static escape_fn *const all[] = { escape_terminal, escape_json, escape_xml, escape_dot, escape_csv,
	escape_latex };

static uint64_t seed = 1234567;

static uint32_t
roll(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 16) % n);
}

/* The code point in UTF-8, without any check. */
static size_t
encode(uint32_t cp, char out[4])
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

static void
test_utf8(void **state)
{
	/* RFC 3629: overlong, surrogates, past the end, torn, stray. */
	static const char *const bad[] = { "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf",
		"\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xfe", "\x80", "\xbf", "\xc3",
		"\xe2\x82", "\xf0\x9f\x98", "\xc3(", "\xe2\x28\xa1" };
	char text[4];
	uint32_t cp;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(utf8_decode(bad[i], strlen(bad[i]), &cp), 0);
		assert_false(utf8_valid(bad[i], strlen(bad[i])));
	}
	assert_int_equal(utf8_decode("", 0, &cp), 0);
	assert_true(utf8_valid("", 0));
	assert_true(utf8_valid("a\0b", 3));
	for (uint32_t want = 0; want <= 0x110400; want++) {
		size_t n = encode(want, text);
		bool fits = want <= 0x10ffff && (want < 0xd800 || want > 0xdfff);

		assert_int_equal(utf8_decode(text, n, &cp), fits ? n : 0);
		if (fits)
			assert_int_equal(cp, want);
		if (n > 1)
			assert_int_equal(utf8_decode(text, n - 1, &cp), 0);
	}
}

static void
expect(escape_fn *fn, const char *in, size_t len, const char *want)
{
	struct buf b;

	buf_init(&b);
	fn(&b, in, len);
	assert_string_equal(b.data, want);
	assert_int_equal(b.len, strlen(want));
	buf_fini(&b);
}

static void
test_cases(void **state)
{
	(void)state;
	expect(escape_terminal, "a\x1b[31m\n\xff\xc3\xa9", 10, "a\\x1b[31m\\x0a\\xff\xc3\xa9");
	expect(escape_terminal,
	    "\xe2\x80\xae"
	    "evil",
	    7,
	    "\\xe2\\x80\\xae"
	    "evil");
	expect(escape_terminal,
	    "\xc2\x9b"
	    "31m",
	    5,
	    "\\xc2\\x9b"
	    "31m"); /* CSI in one character */
	expect(escape_json, "\"\\\n\x7f\xff", 5, "\\\"\\\\\\u000a\\u007f\xef\xbf\xbd");
	expect(escape_json, "a\0b", 3, "a\\u0000b");
	expect(escape_json, "\xe2\x80\xa8", 3, "\\u2028");
	expect(
	    escape_xml, "<a b=\"c\" d='e'>&", 16, "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
	expect(escape_xml, "a\x01\nb\xef\xbf\xbf", 7, "a\xef\xbf\xbd\nb\xef\xbf\xbd");
	expect(escape_dot, "a\"\\N\n", 5, "a\\\"\\\\N\xef\xbf\xbd");
	expect(escape_csv, "=1+1", 4, "\"'=1+1\"");
	expect(escape_csv, "+x", 2, "\"'+x\"");
	expect(escape_csv, "-x", 2, "\"'-x\"");
	expect(escape_csv, "@x", 2, "\"'@x\"");
	expect(escape_csv, "\tx", 2, "\"'\xef\xbf\xbdx\"");
	expect(escape_csv, "a\"b,c", 5, "\"a\"\"b,c\"");
	expect(escape_csv, "", 0, "\"\"");
	expect(escape_csv, "\0=", 2, "\"\xef\xbf\xbd=\"");
	expect(escape_latex, "50%_$#&{}~^\\", 12,
	    "50\\%\\_\\$\\#\\&\\{\\}\\textasciitilde{}\\textasciicircum{}\\textbackslash{}");
	expect(escape_latex, "[a][*", 5, "{[}a][*");
	expect(escape_latex, "*[", 2, "{*}[");
	expect(escape_latex, "\xc3\xa9\xe4\xb8\xad\xef\xbf\xbd", 8,
	    "\xc3\xa9\\surveyletter{\xe4\xb8\xad}?");
}

static void
expect_noncharacter(uint32_t cp)
{
	char text[4], escaped[16];
	size_t n = encode(cp, text);

	assert_false(utf8_shown(cp));
	if (cp > 0xffff)
		snprintf(escaped, sizeof(escaped), "\\u%04x\\u%04x",
		    (unsigned)(0xd800 + ((cp - 0x10000) >> 10)),
		    (unsigned)(0xdc00 + ((cp - 0x10000) & 0x3ff)));
	else
		snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned)cp);
	expect(escape_json, text, n, escaped);
	expect(escape_xml, text, n, "\xef\xbf\xbd");
	expect(escape_dot, text, n, "\xef\xbf\xbd");
	expect(escape_csv, text, n, "\"\xef\xbf\xbd\"");
	expect(escape_latex, text, n, "?");
}

/* U+FDD0 to U+FDEF, and the last two of each plane. */
static void
test_noncharacters(void **state)
{
	(void)state;
	for (uint32_t cp = 0xfdd0; cp <= 0xfdef; cp++)
		expect_noncharacter(cp);
	for (uint32_t plane = 0; plane <= 0x10; plane++) {
		expect_noncharacter(plane << 16 | 0xfffe);
		expect_noncharacter(plane << 16 | 0xffff);
	}
	expect(escape_terminal, "\xef\xb7\x90", 3, "\\xef\\xb7\\x90");
	assert_true(utf8_shown(0xfdcf) && utf8_shown(0xfdf0) && utf8_shown(0xfffd));
}

/* Of any bytes: the output is one line of well-formed UTF-8 without what each target forbids. */
static void
test_any_bytes(void **state)
{
	static const char *const forbidden[] = { "", "", "<>\"'", "", "", "$#~^" };
	static const char spice[] = "\"\\<>&'=+-@{}%$#_^~\n\r\t\0\x1b\x7f";
	struct buf b;
	char in[64];

	(void)state;
	buf_init(&b);
	for (int round = 0; round < 30000; round++) {
		size_t len = 0, want = roll(40), k = (size_t)round % 6;

		while (len < want) {
			if (roll(3) == 0)
				in[len++] = spice[roll(sizeof(spice) - 1)];
			else if (roll(3) == 0)
				len += encode(roll(0x30000), in + len);
			else
				in[len++] = (char)roll(256);
		}
		buf_clear(&b);
		all[k](&b, in, len);
		assert_true(utf8_valid(b.data, b.len));
		assert_int_equal(strlen(b.data), b.len);
		for (size_t i = 0; i < b.len; i++) {
			unsigned char c = (unsigned char)b.data[i];

			assert_true(c >= 0x20 || (c == '\n' && all[k] == escape_xml));
			assert_int_not_equal(c, 0x7f);
			if (strchr(forbidden[k], c) != NULL)
				assert_true(
				    all[k] == escape_latex && i > 0 && b.data[i - 1] == '\\');
		}
		/* Inside quotes nothing ends the string early. */
		for (size_t i = 0; i < b.len && (all[k] == escape_json || all[k] == escape_dot);
		     i++) {
			assert_int_not_equal(b.data[i], '"');
			if (b.data[i] == '\\')
				assert_true(++i < b.len);
		}
	}
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_noncharacters),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
