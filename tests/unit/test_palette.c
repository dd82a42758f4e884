#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "graph/palette.h"

static void
test_pairs_have_no_direction(void **state)
{
	static const unsigned ports[] = { 22, 25, 110, 143, 443, 465, 587, 993, 995 };

	(void)state;
	for (size_t i = 0; i < 9; i++) {
		for (size_t j = 0; j < 9; j++) {
			struct line_style a = palette_pair_style(ports[i], ports[j]);
			struct line_style b = palette_pair_style(ports[j], ports[i]);

			assert_int_equal(a.rgb, b.rgb);
			assert_int_equal(
			    palette_class(ports[i], ports[j]), palette_class(ports[j], ports[i]));
		}
	}
}

static void
test_pairs_are_told_apart(void **state)
{
	static const unsigned ports[] = { 22, 25, 110, 143, 443, 465, 587, 993, 995 };

	uint32_t seen[45];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 9; i++) {
		for (size_t j = 0; j <= i; j++) { /* each exact pair has a colour of its own */
			uint32_t rgb = palette_pair_style(ports[i], ports[j]).rgb;

			for (size_t k = 0; k < n; k++)
				assert_int_not_equal(rgb, seen[k]);
			seen[n++] = rgb;
		}
	}
	for (int i = 0; i < NPAIR_CLASSES; i++) { /* on paper without colour, too */
		for (int j = 0; j < i; j++) {
			const struct line_style *a = palette_class_style((enum pair_class)i);
			const struct line_style *b = palette_class_style((enum pair_class)j);

			assert_memory_not_equal(a->dash, b->dash, sizeof(a->dash));
		}
	}
}

static void
test_colours_are_used_once(void **state)
{
	uint32_t asn[30];
	int slot[30], used[NAS_COLOURS] = { 0 }, greys = 0;

	(void)state;
	for (uint32_t i = 0; i < 30; i++)
		asn[i] = 64512 + i * 7;
	palette_assign(asn, 30, slot);
	for (size_t i = 0; i < 30; i++) {
		if (slot[i] == -1)
			greys++;
		else
			used[slot[i]]++;
	}
	assert_int_equal(greys, 30 - NAS_COLOURS);
	for (size_t i = 0; i < NAS_COLOURS; i++)
		assert_int_equal(used[i], 1);
	for (size_t i = 0; i < NAS_COLOURS; i++)
		assert_true(slot[i] >= 0);
}

static void
test_an_as_keeps_its_colour(void **state)
{
	uint32_t one[] = { 1213, 2110 }, two[] = { 2110, 1213 };
	int a[2], b[2];

	(void)state;
	palette_assign(one, 2, a);
	palette_assign(two, 2, b);
	assert_int_equal(a[0], b[1]);
	assert_int_equal(a[1], b[0]);
}

static void
test_unknown_as_is_grey(void **state)
{
	uint32_t asn[] = { 0, 1213 };
	int slot[2];

	(void)state;
	palette_assign(asn, 2, slot);
	assert_int_equal(slot[0], -1);
	assert_true(slot[1] >= 0);
}

static void
test_ink(void **state)
{
	(void)state;
	assert_int_equal(palette_ink(0xffffff), 0x111111);
	assert_int_equal(palette_ink(0x332288), 0xffffff);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs_have_no_direction),
		cmocka_unit_test(test_pairs_are_told_apart),
		cmocka_unit_test(test_colours_are_used_once),
		cmocka_unit_test(test_an_as_keeps_its_colour),
		cmocka_unit_test(test_unknown_as_is_grey),
		cmocka_unit_test(test_ink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
