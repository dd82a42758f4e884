#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/config.h"

#define MANUAL TEST_DIR "/../../docs/survey.conf.5"
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

/* Every config that survey.conf(5) shows is one. */
static void
test_manual(void **state)
{
	FILE *in = fopen(MANUAL, "r");
	char line[512], text[4096] = "";
	int shown = 0;
	bool inside = false;

	(void)state;
	assert_non_null(in);
	while (fgets(line, sizeof(line), in) != NULL) {
		if (strncmp(line, ".Bd", 3) == 0) {
			inside = true;
			text[0] = '\0';
		} else if (strncmp(line, ".Ed", 3) == 0) {
			struct config *c = config_parse(text, strlen(text), MANUAL);

			assert_non_null(c);
			config_free(c);
			inside = false;
			shown++;
		} else if (inside) {
			size_t at = strlen(text), len = strlen(line) + 1;

			assert_true(at + len <= sizeof(text));
			assert_null(strchr(line, '\\'));
			memcpy(text + at, line, len);
		}
	}
	fclose(in);
	assert_true(shown >= 2);
}

/* Every value that survey.conf(5) gives as an example is one. */
static void
test_manual_values(void **state)
{
	FILE *in = fopen(MANUAL, "r");
	char line[512], section[32] = "", key[32] = "", value[64], text[160];
	bool example = false;
	int tried = 0;

	(void)state;
	assert_non_null(in);
	while (fgets(line, sizeof(line), in) != NULL) {
		(void)sscanf(line, ".Ss %31[a-z]", section);
		(void)sscanf(line, ".It Ic %31[a-z0-9_]", key);
		if (example && sscanf(line, ".Qq %63[^ \n]", value) == 1) {
			struct config *c;

			snprintf(text, sizeof(text), "%s { %s = \"%s\" }\n", section, key, value);
			c = config_parse(text, strlen(text), MANUAL);
			assert_non_null(c);
			config_free(c);
			tried++;
		}
		example = strstr(line, "such as\n") != NULL;
	}
	fclose(in);
	assert_true(tried >= 3);
}

static void
test_placeholder(void **state)
{
	static const struct {
		const char *agent, *want;
	} rows[] = {
		{ "survey/1.0 (+https://research.example/scan)", "research.example" },
		{ "survey (mail admin@example.com.)", "example.com" },
		{ "x y.invalid", "y.invalid" },
		{ "https://EXAMPLE.org", "EXAMPLE.org" },
		{ "survey/1.0 (+https://survey.example.ie/)", NULL },
		{ "example survey test (+https://myexample.com/research.example.html)", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char agent[128];
		struct config c = { .grab.user_agent = agent };
		const char *at;
		size_t len;

		snprintf(agent, sizeof(agent), "%s", rows[i].agent);
		at = config_placeholder(&c, &len);
		if (rows[i].want == NULL) {
			assert_null(at);
		} else {
			assert_non_null(at);
			assert_int_equal(len, strlen(rows[i].want));
			assert_memory_equal(at, rows[i].want, len);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_read),
		cmocka_unit_test(test_uncommented),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_manual_values),
		cmocka_unit_test(test_placeholder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
