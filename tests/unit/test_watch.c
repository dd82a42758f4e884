#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "survey/binomial.h"
#include "survey/rfc3339.h"
#include "live/unheard.h"
#include "live/watch.h"
#include "live/yield.h"

/* Values of R's pbinom(), and limits. */
static void
test_binomial(void **state)
{
	(void)state;
	assert_float_equal(binomial_at_most(10, 0.5, 0), 0.0009765625, 1e-12);
	assert_float_equal(binomial_at_most(10, 0.5, 3), 0.171875, 1e-9);
	assert_float_equal(binomial_at_most(100, 0.1, 3), 0.007836487, 1e-8);
	assert_float_equal(binomial_at_most(7, 0.5, 7), 1, 0);
	assert_float_equal(binomial_at_most(7, 0, 0), 1, 0);
	assert_float_equal(binomial_at_most(7, 1, 6), 0, 0);
	assert_true(binomial_at_most(UINT64_C(3000000000), 1e-3, 2000000) < 1e-300);
	assert_float_equal(binomial_fell(1000, 32, 1000, 0), 2.3283064e-10, 1e-15);
	assert_float_equal(binomial_fell(0, 0, 1000, 0), 1, 0);
	assert_float_equal(binomial_fell(1000, 0, 1000, 0), 1, 0);
}

static void
test_steady(void **state)
{
	struct watch w;

	(void)state;
	watch_init(&w, false);
	assert_false(w.paused);
	for (size_t i = 0; i < 200; i++) /* a rate of 1 % that wavers */
		assert_int_equal(
		    watch_shard_ended(&w, i, 10000, 100 + i * 7 % 23 - 11), WATCH_GO_ON);
	watch_fini(&w);
}

/* The whole Internet's hosts: fewer at night, which chance does not explain, and no outage either. */
static void
test_drift(void **state)
{
	struct watch w;

	(void)state;
	watch_init(&w, false);
	assert_int_equal(watch_shard_ended(&w, 0, 16000000, 60000), WATCH_GO_ON);
	assert_true(binomial_fell(16000000, 60000, 16000000, 50000) < WATCH_P);
	assert_int_equal(watch_shard_ended(&w, 1, 16000000, 50000), WATCH_GO_ON);
	assert_int_equal(watch_shard_ended(&w, 2, 16000000, 20000), WATCH_STOP);
	assert_int_equal(w.nfallen, 1);
	watch_fini(&w);
}

/* Too few hits to say anything. */
static void
test_scarce(void **state)
{
	struct watch w;

	(void)state;
	watch_init(&w, false);
	assert_int_equal(watch_shard_ended(&w, 0, 10000, 12), WATCH_GO_ON);
	assert_int_equal(watch_shard_ended(&w, 1, 10000, 0), WATCH_GO_ON);
	watch_fini(&w);
}

static void
test_collapse_without_canaries(void **state)
{
	struct watch w;

	(void)state;
	watch_init(&w, false);
	watch_known(&w, 0, 10000, 9); /* of an earlier session */
	assert_int_equal(watch_shard_ended(&w, 1, 10000, 9), WATCH_GO_ON);
	assert_int_equal(watch_shard_ended(&w, 2, 10000, 0), WATCH_GO_ON);
	assert_int_equal(watch_shard_ended(&w, 3, 10000, 0), WATCH_GO_ON);
	assert_int_equal(watch_shard_ended(&w, 4, 10000, 0), WATCH_STOP);
	assert_true(w.nfallen == 3 && w.p < WATCH_P);
	assert_int_equal(w.shards[w.n - w.nfallen].at, 2);
	watch_fini(&w);
}

static void
test_canaries(void **state)
{
	struct watch w;

	(void)state;
	watch_init(&w, true);
	assert_true(w.paused); /* until one has answered */
	assert_int_equal(watch_canaries_asked(&w, 0), WATCH_GO_ON);
	assert_int_equal(watch_canaries_asked(&w, 1), WATCH_RESUME);
	assert_int_equal(watch_canaries_asked(&w, 2), WATCH_GO_ON);
	assert_int_equal(watch_shard_ended(&w, 0, 1000, 50), WATCH_GO_ON);
	assert_int_equal(watch_canaries_asked(&w, 0), WATCH_PAUSE);
	assert_int_equal(watch_canaries_asked(&w, 0), WATCH_GO_ON);
	assert_int_equal(watch_shard_ended(&w, 1, 1000, 0), WATCH_GO_ON); /* ended just then */
	watch_forget(&w, 1);
	assert_int_equal(watch_canaries_asked(&w, 2), WATCH_RESUME);
	assert_int_equal(watch_shard_ended(&w, 1, 1000, 48), WATCH_GO_ON);
	watch_fini(&w);
}

static void
test_collapse_with_canaries(void **state)
{
	struct watch w;

	(void)state;
	watch_init(&w, true);
	assert_int_equal(watch_canaries_asked(&w, 2), WATCH_RESUME);
	assert_int_equal(watch_shard_ended(&w, 0, 1000, 50), WATCH_GO_ON);
	assert_int_equal(watch_shard_ended(&w, 1, 1000, 1), WATCH_PAUSE);
	assert_int_equal(w.nfallen, 1);
	watch_forget(&w, 1);
	assert_int_equal(watch_canaries_asked(&w, 2), WATCH_RESUME);
	/* Repeated, it is as it should be: the next collapse is another one. */
	assert_int_equal(watch_shard_ended(&w, 1, 1000, 45), WATCH_GO_ON);
	assert_int_equal(watch_shard_ended(&w, 2, 1000, 0), WATCH_PAUSE);
	watch_forget(&w, 2);
	assert_int_equal(watch_canaries_asked(&w, 1), WATCH_RESUME);
	assert_int_equal(watch_shard_ended(&w, 2, 1000, 45), WATCH_GO_ON);
	/* The canaries explain a collapse: it is no trial. */
	assert_int_equal(watch_shard_ended(&w, 3, 1000, 0), WATCH_PAUSE);
	watch_forget(&w, 3);
	assert_int_equal(watch_canaries_asked(&w, 0), WATCH_PAUSE);
	assert_int_equal(watch_canaries_asked(&w, 0), WATCH_GO_ON);
	assert_int_equal(watch_canaries_asked(&w, 1), WATCH_RESUME);
	assert_int_equal(watch_shard_ended(&w, 3, 1000, 0), WATCH_PAUSE);
	watch_forget(&w, 3);
	assert_int_equal(watch_canaries_asked(&w, 1), WATCH_RESUME);
	/* Repeated, it is as bad: canaries do not see what is wrong. */
	assert_int_equal(watch_shard_ended(&w, 3, 1000, 0), WATCH_STOP);
	watch_fini(&w);
}

static void
assert_fault(const struct yield *y, const char *word)
{
	char *text = yield_fault(y);

	if (word == NULL)
		assert_null(text);
	else
		assert_true(text != NULL && strstr(text, word) != NULL);
	free(text);
}

static void
test_yield(void **state)
{
	struct yield y = { .scanned = true, .port = 25, .probed = 15700000, .hits = 30000 };

	(void)state;
	assert_fault(&y, NULL);
	y.usual = true;
	assert_fault(&y, NULL);
	y.hits = 100;
	assert_fault(&y, "too little");
	y.usual = false;
	assert_fault(&y, NULL);
	y.hits = 0;
	assert_fault(&y, "none of 15700000 addresses answered on port 25");
	y = (struct yield){ .scanned = true, .usual = true, .probed = 256, .hits = 1 };
	assert_fault(&y, NULL);
	y.analyzed = true;
	assert_fault(&y, "no host was asked");
	y.records = 1;
	assert_fault(&y, "no key");
	y.keys = 1;
	assert_fault(&y, NULL);
	y = (struct yield){ .hits = 0 };
	assert_fault(&y, "nothing was asked");
}

/* What another run found says more than what is usual, and what somebody says more than both. */
static void
test_sample(void **state)
{
	struct yield y = { .scanned = true,
		.usual = true,
		.port = 25,
		.probed = 1000000,
		.hits = 900,
		.earlier = "ie-20260601-120000",
		.earlier_probed = 1050000,
		.earlier_hits = 2000 };

	(void)state;
	assert_fault(&y,
	    "900 of 1000000 addresses answered on port 25, where 2000 of 1050000 did in "
	    "the run before, ie-20260601-120000");
	assert_fault(&y, "scan.least_hits");
	y.hits = 960; /* half of it and more */
	assert_fault(&y, NULL);
	/* A sample that is as small says nothing of so few. */
	y.probed = y.earlier_probed = 1000;
	y.earlier_hits = 9;
	y.hits = 1;
	assert_fault(&y, NULL);
	/* A country that always has few. */
	y = (struct yield){ .scanned = true,
		.usual = true,
		.probed = 10000000,
		.hits = 100,
		.earlier = "x",
		.earlier_probed = 10000000,
		.earlier_hits = 110 };
	assert_fault(&y, NULL);
	y.least = 5;
	assert_fault(&y, NULL);
	y.least = 50;
	assert_fault(&y, "where at least 50 in a million are expected (scan.least_hits)");
	y.hits = 0;
	assert_fault(&y, "none of 10000000");
}

/* Which records count when a run goes on. */
static void
test_unheard(void **state)
{
	struct manifest_canaries c = { .nunheard = 0 };

	(void)state;
	unheard_until(&c, 5);
	assert_false(unheard_at(&c, 5));
	unheard_since(&c, 10);
	unheard_since(&c, 20); /* a canary has answered */
	assert_false(unheard_at(&c, 19));
	assert_true(unheard_at(&c, 20) && unheard_at(&c, 1000));
	assert_false(unheard_at(&c, TIME_UNKNOWN));
	unheard_until(&c, 30);
	unheard_until(&c, 50); /* nothing goes on */
	assert_true(unheard_at(&c, 30));
	assert_false(unheard_at(&c, 31));
	unheard_since(&c, 40);
	assert_false(unheard_at(&c, 39));
	assert_true(unheard_at(&c, 25) && unheard_at(&c, 40));
	unheard_until(&c, 39); /* the clock was put back */
	assert_true(unheard_at(&c, 40));
	assert_false(unheard_at(&c, 41));
	/* When there is no room, too many are in doubt rather than too few. */
	for (int64_t i = 1; i <= UNHEARD_MAX; i++) {
		unheard_since(&c, i * 100);
		unheard_until(&c, i * 100 + 9);
	}
	assert_int_equal(c.nunheard, UNHEARD_MAX);
	for (int64_t i = 1; i <= UNHEARD_MAX; i++)
		assert_true(unheard_at(&c, i * 100 + 5));
	assert_true(unheard_at(&c, 25) && unheard_at(&c, 35));
	assert_false(unheard_at(&c, 350));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_binomial),
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_drift),
		cmocka_unit_test(test_scarce),
		cmocka_unit_test(test_collapse_without_canaries),
		cmocka_unit_test(test_canaries),
		cmocka_unit_test(test_collapse_with_canaries),
		cmocka_unit_test(test_yield),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_unheard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
