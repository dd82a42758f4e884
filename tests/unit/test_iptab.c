#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "survey/iptab.h"

static void
test_numbers(void **state)
{
	struct iptab t;
	bool is_new;

	(void)state;
	iptab_init(&t);
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 100000; i++) {
			struct ip ip = ip_from_v4(i * 2654435761u);

			assert_int_equal(iptab_add(&t, &ip, &is_new), i);
			assert_int_equal(is_new, round == 0);
		}
	}
	for (uint32_t i = 0; i < 100000; i++) {
		struct ip ip = ip_from_v4(i * 2654435761u);

		assert_int_equal(iptab_find(&t, &ip), i);
	}
	assert_int_equal(t.n, 100000);
	iptab_fini(&t);
}

static void
test_families_differ(void **state)
{
	struct ip four = ip_from_v4(0xc6120a0b), six = four;
	struct iptab t;
	bool is_new;

	(void)state;
	six.family = 6;
	iptab_init(&t);
	assert_int_equal(iptab_find(&t, &four), IPTAB_NONE);
	assert_int_equal(iptab_add(&t, &four, &is_new), 0);
	assert_int_equal(iptab_find(&t, &six), IPTAB_NONE);
	assert_int_equal(iptab_add(&t, &six, &is_new), 1);
	assert_true(is_new);
	iptab_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_families_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
