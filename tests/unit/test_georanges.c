#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "survey/country.h"
#include "survey/file.h"
#include "survey/georanges.h"
#include "survey/csvline.h"

#define FIXTURES TEST_DIR "/../golden/geo"

static void
test_csvline(void **state)
{
	static const struct {
		const char *line;
		int n;
		const char *field[4];
	} cases[] = {
		{ "a,b,c\r\n", 3, { "a", "b", "c" } },
		{ "", 1, { "" } },
		{ ",,", 3, { "", "", "" } },
		{ "\"a,b\",\"say \"\"hi\"\"\",c", 3, { "a,b", "say \"hi\"", "c" } },
		{ "\"x\", \"y\" , z", 3, { "x", "y", " z" } },
		{ "a\"b,c", 2, { "a\"b", "c" } },
		{ "\"\",\"\"\n", 2, { "", "" } },
		{ "\"open,b", -1, { NULL } },
		{ "\"a\"b,c", -1, { NULL } },
		{ "1,2,3,4,5,6", 4, { "1", "2", "3", "4" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[64], *field[4];
		int n;

		snprintf(line, sizeof(line), "%s", cases[i].line);
		n = csvline_split(line, field, 4);
		assert_int_equal(n, cases[i].n);
		for (int k = 0; k < n; k++)
			assert_string_equal(field[k], cases[i].field[k]);
	}
}

static void
test_country_names(void **state)
{
	(void)state;
	assert_string_equal(country_name("AD"), "Andorra");
	assert_string_equal(country_name("IE"), "Ireland");
	assert_string_equal(country_name("ZW"), "Zimbabwe");
	assert_null(country_name("XX"));
	assert_null(country_name(""));
}

static int
list(const char *path, struct ipset *s, struct geo_stats *stats, char **error)
{
	static const char *const ie[] = { "IE" };
	const struct geo_source src = { .country_mmdb = path };
	const struct geo_query q = { .countries = ie, .ncountries = 1, .v4 = true, .v6 = true };

	ipset_init(s);
	memset(stats, 0, sizeof(*stats));
	*error = NULL;
	return geo_list(&src, &q, s, stats, error);
}

/* As file_write(), without waiting for the disk. */
static void
put(const char *path, const char *data, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/*
 * Record of a 24-bit tree.  Every node of a file of n nodes is pointed at the
 * root, at itself, past the data and at the first node: each must be refused
 * (or be no part of the walk), none may hang.
 */
static void
test_damaged_nodes(void **state)
{
	char path[] = "/tmp/test_georanges.XXXXXX", *error;
	size_t len, refused = 0, nodes = 309;
	char *data = file_read(FIXTURES "/mmdb/GeoLite2-Country.mmdb", 1 << 20, &len);
	struct geo_stats stats;
	struct ipset s;

	(void)state;
	assert_non_null(data);
	assert_int_not_equal(mkstemp(path), -1);
	for (size_t i = 0; i < nodes * 2; i++) {
		const uint32_t to[] = { 0, 1, (uint32_t)(i / 2), 0xffffff };
		uint8_t *rec = (uint8_t *)data + i * 3, saved[3];

		memcpy(saved, rec, 3);
		for (size_t k = 0; k < sizeof(to) / sizeof(to[0]); k++) {
			rec[0] = (uint8_t)(to[k] >> 16);
			rec[1] = (uint8_t)(to[k] >> 8);
			rec[2] = (uint8_t)to[k];
			put(path, data, len);
			if (list(path, &s, &stats, &error) == -1) {
				assert_non_null(strstr(error, path));
				free(error);
				refused++;
			}
			ipset_fini(&s);
		}
		memcpy(rec, saved, 3);
	}
	assert_true(refused > nodes * 4);
	unlink(path);
	free(data);
}

/* A tree of 120 levels whose nodes lead twice to the next would have 2^120 leaves. */
static void
test_shared_nodes(void **state)
{
	char path[] = "/tmp/test_georanges.XXXXXX", *error;
	size_t len;
	char *data = file_read(FIXTURES "/mmdb/GeoLite2-Country.mmdb", 1 << 20, &len);
	struct geo_stats stats;
	struct ipset s;

	(void)state;
	assert_non_null(data);
	assert_int_not_equal(mkstemp(path), -1);
	for (size_t i = 0; i < 120; i++) {
		for (size_t side = 0; side < 2; side++) {
			data[i * 6 + side * 3] = 0;
			data[i * 6 + side * 3 + 1] = 0;
			data[i * 6 + side * 3 + 2] = (char)(i + 1);
		}
	}
	put(path, data, len);
	assert_int_equal(list(path, &s, &stats, &error), -1);
	assert_non_null(strstr(error, "damaged"));
	free(error);
	ipset_fini(&s);
	unlink(path);
	free(data);
}

/* Aliases of IPv4 are not walked a second time. */
static void
test_aliases(void **state)
{
	char *error;
	struct geo_stats stats;
	struct ipset s;
	double v6;

	(void)state;
	assert_int_equal(list(FIXTURES "/mmdb/GeoLite2-Country.mmdb", &s, &stats, &error), 0);
	assert_int_equal(stats.networks, 19);
	assert_int_equal(stats.matched, 14);
	v6 = ipset_count(&s, 6);
	for (size_t i = 0; i < s.n; i++)
		assert_true(s.r[i].lo.family == 4 || s.r[i].lo.a[0] == 0x2a ||
			    (s.r[i].lo.a[0] == 0x20 && s.r[i].lo.a[2] == 0x0d));
	assert_true(v6 > 0);
	ipset_fini(&s);
}

static void
test_take_reserved(void **state)
{
	struct ipset s, allow;
	struct cidr c;

	(void)state;
	ipset_init(&s);
	ipset_init(&allow);
	assert_true(cidr_parse("0.0.0.0/0", 9, &c));
	ipset_add_cidr(&s, &c);
	assert_true(cidr_parse("198.18.0.0/16", 13, &c));
	ipset_add_cidr(&allow, &c);
	geo_take_reserved(&s, &allow);
	assert_true(ipset_contains(&s, &c.ip));
	c.ip = ip_from_v4(0xc6130000); /* 198.19.0.0, not allowed */
	assert_false(ipset_contains(&s, &c.ip));
	c.ip = ip_from_v4(0x0a000001);
	assert_false(ipset_contains(&s, &c.ip));
	ipset_fini(&s);
	ipset_fini(&allow);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_csvline),
		cmocka_unit_test(test_country_names),
		cmocka_unit_test(test_damaged_nodes),
		cmocka_unit_test(test_shared_nodes),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_take_reserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
