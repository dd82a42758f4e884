#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "grab/pacer.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define HOSTS 3000

static uint32_t
random_next(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static void
test_order_and_rate(void **state)
{
	struct pacer *p = pacer_new(10, 0, 0);
	uint64_t now = SECOND;
	struct ip ip;
	uint32_t tag, n = 0;

	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		ip = ip_from_v4(0xc6120000 + i);
		pacer_add(p, &ip, 0, i);
	}
	for (; now < 11 * SECOND; now += MS) {
		while (pacer_next(p, now, &ip, &tag)) {
			assert_int_equal(tag, n);
			assert_int_equal(ip_to_v4(&ip), 0xc6120000 + n);
			n++;
		}
	}
	assert_in_range(n, 100, 103);
	assert_int_equal(pacer_queued(p), 200 - n);
	pacer_free(p);
}

static void
test_wait_is_enough(void **state)
{
	struct pacer *p = pacer_new(0, 2, 5);
	uint64_t now = SECOND;
	struct ip ip;
	uint32_t tag;

	(void)state;
	assert_true(pacer_wait_ns(p, now) == UINT64_MAX);
	for (uint32_t i = 0; i < 30; i++) {
		ip = ip_from_v4(0xc6120000 + (i % 3 << 8) + i);
		pacer_add(p, &ip, 7, i);
	}
	for (uint32_t n = 0; n < 30;) {
		if (pacer_next(p, now, &ip, &tag)) {
			n++;
			continue;
		}
		assert_true(pacer_wait_ns(p, now) > 0);
		now += pacer_wait_ns(p, now);
	}
	assert_true(now >= SECOND + 14 * SECOND / 3); /* 10 of each network, 2 a second */
	assert_true(pacer_wait_ns(p, now) == UINT64_MAX);
	pacer_free(p);
}

/* Whatever comes in, no network and no AS is asked faster than it may, and nobody is forgotten. */
static void
test_limits_hold(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 20; seed++) {
		struct pacer *p = pacer_new(200, 2, 10);
		uint64_t last_net[40] = { 0 }, last_as[8] = { 0 }, now = SECOND;
		uint32_t random = seed, added = 0, left = HOSTS, nagain = 0, tag;
		bool *seen = calloc(HOSTS, sizeof(*seen));
		struct ip ip;

		for (; left > 0 && now < 2000 * SECOND;
		     now += MS * (1 + random_next(&random) % 9)) {
			if (random_next(&random) % 1000 == 0)
				now += 20 * SECOND; /* quiet hours, or zgrab2 is busy */
			for (; added < HOSTS && random_next(&random) % 4 != 0; added++) {
				uint32_t net = random_next(&random) % 40;

				ip = ip_from_v4(0xc6120000 + (net << 8) + added % 256);
				pacer_add(p, &ip, 1 + net % 8, added);
			}
			/* After a death of zgrab2 hosts are asked once more, at the same rates. */
			for (int i = 0; i < 3; i++) {
				uint32_t net = random_next(&random) % 40;

				ip = ip_from_v4(0xc6120000 + (net << 8));
				if (!pacer_again(p, &ip, 1 + net % 8, now)) {
					assert_true(
					    pacer_again_wait_ns(p, &ip, 1 + net % 8, now) > 0);
					continue;
				}
				assert_true(last_net[net] == 0 || now - last_net[net] >= 500 * MS);
				assert_true(
				    last_as[net % 8] == 0 || now - last_as[net % 8] >= 100 * MS);
				last_net[net] = last_as[net % 8] = now;
				nagain++;
			}
			while (pacer_next(p, now, &ip, &tag)) {
				uint32_t net = (ip_to_v4(&ip) >> 8) & 0xff;

				assert_true(last_net[net] == 0 || now - last_net[net] >= 500 * MS);
				assert_true(
				    last_as[net % 8] == 0 || now - last_as[net % 8] >= 100 * MS);
				assert_false(seen[tag]);
				seen[tag] = true;
				last_net[net] = last_as[net % 8] = now;
				left--;
			}
		}
		assert_int_equal(left, 0);
		/* 8 ASes at 10 a second, 3,000 hosts: not before 35 s or so. */
		assert_true(now >= 35 * SECOND);
		assert_true(now < 1000 * SECOND);
		assert_true(nagain > 100);
		pacer_free(p);
		free(seen);
	}
}

/* One slow network must not hold up the others. */
static void
test_no_head_of_line(void **state)
{
	struct pacer *p = pacer_new(0, 1, 0);
	struct ip ip;
	uint32_t tag, n = 0;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		ip = ip_from_v4(0xc6120000 + i);
		pacer_add(p, &ip, 0, i);
	}
	for (uint32_t i = 0; i < 50; i++) {
		ip = ip_from_v4(0xc6130000 + (i << 8));
		pacer_add(p, &ip, 0, 1000 + i);
	}
	while (pacer_next(p, SECOND, &ip, &tag))
		n++;
	assert_int_equal(n, 51);
	pacer_free(p);
}

/* A million hosts of one AS, one a /24: in order, at its rate, also after a night's rest. */
static void
test_one_as(void **state)
{
	struct pacer *p = pacer_new(100, 1, 10);
	uint64_t now = SECOND, last = 0;
	struct ip ip;
	uint32_t tag, n = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000000; i++) {
		ip = ip_from_v4(0x0a000000 + (i % 65536 << 8) + i / 65536);
		pacer_add(p, &ip, 7, i);
	}
	for (int i = 0; i < 20000; i++) {
		if (pacer_next(p, now, &ip, &tag)) {
			assert_int_equal(tag, n++);
			assert_true(last == 0 || now - last >= 100 * MS);
			last = now;
		}
		now += i == 10000 ? 8 * 3600 * SECOND : MS;
	}
	assert_in_range(n, 195, 202);
	pacer_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_rate),
		cmocka_unit_test(test_wait_is_enough),
		cmocka_unit_test(test_limits_hold),
		cmocka_unit_test(test_no_head_of_line),
		cmocka_unit_test(test_one_as),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
