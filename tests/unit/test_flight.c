#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "grab/flight.h"

static struct ip
address(unsigned n)
{
	struct ip ip = { .family = 4 };

	ip.a[2] = (uint8_t)(n >> 8);
	ip.a[3] = (uint8_t)n;
	return ip;
}

static void
test_table(void **state)
{
	enum { MANY = 5000 }; /* several a bucket */
	struct flights fs;
	struct ip ip;

	(void)state;
	flights_init(&fs);
	for (unsigned i = 0; i < MANY; i++) {
		ip = address(i);
		assert_null(flights_find(&fs, &ip));
		flights_add(&fs, &ip)->tries = i;
	}
	for (unsigned i = 0; i < MANY; i += 2) {
		ip = address(i);
		flights_drop(&fs, flights_find(&fs, &ip));
	}
	assert_int_equal(fs.n, MANY / 2);
	for (unsigned i = 0; i < MANY; i++) {
		ip = address(i);
		if (i % 2 == 0)
			assert_null(flights_find(&fs, &ip));
		else
			assert_int_equal(flights_find(&fs, &ip)->tries, i);
	}
	flights_fini(&fs);
	assert_int_equal(fs.n, 0);
}

static void
count(struct flight *f, void *arg)
{
	unsigned *sum = arg;

	*sum = *sum * 10 + f->tries;
}

static void
drop(struct flight *f, void *arg)
{
	flights_drop(arg, f);
}

static void
test_lists(void **state)
{
	struct flight *f[5];
	struct flights fs;
	unsigned seen = 0;

	(void)state;
	flights_init(&fs);
	for (unsigned i = 0; i < 5; i++) {
		struct ip ip = address(i);

		f[i] = flights_add(&fs, &ip);
		f[i]->tries = i;
		f[i]->time = 104 - i;
	}
	assert_null(flights_next(&fs));
	assert_null(flights_next_suspect(&fs));
	assert_null(flights_lone(&fs));
	flights_wait(&fs, f[3]);
	flights_wait(&fs, f[1]);
	flights_suspect(&fs, f[0]);
	flights_suspect(&fs, f[4]);
	assert_int_equal(flights_in_air(&fs), 1);
	assert_int_equal(flights_oldest(&fs), 100);
	assert_ptr_equal(flights_lone(&fs), f[2]);
	flights_each_in_air(&fs, count, &seen);
	assert_int_equal(seen, 2);
	/* First in, first out; and one that came out can go in again. */
	assert_ptr_equal(flights_next(&fs), f[3]);
	assert_false(f[3]->waiting);
	flights_wait(&fs, f[3]);
	assert_ptr_equal(flights_next(&fs), f[1]);
	assert_ptr_equal(flights_next(&fs), f[3]);
	assert_null(flights_next(&fs));
	assert_int_equal(flights_in_air(&fs), 3);
	assert_non_null(flights_next_suspect(&fs));
	assert_int_equal(fs.nsuspects, 1);
	flights_wait(&fs, f[3]);
	flights_drop_waiting(&fs);
	assert_int_equal(fs.n, 3);
	assert_int_equal(flights_in_air(&fs), 3);
	flights_each_in_air(&fs, drop, &fs);
	assert_int_equal(fs.n, 0);
	assert_int_equal(flights_oldest(&fs), 0);
	flights_fini(&fs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
