#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
work(void *state, const struct pool_job *job, struct pool_out *out)
{
	(void)out;
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
done(void *arg, unsigned worker, struct pool_job *job, int rc)
{
	struct tally *t = arg;

	(void)worker;
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
stop_at_once(void *arg, unsigned worker, struct pool_job *job, int rc)
{
	struct tally *t = arg;

	(void)worker;
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

/* ---- what workers send ---- */

#define BIG (300 << 10) /* more than a socket holds */

/* What a job of that number sends; all but the first are not to be believed. */
enum sending {
	WHOLE,
	NO_SUCH_PART,
	TOO_MUCH,
	AFTER_ITS_WORD,
	ENDLESS_TRICKLE,
	NOISE,
	DEAD_HALFWAY,
	NSENDINGS
};

struct harvest {
	size_t bytes[8]; /* by worker, of the job that runs there */
	size_t whole, broken;
	bool wrong;
};

static unsigned char
byte_at(size_t i)
{
	return (unsigned char)(i * 31 + (i >> 9));
}

static void
write_raw(struct pool_out *out, const void *data, size_t len)
{
	int fd;

	memcpy(&fd, out, sizeof(fd)); /* past pool_put(), as a worker that was taken over can */
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			_exit(1);
		data = (const char *)data + n;
		len -= (size_t)n;
	}
}

static int
send_something(void *state, const struct pool_job *job, struct pool_out *out)
{
	static unsigned char big[BIG];
	uint32_t words[4] = { POOL_PARTS, 0, POOL_PARTS, 0 };

	(void)state;
	for (size_t i = 0; i < BIG; i++)
		big[i] = byte_at(i);
	switch (job->number) {
	case WHOLE:
		return pool_put(out, 3, big, 1000) == 0 ? pool_put(out, 4, big + 1000, BIG - 1000)
							: -1;
	case NO_SUCH_PART:
		return pool_put(out, 77, big, 10);
	case TOO_MUCH:
		for (int i = 0; i < 5; i++)
			pool_put(out, 4, big, BIG);
		return 0;
	case AFTER_ITS_WORD:
		write_raw(out, words, sizeof(words));
		return 0;
	case ENDLESS_TRICKLE:
		for (;;) {
			pool_put(out, 4, big, 1);
			usleep(1000);
		}
	case NOISE:
		memset(big, 0xff, sizeof(big));
		write_raw(out, big, sizeof(big));
		return 0;
	case DEAD_HALFWAY:
		pool_put(out, 4, big, 5000);
		raise(SIGKILL);
	}
	return -1;
}

static int
take_something(void *arg, unsigned worker, const struct pool_job *job, uint32_t part,
    const void *data, size_t len)
{
	struct harvest *h = arg;
	const unsigned char *p = data;

	if (part > 4)
		return -1;
	for (size_t i = 0; job->number == WHOLE && i < len; i++)
		h->wrong |= p[i] != byte_at(h->bytes[worker] + i);
	h->bytes[worker] += len;
	return 0;
}

static int
harvest_done(void *arg, unsigned worker, struct pool_job *job, int rc)
{
	struct harvest *h = arg;

	if (rc == 0)
		h->whole++;
	else
		h->broken++;
	h->wrong |= (rc == 0) != (job->number == WHOLE) || (rc == 0 && h->bytes[worker] != BIG);
	h->bytes[worker] = 0;
	return 0;
}

static void
test_results(void **state)
{
	struct pool_job jobs[NJOBS];
	struct harvest h = { .whole = 0 };
	struct pool_options o = { .workers = 3,
		.timeout_s = 1,
		.most_bytes = 1 << 20,
		.start = start,
		.work = send_something,
		.take = take_something,
		.done = harvest_done,
		.arg = &h };
	size_t n = 0;

	(void)state;
	for (uint32_t i = 0; i < 3 * NSENDINGS; i++)
		jobs[n++] = (struct pool_job){ i % NSENDINGS, 0 };
	assert_int_equal(pool_run(&o, jobs, n), 0);
	assert_false(h.wrong);
	assert_int_equal(h.whole, 3);
	assert_int_equal(h.broken, 3 * (NSENDINGS - 1));
}

static int
no_room(void *arg, unsigned worker, const struct pool_job *job, uint32_t part, const void *data,
    size_t len)
{
	(void)arg;
	(void)worker;
	(void)job;
	(void)part;
	(void)data;
	(void)len;
	return ENOSPC;
}

static int
note_error(void *arg, unsigned worker, struct pool_job *job, int rc)
{
	(void)worker;
	(void)job;
	*(int *)arg = rc;
	return -1;
}

static void
test_error_of_take(void **state)
{
	struct pool_job job = { WHOLE, 0 };
	int error = 0;
	struct pool_options o = { .workers = 1,
		.timeout_s = 5,
		.most_bytes = 1 << 20,
		.start = start,
		.work = send_something,
		.take = no_room,
		.done = note_error,
		.arg = &error };

	(void)state;
	assert_int_equal(pool_run(&o, &job, 1), -1);
	assert_int_equal(errno, ECANCELED);
	assert_int_equal(error, ENOSPC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_job_ends),
		cmocka_unit_test(test_more_workers_than_jobs),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_error_of_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
