#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>

#include <cmocka.h>

#include "graph/pool.h"

#define NJOBS 40

/* What a job of that number does at level 0; at level 1 every job succeeds. */
enum fate { WELL, FAILS, CRASHES, HANGS, EATS_MEMORY, NFATES };

struct tally {
	int well[2], failed[2];
	int given_up;
};

static void *
start(void *arg)
{
	return arg;
}

static int
work(void *state, const struct pool_job *job)
{
	(void)state;
	if (job->level > 0)
		return 0;
	switch (job->number % NFATES) {
	case FAILS:
		return -1;
	case CRASHES:
		raise(SIGKILL);
		return 0;
	case HANGS:
		for (;;)
			pause();
	case EATS_MEMORY:
		for (size_t i = 0; i < 4096; i++) {
			char *p = malloc(1 << 20);

			if (p == NULL)
				abort();
			memset(p, 1, 1 << 20);
		}
		return 0;
	default:
		return 0;
	}
}

static int
done(void *arg, struct pool_job *job, int rc)
{
	struct tally *t = arg;

	if (rc == 0) {
		t->well[job->level]++;
		return 0;
	}
	t->failed[job->level]++;
	job->level++;
	return 1;
}

static void
test_every_job_ends(void **state)
{
	struct pool_job jobs[NJOBS];
	struct tally t = { .given_up = 0 };
	struct pool_options o = { .workers = 3,
		.timeout_s = 1,
		.memory_mb = 256,
		.start = start,
		.work = work,
		.done = done,
		.arg = &t };

	(void)state;
	for (uint32_t i = 0; i < NJOBS; i++)
		jobs[i] = (struct pool_job){ i, 0 };
	assert_int_equal(pool_run(&o, jobs, NJOBS), 0);
	assert_int_equal(t.well[0], NJOBS / NFATES);
	assert_int_equal(t.failed[0], NJOBS - NJOBS / NFATES);
	assert_int_equal(t.well[1], NJOBS - NJOBS / NFATES);
	assert_int_equal(t.failed[1], 0);
}

static void
test_more_workers_than_jobs(void **state)
{
	struct pool_job job = { 0, 0 };
	struct tally t = { .given_up = 0 };
	struct pool_options o = {
		.workers = 8, .timeout_s = 5, .start = start, .work = work, .done = done, .arg = &t
	};

	(void)state;
	assert_int_equal(pool_run(&o, &job, 1), 0);
	assert_int_equal(pool_run(&o, NULL, 0), 0);
	assert_int_equal(t.well[0], 1);
}

static int
stop_at_once(void *arg, struct pool_job *job, int rc)
{
	struct tally *t = arg;

	(void)job;
	t->given_up += rc == 0;
	return -1;
}

static void
test_stop(void **state)
{
	struct pool_job jobs[NJOBS];
	struct tally t = { .given_up = 0 };
	struct pool_options o = { .workers = 2,
		.timeout_s = 5,
		.start = start,
		.work = work,
		.done = stop_at_once,
		.arg = &t };

	(void)state;
	for (uint32_t i = 0; i < NJOBS; i++)
		jobs[i] = (struct pool_job){ i * NFATES, 0 };
	assert_int_equal(pool_run(&o, jobs, NJOBS), -1);
	assert_int_equal(errno, ECANCELED);
	assert_in_range(t.given_up, 1, 2); /* what was done at the time, and nothing more */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_job_ends),
		cmocka_unit_test(test_more_workers_than_jobs),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
