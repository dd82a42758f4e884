#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "survey/study_builder.h"

static void
test_texts(void **state)
{
	struct study_builder *b = study_builder_new();
	uint32_t first[3000];
	char text[64];

	(void)state;
	assert_int_equal(study_builder_text(b, "", 0), STUDY_NO_TEXT);
	assert_null(study_builder_text_of(b, STUDY_NO_TEXT));
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3000; i++) {
			/* Prefixes of each other, at every length around a word's */
			int n = snprintf(text, sizeof(text), "%d%.*s", i, i % 30,
			    "abcdefghijklmnopqrstuvwxyzabcd");
			uint32_t t = study_builder_text(b, text, (size_t)n);

			assert_string_equal(study_builder_text_of(b, t), text);
			if (round == 0)
				first[i] = t;
			assert_int_equal(t, first[i]);
		}
	}
	assert_int_not_equal(study_builder_text(b, "12x", 2), study_builder_text(b, "12x", 3));
	assert_int_equal(study_builder_text(b, "12\0x", 4), study_builder_text(b, "12", 2));
	study_builder_free(b);
}

/* Many hosts and keys: numbers follow the order of appearance and stay. */
static void
test_numbers(void **state)
{
	struct study_builder *b = study_builder_new();
	struct study *st;
	bool is_new;

	(void)state;
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
			    study_builder_line(b, &h, (uint64_t)round * 5000 + i, &is_new), i);
			assert_int_equal(is_new, round == 0);
		}
	}
	assert_int_equal(study_builder_merges(b).repeated, 0);
	st = study_builder_finish(b, NULL);
	assert_int_equal(st->nhosts, 5000);
	assert_int_equal(st->nkeys, 2500);
	for (uint32_t i = 0; i < 5000; i++) {
		const struct study_host *h = &st->hosts[i];

		assert_int_equal(h->record, i);
		assert_int_equal(h->grabs.n, 2);
		assert_int_equal(st->grabs[h->grabs.at].key, i / 2);
		assert_int_equal(st->grabs[h->grabs.at].port, 0);
		assert_int_equal(st->grabs[h->grabs.at + 1].key, i / 2);
		assert_int_equal(st->grabs[h->grabs.at + 1].port, 3);
		assert_string_equal(study_text(st, h->writer), "later");
	}
	study_free(st);
}

/* A grab that comes late with a lower name takes over the names; an extra one does not. */
static void
test_extra_grabs(void **state)
{
	uint8_t a[KEY_LEN] = { 1 }, other[KEY_LEN] = { 2 };
	struct host_grab extra = { .port = 4, .kind = KEY_TLS_SPKI, .fp = a, .grab = "tls13" };
	struct host_grab plain = { .port = 4, .kind = KEY_TLS_SPKI, .fp = other, .grab = "" };
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
	struct study_builder *b = study_builder_new();
	const struct host *h;
	bool is_new;

	(void)state;
	study_builder_line(b, &first, 0, &is_new);
	study_builder_line(b, &second, 1, &is_new);
	h = study_builder_merged(b, 0);
	assert_int_equal(h->ngrabs, 2);
	assert_string_equal(h->grabs[0].grab, "");
	assert_int_equal(h->nnames, 1);
	assert_string_equal(h->names[0].text, "new.example.ie");
	study_builder_line(b, &first, 2, &is_new);
	h = study_builder_merged(b, 0);
	assert_int_equal(h->ngrabs, 2);
	assert_string_equal(h->names[0].text, "new.example.ie");
	assert_true(h->time == 5);
	study_builder_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_extra_grabs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
