#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "dns/latency.h"
#include "dns/window.h"
#include "dns/zones.h"

static void
sent(struct window *w, uint64_t ms, unsigned n)
{
	while (n-- > 0)
		window_sent(w, ms);
}

static void
lost(struct window *w, uint64_t ms, unsigned n)
{
	while (n-- > 0)
		window_lost(w, ms);
}

static void
test_start(void **state)
{
	struct window w;

	(void)state;
	/* A stock kernel: 92 answers a socket; a burst of 277 queries. */
	window_init(&w, 212992, 8, 4000);
	assert_int_equal(w.max, 8 * 92);
	assert_int_equal(w.now, 277);
	window_init(&w, 8 << 20, 8, 4000);
	assert_int_equal(w.max, 4000);
	assert_int_equal(w.now, 1000);
	window_init(&w, 8 << 20, 8, 50);
	assert_int_equal(w.now, 50);
	window_init(&w, 100, 8, 4000);
	assert_int_equal(w.max, 1);
	assert_int_equal(w.now, 1);
}

static void
test_few_losses_are_dead_names(void **state)
{
	struct window w;

	(void)state;
	window_init(&w, 8 << 20, 8, 4000);
	sent(&w, 5000, 1000);
	lost(&w, 5999, 100);
	assert_int_equal(w.now, 1000);
	window_lost(&w, 5000);
	assert_int_equal(w.now, 500);
	/* Once for each second, and every second by itself. */
	lost(&w, 5000, 800);
	assert_int_equal(w.now, 500);
	sent(&w, 6000, 3);
	lost(&w, 6000, 3);
	assert_int_equal(w.now, 500); /* too few to say */
	sent(&w, 7000, 10);
	lost(&w, 7000, 10);
	assert_int_equal(w.now, 250);
	/* A second so long ago that its place is taken. */
	lost(&w, 5000 + WINDOW_SECONDS * 1000, 100);
	assert_int_equal(w.now, 250);
}

static void
test_floor_and_growth(void **state)
{
	struct window w;

	(void)state;
	window_init(&w, 8 << 20, 8, 4000);
	for (uint64_t ms = 1000; ms < 20000; ms += 1000) {
		sent(&w, ms, 100);
		lost(&w, ms, 100);
	}
	assert_int_equal(w.now, WINDOW_MIN);
	/* One windowful of answers for each step. */
	for (unsigned i = 0; i < WINDOW_MIN; i++)
		window_answered(&w);
	assert_int_equal(w.now, WINDOW_MIN + 1);
	for (unsigned i = 0; i < 20000000 && w.now < w.max; i++)
		window_answered(&w);
	assert_int_equal(w.now, w.max);
	window_answered(&w);
	assert_int_equal(w.now, w.max);
}

static void
test_reopen(void **state)
{
	struct window w;

	(void)state;
	window_init(&w, 8 << 20, 8, 4000);
	window_reopen(&w);
	assert_int_equal(w.now, WINDOW_MIN);
	/* Back to where it was by one an answer. */
	for (unsigned i = 0; i < 900; i++)
		window_answered(&w);
	assert_int_equal(w.now, 1000);
	window_init(&w, 8 << 20, 8, 20);
	window_reopen(&w);
	assert_int_equal(w.now, 20);
}

static void
test_latency(void **state)
{
	struct latency l = { 0 };

	(void)state;
	assert_int_equal(latency_at(&l, 0.5), 0);
	for (uint32_t ms = 0; ms < 1000; ms++)
		latency_add(&l, ms);
	assert_int_equal(latency_at(&l, 0.001), 0);
	assert_int_equal(latency_at(&l, 0.02), 19);
	assert_in_range(latency_at(&l, 0.5), 465, 500);
	assert_in_range(latency_at(&l, 0.99), 920, 990);
	latency_add(&l, UINT32_MAX);
	latency_add(&l, 65535);
	assert_in_range(latency_at(&l, 1), 60000, 65536);
	/* Each value lies in the slot that stands for it. */
	for (uint32_t ms = 0; ms < 65536; ms++) {
		struct latency one = { 0 };
		uint32_t at;

		latency_add(&one, ms);
		at = latency_at(&one, 1);
		assert_true(at <= ms && ms - at <= ms / 16);
	}
}

static void
add(struct zones *z, const char *name, uint32_t ms, enum dns_outcome outcome)
{
	struct answer a = { .name = name, .ms = ms, .outcome = outcome };

	zones_add(z, &a);
}

static void
test_zones(void **state)
{
	struct zones z;
	char name[32];

	(void)state;
	zones_init(&z);
	assert_null(zones_slowest(&z, 0));
	add(&z, "a.slow.ie", 3000, DNS_SERVFAIL);
	add(&z, "b.slow.ie", 2000, DNS_NOERROR);
	add(&z, "a.fast.ie", 499, DNS_NOERROR);
	add(&z, "a.slower.ie", 9000, DNS_TIMEOUT);
	add(&z, "a.equal.ie", 5000, DNS_NOERROR);
	assert_string_equal(zones_slowest(&z, 0)->name, "slower.ie");
	assert_string_equal(zones_slowest(&z, 1)->name, "equal.ie");
	assert_string_equal(zones_slowest(&z, 2)->name, "slow.ie");
	assert_int_equal(zones_slowest(&z, 2)->questions, 2);
	assert_int_equal(zones_slowest(&z, 2)->ms, 5000);
	assert_int_equal(zones_slowest(&z, 2)->failed, 1);
	assert_null(zones_slowest(&z, 3));
	/* Strangers' zones do not take all memory. */
	for (unsigned i = 0; i < 50000; i++) {
		snprintf(name, sizeof(name), "x.z%u.ie", i);
		add(&z, name, 500, DNS_NOERROR);
	}
	assert_int_equal(z.n, 8192);
	assert_null(zones_slowest(&z, ZONES_TOP));
	zones_fini(&z);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_few_losses_are_dead_names),
		cmocka_unit_test(test_floor_and_growth),
		cmocka_unit_test(test_reopen),
		cmocka_unit_test(test_latency),
		cmocka_unit_test(test_zones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
