#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "survey/hostset.h"
#include "survey/strpool.h"

static void
test_strpool(void **state)
{
	struct strpool p;
	const char *first[3000];
	char text[64];

	(void)state;
	strpool_init(&p);
	assert_string_equal(strpool_put(&p, "", 0), "");
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3000; i++) {
			/* Prefixes of each other, at every length around a word's */
			int n = snprintf(text, sizeof(text), "%d%.*s", i, i % 30,
			    "abcdefghijklmnopqrstuvwxyzabcd");
			const char *s = strpool_put(&p, text, (size_t)n);

			assert_string_equal(s, text);
			if (round == 0)
				first[i] = s;
			assert_ptr_equal(s, first[i]);
		}
	}
	assert_int_equal(p.n, 3001);
	assert_ptr_not_equal(strpool_put(&p, "12x", 2), strpool_put(&p, "12x", 3));
	strpool_fini(&p);
}

/* Many hosts and keys: numbers follow the order of appearance and stay. */
static void
test_numbers(void **state)
{
	struct hostset set;
	bool is_new;

	(void)state;
	hostset_init(&set);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 5000; i++) {
			uint8_t fp[KEY_LEN] = { (uint8_t)(i / 2), (uint8_t)(i / 512) };
			struct host_grab g = { .port = (uint8_t)(round * 3),
				.kind = KEY_TLS_SPKI,
				.fp = fp,
				.grab = "" };
			struct host h = { .ip = ip_from_v4(0x0a000000 + i),
				.time = TIME_UNKNOWN,
				.ngrabs = 1,
				.grabs = &g,
				.seen = (uint16_t)(1U << g.port),
				.writer = round == 0 ? NULL : "later" };

			assert_int_equal(
			    hostset_add(&set, &h, (uint64_t)round * 5000 + i, &is_new), i);
			assert_int_equal(is_new, round == 0);
		}
	}
	assert_int_equal(set.n, 5000);
	assert_int_equal(set.nkeys, 2500);
	assert_int_equal(set.merged.repeated, 0);
	for (uint32_t i = 0; i < 5000; i++) {
		const struct host *h = &set.hosts[i];

		assert_int_equal(h->record, i);
		assert_int_equal(h->ngrabs, 2);
		assert_int_equal(h->grabs[0].key, i / 2);
		assert_int_equal(h->grabs[1].key, i / 2);
		assert_string_equal(h->writer, "later");
	}
	hostset_fini(&set);
}

/* A grab that comes late with a lower name takes over the names; an extra one does not. */
static void
test_extra_grabs(void **state)
{
	uint8_t a[KEY_LEN] = { 1 }, b[KEY_LEN] = { 2 };
	struct host_grab extra = { .port = 4, .kind = KEY_TLS_SPKI, .fp = a, .grab = "tls13" };
	struct host_grab plain = { .port = 4, .kind = KEY_TLS_SPKI, .fp = b, .grab = "" };
	struct host_name old = { "old.example.ie", NAME_SAN, 4, 7 },
			 young = { "new.example.ie", NAME_DN, 4, 0 };
	struct host first = { .ip = ip_from_v4(1),
		.time = 5,
		.ngrabs = 1,
		.grabs = &extra,
		.nnames = 1,
		.names = &old };
	struct host second = { .ip = ip_from_v4(1),
		.time = 3,
		.ngrabs = 1,
		.grabs = &plain,
		.nnames = 1,
		.names = &young };
	struct hostset set;
	bool is_new;

	(void)state;
	hostset_init(&set);
	hostset_add(&set, &first, 0, &is_new);
	hostset_add(&set, &second, 1, &is_new);
	assert_int_equal(set.hosts[0].ngrabs, 2);
	assert_string_equal(set.hosts[0].grabs[0].grab, "");
	assert_int_equal(set.hosts[0].nnames, 1);
	assert_string_equal(set.hosts[0].names[0].text, "new.example.ie");
	hostset_add(&set, &first, 2, &is_new);
	assert_int_equal(set.hosts[0].ngrabs, 2);
	assert_string_equal(set.hosts[0].names[0].text, "new.example.ie");
	assert_true(set.hosts[0].time == 5);
	hostset_fini(&set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strpool),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_extra_grabs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
