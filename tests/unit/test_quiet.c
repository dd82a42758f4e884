#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "live/quiet.h"

static void
test_quiet(void **state)
{
	(void)state;
	assert_false(quiet_now(-1, -1, 0));
	assert_false(quiet_now(8 * 60, 18 * 60, 8 * 60 - 1));
	assert_true(quiet_now(8 * 60, 18 * 60, 8 * 60));
	assert_true(quiet_now(8 * 60, 18 * 60, 18 * 60 - 1));
	assert_false(quiet_now(8 * 60, 18 * 60, 18 * 60));
	/* Over midnight. */
	assert_true(quiet_now(22 * 60, 6 * 60, 23 * 60));
	assert_true(quiet_now(22 * 60, 6 * 60, 0));
	assert_false(quiet_now(22 * 60, 6 * 60, 6 * 60));
	assert_false(quiet_now(22 * 60, 6 * 60, 12 * 60));
	/* To the end of the day. */
	assert_true(quiet_now(22 * 60, 24 * 60, 1439));
	assert_false(quiet_now(22 * 60, 24 * 60, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quiet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
