#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "survey/nearest.h"

static const char *
nearest(const char *typed)
{
	static const char *const words[] = { "run", "status", "geo", "dns", "analyze", "graph",
		"report", "stats", "anonymise" };
	struct nearest n;

	nearest_init(&n, typed);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		nearest_try(&n, words[i]);
	return n.word;
}

static void
test_nearest(void **state)
{
	static const struct {
		const char *typed, *meant;
	} cases[] = {
		{ "rum", "run" }, /* another letter */
		{ "ru", "run" }, /* one less */
		{ "runn", "run" }, /* one more */
		{ "urn", "run" }, /* two swapped */
		{ "gaprh", "graph" }, { "anonymize", "anonymise" }, { "analyse", "analyze" },
		{ "ana", "analyze" }, /* a beginning */
		{ "stat", "status" }, /* of two: the first */
	};
	static const char *const far[] = { "", "x", "xy", "qqq", "zzzzzzzzzz", "commission",
		"a-word-of-more-letters-than-any-that-anybody-would-ever-compare-with-another" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_non_null(nearest(cases[i].typed));
		assert_string_equal(nearest(cases[i].typed), cases[i].meant);
	}
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
		assert_null(nearest(far[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_nearest) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
