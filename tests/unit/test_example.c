#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/config.h"

#define EXAMPLE TEST_DIR "/../../config/survey.conf.example"

static void
test_is_read(void **state)
{
	struct config *c = config_read(EXAMPLE);

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->run.countries.n, 1);
	assert_string_equal(c->run.countries.v[0], "IE");
	assert_int_equal(c->dns.nupstreams, 1);
	config_free(c);
}

/* A commented key, "\t# key = value" or deeper, becomes one; prose stays what it is. */
static int
is_commented_key(const char *line)
{
	const char *p = line + strspn(line, "\t");

	if (strncmp(p, "# ", 2) != 0)
		return 0;
	p += 2;
	p += strspn(p, "abcdefghijklmnopqrstuvwxyz_0123456789");
	return strncmp(p, " = ", 3) == 0;
}

/* Whoever takes away all the comment signs has the defaults, and a config that is read. */
static void
test_uncommented(void **state)
{
	char path[] = "/tmp/survey-example.XXXXXX", line[512];
	int fd = mkstemp(path), taken = 0;
	FILE *in = fopen(EXAMPLE, "r"), *out = fdopen(fd, "w");
	struct config *c;

	(void)state;
	assert_non_null(in);
	assert_non_null(out);
	while (fgets(line, sizeof(line), in) != NULL) {
		char *sign = is_commented_key(line) ? strchr(line, '#') : NULL;

		if (sign != NULL) {
			*sign = ' ';
			taken++;
		}
		assert_true(fputs(line, out) >= 0);
	}
	fclose(in);
	assert_int_equal(fclose(out), 0);
	assert_true(taken > 30);
	c = config_read(path);
	unlink(path);
	assert_non_null(c);
	assert_int_equal(c->scan.rate_pps, 150);
	assert_int_equal(c->run.max_age_days, 14);
	assert_true(c->dns.validate);
	config_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_read),
		cmocka_unit_test(test_uncommented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
