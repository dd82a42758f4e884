#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "survey/buf.h"
#include "survey/hex.h"

static void
test_there_and_back(void **state)
{
	uint8_t all[256], back[256];
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	buf_init(&b);
	hex_add(&b, all, sizeof(all));
	assert_int_equal(b.len, 512);
	assert_memory_equal(b.data, "000102", 6);
	assert_memory_equal(b.data + 506, "fdfeff", 6);
	assert_true(hex_parse(b.data, b.len, back, sizeof(back)));
	assert_memory_equal(all, back, sizeof(all));
	assert_true(hex_parse("aBcD", 4, back, 2));
	assert_int_equal(back[0], 0xab);
	assert_int_equal(back[1], 0xcd);
	buf_fini(&b);
}

static void
test_anything_else(void **state)
{
	static const char *const bad[] = { "", "a", "abc", "abcde", "ab d", "abcg", "0x01", " bcd",
		"ab\tc", "-bcd" };
	uint8_t out[2];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(hex_parse(bad[i], strlen(bad[i]), out, 2));
	for (int c = -128; c < 128; c++) {
		bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
			     (c >= 'A' && c <= 'F');

		assert_int_equal(hex_value((char)c) != -1, digit);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_anything_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
