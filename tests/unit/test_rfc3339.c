#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "survey/rfc3339.h"

static void
test_known(void **state)
{
	static const struct {
		const char *text;
		int64_t t;
	} known[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-06-15T12:00:00Z", 1781524800 },
		{ "2026-06-15t12:00:00z", 1781524800 },
		{ "2026-06-15 12:00:00Z", 1781524800 },
		{ "2026-06-15T12:00:00.123456Z", 1781524800 },
		{ "2026-06-15T13:30:00+01:30", 1781524800 },
		{ "2026-06-15T11:00:00-01:00", 1781524800 },
		{ "2000-02-29T00:00:00Z", 951782400 },
		{ "2016-12-31T23:59:60Z", 1483228800 },
		{ "0000-01-01T00:00:00Z", -62167219200 },
		{ "9999-12-31T23:59:59Z", 253402300799 },
		{ "", TIME_UNKNOWN },
		{ "2026-06-15", TIME_UNKNOWN },
		{ "2026-06-15T12:00:00", TIME_UNKNOWN },
		{ "2026-06-15T12:00:00.", TIME_UNKNOWN },
		{ "2026-13-15T12:00:00Z", TIME_UNKNOWN },
		{ "2026-02-29T12:00:00Z", TIME_UNKNOWN },
		{ "1900-02-29T12:00:00Z", TIME_UNKNOWN },
		{ "2026-06-31T12:00:00Z", TIME_UNKNOWN },
		{ "2026-06-15T24:00:00Z", TIME_UNKNOWN },
		{ "2026-06-15T12:60:00Z", TIME_UNKNOWN },
		{ "2026-06-15T12:00:61Z", TIME_UNKNOWN },
		{ "2026-06-15T12:00:00Zx", TIME_UNKNOWN },
		{ "2026-06-15T12:00:00+0100", TIME_UNKNOWN },
		{ "2026-06-15T12:00:00+24:00", TIME_UNKNOWN },
		{ "-026-06-15T12:00:00Z", TIME_UNKNOWN },
		{ "2026-06-1 T12:00:00Z", TIME_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (time_parse(known[i].text, strlen(known[i].text)) != known[i].t)
			fail_msg("%s", known[i].text);
	}
}

/* Against the C library, over the years that certificates speak of. */
static void
test_round_trip(void **state)
{
	char text[TIME_SIZE], want[TIME_SIZE];

	(void)state;
	for (int64_t t = -62167219200; t <= 253402300799; t += 86400 * 37 + 12345) {
		time_t tt = (time_t)t;
		struct tm tm;

		assert_non_null(gmtime_r(&tt, &tm));
		snprintf(want, sizeof(want), "%04u-%02u-%02uT%02u:%02u:%02uZ",
		    (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
		    (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100,
		    (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
		assert_string_equal(time_format(t, text), want);
		assert_true(time_parse(text, strlen(text)) == t);
	}
	assert_string_equal(time_format(TIME_UNKNOWN, text), "");
	assert_string_equal(time_format(-62167219201, text), "");
	assert_string_equal(time_format(253402300800, text), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
