#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "live/pace.h"

/* zmap tells of 150 packets a second in lumps, and rests between shards: the rate stays what it is. */
static void
test_lumps(void **state)
{
	struct pace p = { .n = 0 };
	double done = 0;

	(void)state;
	assert_float_equal(pace_rate(&p, 0), 0, 0);
	for (uint64_t ms = 0; ms < 600000; ms += 500) {
		if (ms % 2000 == 0)
			done += 300;
		pace_add(&p, ms, done);
		if (ms > 120000) {
			assert_true(pace_rate(&p, 0) > 140 && pace_rate(&p, 0) < 160);
			assert_true(pace_rate(&p, 150) <= 150);
		}
	}
	for (uint64_t ms = 600000; ms < 608000; ms += 500) /* late answers */
		pace_add(&p, ms, done);
	assert_true(pace_rate(&p, 150) > 120);
}

/* What happened more than a minute ago is forgotten, however rarely one asks. */
static void
test_window(void **state)
{
	static const uint64_t steps[] = { 1, 10, 500, 5000, 30000, 100000 };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct pace p = { .n = 0 };
		uint64_t ms = 7;
		double done = 0;

		for (; ms < 400000; ms += steps[i]) {
			pace_add(&p, ms, done);
			done += (double)steps[i] * 0.05;
		}
		assert_float_equal(pace_rate(&p, 0), 50, 0.5);
		for (; ms < 800000; ms += steps[i])
			pace_add(&p, ms, done);
		assert_float_equal(pace_rate(&p, 0), 0, 0.01);
	}
}

/* The second figures have a rate, and what an earlier session did is not in it. */
static void
test_first(void **state)
{
	struct pace p = { .n = 0 };

	(void)state;
	pace_add(&p, 1000, 100);
	pace_add(&p, 3000, 150);
	assert_float_equal(pace_rate(&p, 0), 25, 1e-9);
	assert_float_equal(pace_rate(&p, 10), 10, 0);
}

static void
test_repeated(void **state)
{
	struct pace p = { .n = 0 };

	(void)state;
	pace_add(&p, 0, 0);
	pace_add(&p, 10000, 1000);
	pace_add(&p, 11000, 500); /* half of it is done again */
	assert_float_equal(pace_rate(&p, 0), 0, 0);
	pace_add(&p, 21000, 1500);
	assert_float_equal(pace_rate(&p, 0), 100, 1e-9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lumps),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
