#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "survey/print.h"

static const struct print_column columns[] = {
	{ "ip", "address", 0 },
	{ "asn", NULL, 0 },
	{ "name", NULL, 8 },
	{ "shared", NULL, 0 },
	{ NULL },
};

static struct buf out;

static const char *
end(struct print *p)
{
	print_fini(p);
	return out.data;
}

static void
begin(struct print *p, enum print_format format)
{
	buf_clear(&out);
	print_init(p, format, &out, false);
}

static void
row(struct print *p, const char *ip, uint64_t asn, const char *name)
{
	print_text(p, ip, strlen(ip));
	if (asn != 0)
		print_uint(p, asn);
	else
		print_none(p);
	print_text(p, name, strlen(name));
	print_bool(p, asn == 64501);
	print_row(p);
}

static const char *
print_as(enum print_format format, const char *member)
{
	struct print p;

	begin(&p, format);
	if (format == PRINT_JSON && member != NULL)
		jsonw_object(&p.json);
	print_heading(&p, "Hosts of %s", "a\033[31m");
	print_field(&p, "seen", "%d times", 3);
	print_table(&p, member, columns);
	row(&p, "198.18.0.1", 64501, "mx");
	row(&p, "2001:db8::1", 0, "=1+1");
	row(&p, "-198.18.0.3", 5, "a \"b\",\n\033[31m\xff c"); /* cut, and no escape passes */
	print_text(&p, "rest", 4);
	print_row(&p); /* the others are missing */
	print_table_end(&p);
	print_line(&p, "%s", "one\ntwo");
	if (format == PRINT_JSON && member != NULL)
		jsonw_end_object(&p.json);
	return end(&p);
}

static void
test_text(void **state)
{
	(void)state;
	assert_string_equal(print_as(PRINT_TEXT, NULL),
	    "Hosts of a\\x1b[31m\n"
	    "seen          3 times\n"
	    "address        asn  name      shared\n"
	    "198.18.0.1   64501  mx        yes\n"
	    "2001:db8::1  \xe2\x80\x93      =1+1      no\n"
	    "-198.18.0.3      5  a \"b\",\xef\xbf\xbd\xe2\x80\xa6  no\n"
	    "rest         \xe2\x80\x93      \xe2\x80\x93         \xe2\x80\x93\n"
	    "one\\x0atwo\n");
}

static void
test_json(void **state)
{
	static const char rows[] =
	    "[{\"ip\":\"198.18.0.1\",\"asn\":64501,\"name\":\"mx\",\"shared\":true},"
	    "{\"ip\":\"2001:db8::1\",\"asn\":null,\"name\":\"=1+1\",\"shared\":false},"
	    "{\"ip\":\"-198.18.0.3\",\"asn\":5,\"name\":\"a "
	    "\\\"b\\\",\\u000a\\u001b[31m\xef\xbf\xbd "
	    "c\","
	    "\"shared\":false},"
	    "{\"ip\":\"rest\",\"asn\":null,\"name\":null,\"shared\":null}]";
	char wanted[1024];

	(void)state;
	snprintf(wanted, sizeof(wanted), "%s\n", rows);
	assert_string_equal(print_as(PRINT_JSON, NULL), wanted);
	snprintf(wanted, sizeof(wanted), "{\"hosts\":%s}\n", rows);
	assert_string_equal(print_as(PRINT_JSON, "hosts"), wanted);
}

static void
test_csv(void **state)
{
	(void)state;
	assert_string_equal(print_as(PRINT_CSV, NULL),
	    "ip,asn,name,shared\n"
	    "198.18.0.1,64501,mx,true\n"
	    "2001:db8::1,,\"'=1+1\",false\n"
	    "\"'-198.18.0.3\",5,"
	    "\"a \"\"b\"\",\xef\xbf\xbd\xef\xbf\xbd[31m\xef\xbf\xbd c\",false\n"
	    "rest,,,\n");
}

/* Any number of rows needs little memory: later ones keep the widths of the first. */
static void
test_many_rows(void **state)
{
	static const struct print_column two[] = { { "n" }, { "word" }, { NULL } };
	const char *got, *last;
	struct print p;

	(void)state;
	begin(&p, PRINT_TEXT);
	print_table(&p, NULL, two);
	for (unsigned i = 1; i <= 20000; i++) {
		print_uint(&p, i == 20000 ? 1234567 : i);
		print_text(&p, "x", 1);
		print_row(&p);
		assert_true(p.ncells <= 2 * 1001);
	}
	print_table_end(&p);
	got = end(&p);
	assert_memory_equal(got, "   n  word\n   1  x\n", 18);
	assert_non_null(strstr(got, "\n1000  x\n1001  x\n"));
	assert_non_null(last = strstr(got, "\n19999  x\n"));
	assert_string_equal(last, "\n19999  x\n1234567  x\n");
}

static void
test_empty(void **state)
{
	struct print p;

	(void)state;
	for (int f = PRINT_TEXT; f <= PRINT_CSV; f++) {
		static const char *const wanted[] = { "address  asn  name  shared\n", "[]\n",
			"ip,asn,name,shared\n" };

		begin(&p, (enum print_format)f);
		print_table(&p, NULL, columns);
		print_table_end(&p);
		assert_string_equal(end(&p), wanted[f]);
	}
}

static void
test_colour(void **state)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY), fd;
	struct print p;
	FILE *f, *file = tmpfile();

	(void)state;
	assert_int_equal(grantpt(terminal) | unlockpt(terminal), 0);
	assert_int_not_equal(fd = open(ptsname(terminal), O_RDWR | O_NOCTTY), -1);
	assert_non_null(f = fdopen(fd, "w"));
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	assert_true(print_colour(f));
	assert_false(print_colour(file));
	setenv("NO_COLOR", "", 1); /* empty: as if it were not set */
	assert_true(print_colour(f));
	setenv("NO_COLOR", "1", 1);
	assert_false(print_colour(f));
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	assert_false(print_colour(f));
	unsetenv("TERM");
	assert_false(print_colour(f));
	fclose(f);
	fclose(file);
	close(terminal);

	buf_clear(&out);
	print_init(&p, PRINT_TEXT, &out, true);
	print_style(&p, PRINT_ALARM);
	print_line(&p, "weak");
	print_line(&p, "plain");
	assert_string_equal(end(&p), "\033[1;31mweak\033[0m\nplain\n");
	buf_clear(&out);
	print_init(&p, PRINT_JSON, &out, true);
	print_style(&p, PRINT_ALARM);
	jsonw_string(&p.json, "weak");
	assert_string_equal(end(&p), "\"weak\"\n");
}

static void
test_values(void **state)
{
	static const struct print_column three[] = { { "a" }, { "b" }, { "c" }, { NULL } };
	static const uint8_t bytes[] = { 0xde, 0xad };
	static const char *const wanted[] = { "a        b  c\ndead  0.50  \xe2\x80\x93\n",
		"[{\"a\":\"dead\",\"b\":0.50,\"c\":null}]\n", "a,b,c\ndead,0.50,\n" };

	(void)state;
	for (int f = PRINT_TEXT; f <= PRINT_CSV; f++) {
		struct print p;

		begin(&p, (enum print_format)f);
		print_table(&p, NULL, three);
		print_hex(&p, bytes, sizeof(bytes));
		print_double(&p, 0.5, 2);
		print_string(&p, NULL);
		print_row(&p);
		print_table_end(&p);
		assert_string_equal(end(&p), wanted[f]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_many_rows),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_colour),
		cmocka_unit_test(test_values),
	};

	buf_init(&out);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
