#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strpool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
