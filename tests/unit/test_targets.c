#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "run/targets.h"

#define FIXTURES TEST_DIR "/../golden/geo"

static char dir[] = "/tmp/test_targets.XXXXXX";

static void
put(const char *name, const char *text)
{
	char *path = path_join(dir, name);

	assert_int_equal(file_write(path, text, strlen(text)), 0);
	free(path);
}

static char *
get(const char *name)
{
	char *path = path_join(dir, name), *text = file_read(path, 1 << 20, NULL);

	assert_non_null(text);
	free(path);
	return text;
}

static struct config *
config(const char *run, const char *scan)
{
	char *text = xasprintf(
	    "run { %s }\ngeo { country_mmdb = \"%s/mmdb/GeoLite2-Country.mmdb\"\n"
	    "asn_mmdb = \"%s/mmdb/GeoLite2-ASN.mmdb\" }\n"
	    "scan { block_files = {\"block\"} %s }\n",
	    run, FIXTURES, FIXTURES, scan);
	char *path = path_join(dir, "survey.conf");
	struct config *c = config_parse(text, strlen(text), path);

	assert_non_null(c);
	free(text);
	free(path);
	return c;
}

static const char *
refuse(const struct targets *t, const char *text)
{
	struct ip ip;
	const char *why;

	assert_true(ip_parse(text, strlen(text), &ip));
	why = targets_refuse(t, &ip);
	return why == NULL ? "" : why;
}

static void
test_zmap_mode(void **state)
{
	struct config *c = config(
	    "countries = {IE} targets = {\"5.10.2.0/25\", \"198.18.9.0/24\", "
	    "\"198.19.0.0/24\"} target_files = {more} asns = {\"AS4200000001\"} "
	    "allow_reserved = {\"198.18.0.0/16\"}",
	    "opt_out_file = optout");
	struct targets t;
	char *error = NULL, *text;

	(void)state;
	put("block", "5.10.0.0/24\n2a00:2::/31\n");
	put("more", "77.0.0.0/30 # extra\n");
	put("optout", "5.10.1.7\n");
	assert_int_equal(targets_init(&t, c, &error), 0);
	assert_string_equal(refuse(&t, "5.10.1.1"), "");
	assert_string_equal(refuse(&t, "5.10.0.1"), "blocked");
	assert_string_equal(refuse(&t, "5.10.1.7"), "opted out");
	assert_string_equal(refuse(&t, "5.10.2.1"), "");
	assert_string_equal(refuse(&t, "5.10.2.129"), "not a target");
	assert_string_equal(refuse(&t, "5.20.1.1"), "");
	assert_string_equal(refuse(&t, "77.0.0.2"), "");
	assert_string_equal(refuse(&t, "198.18.9.1"), "");
	assert_string_equal(refuse(&t, "198.19.0.1"), "blocked"); /* reserved and not allowed */
	assert_string_equal(refuse(&t, "10.1.0.1"), "blocked");
	assert_string_equal(refuse(&t, "2a00:1::1"), "");
	assert_string_equal(refuse(&t, "2a00:2::1"), "blocked");
	assert_int_equal(targets_write(&t, dir, &error), 0);
	text = get("cidrs.v4");
	assert_non_null(strstr(text, "5.10.1.0/30\n5.10.1.4/31\n5.10.1.6/32\n5.10.1.8/29\n"));
	assert_non_null(strstr(text, "77.0.0.0/30\n"));
	assert_null(strchr(text, ':'));
	free(text);
	text = get("cidrs.v6");
	assert_string_equal(text, "2a00:1::/32\n2a01:0:0:8000::/49\n");
	free(text);
	text = get("block");
	assert_non_null(strstr(text, "5.10.0.0/24\n5.10.1.7/32\n"));
	assert_non_null(strstr(text, "198.19.0.0/16\n"));
	free(text);

	/* The opt-out file changes under a running survey. */
	put("optout", "5.10.1.8\n");
	assert_int_equal(targets_reload(&t, c, &error), 0);
	assert_string_equal(refuse(&t, "5.10.1.7"), "");
	assert_string_equal(refuse(&t, "5.10.1.8"), "opted out");
	put("optout", "5.10.1.7\nplease leave us alone\n");
	assert_int_equal(targets_reload(&t, c, &error), -1);
	assert_non_null(strstr(error, "optout:2: "));
	free(error);
	assert_string_equal(refuse(&t, "5.10.1.8"), "opted out");
	targets_fini(&t);
	config_free(c);
}

static void
test_list_mode(void **state)
{
	struct config *c = config("countries = {IE}", "mode = list list = hosts");
	struct targets t;
	char *error = NULL;

	(void)state;
	put("block", "5.10.0.0/24\n");
	assert_int_equal(targets_init(&t, c, &error), 0);
	assert_int_equal(t.scan.n, 0);
	assert_string_equal(refuse(&t, "5.10.0.1"), "blocked");
	assert_string_equal(refuse(&t, "8.8.8.8"), "");
	assert_string_equal(refuse(&t, "fd00::1"), "blocked");
	assert_string_equal(refuse(&t, "2a00:9::1"), "");
	targets_fini(&t);
	config_free(c);
}

static void
test_faults(void **state)
{
	static const char *const cases[][3] = {
		{ "countries = {FR}", "", "no network of FR" },
		{ "countries = {IE}", "opt_out_file = absent", "absent: No such file" },
		{ "countries = {IE} target_files = {bad}", "", "bad:1: " },
		{ "countries = {XX} targets = {\"10.0.0.0/8\"}", "", "no target is left" },
	};

	(void)state;
	put("block", "# nothing\n");
	put("bad", "x\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *c = config(cases[i][0], cases[i][1]);
		struct targets t;
		char *error = NULL;

		assert_int_equal(targets_init(&t, c, &error), -1);
		assert_non_null(strstr(error, cases[i][2]));
		free(error);
		config_free(c);
	}
}

/* XX takes the named networks only, never the whole database. */
static void
test_any_country(void **state)
{
	struct config *c = config("countries = {XX} targets = {\"77.0.0.0/24\"}", "");
	struct targets t;
	char *error = NULL;

	(void)state;
	put("block", "");
	assert_int_equal(targets_init(&t, c, &error), 0);
	assert_true(ipset_count(&t.scan, 4) == 256.0);
	assert_true(ipset_count(&t.scan, 6) == 0.0);
	targets_fini(&t);
	config_free(c);
}

static int
teardown(void **state)
{
	static const char *const names[] = { "block", "more", "optout", "bad", "cidrs.v4",
		"cidrs.v6" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = path_join(dir, names[i]);

		unlink(path);
		free(path);
	}
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zmap_mode),
		cmocka_unit_test(test_list_mode),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_any_country),
	};

	if (mkdtemp(dir) == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, teardown);
}
