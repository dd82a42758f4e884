#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "survey/buf.h"
#include "survey/text.h"

static void
check(const char *in, size_t max, const char *want)
{
	struct buf b;

	buf_init(&b);
	text_plain(&b, in, strlen(in), max);
	assert_string_equal(b.data, want);
	buf_fini(&b);
}

static void
test_plain(void **state)
{
	(void)state;
	check("", 10, "");
	check("mx1.example.ie", 40, "mx1.example.ie");
	check("exactly", 7, "exactly");
	check("one too many", 11, "one too ma\xe2\x80\xa6");
	check("\x1b[31mred", 40, "\xef\xbf\xbd[31mred");
	check("a\nb", 40,
	    "a\xef\xbf\xbd"
	    "b");
	check("\xe2\x80\xae"
	      "evil",
	    40,
	    "\xef\xbf\xbd"
	    "evil"); /* right-to-left override */
	check("\xff\xfe", 40, "\xef\xbf\xbd\xef\xbf\xbd");
	check("caf\xc3\xa9", 4, "caf\xc3\xa9"); /* characters are counted, not bytes */
	check("</script>", 40, "</script>"); /* escaping is the writer's business */
}

static void
test_count(void **state)
{
	static const struct {
		unsigned long long n;
		const char *want;
	} cases[] = { { 0, "0" }, { 999, "999" }, { 1000, "1,000" }, { 1234567, "1,234,567" } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b);
		text_count(&b, cases[i].n);
		assert_string_equal(b.data, cases[i].want);
		buf_fini(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
