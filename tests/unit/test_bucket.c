#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "survey/bucket.h"

#define SECOND UINT64_C(1000000000)

static unsigned int
take_all(struct bucket *b, uint64_t now)
{
	unsigned int n = 0;

	while (n < 100000 && bucket_take(b, now))
		n++;
	return n;
}

static void
test_rate(void **state)
{
	struct bucket b;
	unsigned int n = 0;

	(void)state;
	bucket_init(&b, 10, 1);
	for (uint64_t t = 5 * SECOND; t < 15 * SECOND; t += SECOND / 1000)
		n += take_all(&b, t);
	assert_int_equal(n, 100);
}

/* A late caller makes up for its lateness, but a pause is not saved up beyond the burst. */
static void
test_burst(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 10, 5);
	assert_int_equal(take_all(&b, 100 * SECOND), 5);
	assert_int_equal(take_all(&b, 100 * SECOND), 0);
	assert_int_equal(take_all(&b, 101 * SECOND), 5);
	assert_int_equal(take_all(&b, 1000 * SECOND), 5);
	assert_int_equal(bucket_wait_ns(&b, 1000 * SECOND), SECOND / 10);
	assert_int_equal(take_all(&b, 1000 * SECOND + SECOND / 10), 1);
}

/* Called every 3.7 ms, never on time: the rate must hold all the same. */
static void
test_late_caller(void **state)
{
	struct bucket b;
	unsigned int n = 0;

	(void)state;
	bucket_init(&b, 250, 2);
	for (uint64_t t = SECOND; t < 101 * SECOND; t += 3700000)
		n += take_all(&b, t);
	assert_in_range(n, 24990, 25010);
}

static void
test_wait_is_enough(void **state)
{
	struct bucket b;
	uint64_t now = SECOND;

	(void)state;
	bucket_init(&b, 7, 1);
	for (int i = 0; i < 100; i++) {
		assert_true(bucket_take(&b, now));
		assert_true(bucket_wait_ns(&b, now) > 0);
		assert_false(bucket_take(&b, now + bucket_wait_ns(&b, now) - 1));
		now += bucket_wait_ns(&b, now);
	}
}

static void
test_no_limit(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 0, 1);
	assert_int_equal(take_all(&b, 0), 100000);
	assert_int_equal(bucket_wait_ns(&b, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_late_caller),
		cmocka_unit_test(test_wait_is_enough),
		cmocka_unit_test(test_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
