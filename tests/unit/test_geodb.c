#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "survey/escape.h"
#include "survey/file.h"
#include "survey/georanges.h"
#include "survey/mem.h"

#define FIXTURES TEST_DIR "/../golden/geo"

static struct ip
ip(const char *s)
{
	struct ip a;

	assert_true(ip_parse(s, strlen(s), &a));
	return a;
}

/* What a source has to ask; NULL with the reason in error. */
static struct geo_db *
open_source(const struct geo_source *src, char **error)
{
	struct geo_stats stats = { 0 };
	struct geo_db *db = geo_source_open(src, &stats, error);

	assert_int_equal(stats.bad, 0);
	free(stats.first_bad);
	return db;
}

static struct geo_db *
open_any(const char *path, char **error)
{
	return open_source(&(struct geo_source){ .database = path }, error);
}

static void
expect(
    const struct geo_db *db, const char *text, const char *country, uint32_t asn, const char *name)
{
	struct ip a = ip(text);
	struct geo_info info;

	assert_int_equal(geo_db_lookup(db, &a, &info), country[0] != '\0' || asn != 0);
	assert_string_equal(info.country, country);
	assert_int_equal(info.asn, asn);
	assert_string_equal(info.as_name, name);
}

static void
test_maxmind(void **state)
{
	char *error;
	struct geo_db *db = open_any(FIXTURES "/mmdb", &error);

	(void)state;
	assert_non_null(db);
	expect(db, "5.10.0.1", "IE", 64501, "Example Alpha Ltd");
	expect(db, "5.10.1.255", "IE", 64501, "Example Alpha Ltd");
	expect(db, "5.10.2.1", "GB", 64502, "Beta \"Quoted\", Inc.");
	expect(db, "5.10.8.1", "IE", 0, "");
	expect(db, "5.10.16.0", "", 0, "");
	expect(db, "5.10.16.1", "IE", 0, "");
	expect(db, "5.20.7.7", "US", 4200000001u, "Gamma \xe2\x80\x93 Telecom");
	expect(db, "5.30.0.1", "", 0, "");
	expect(db, "9.9.9.9", "", 0, "");
	expect(db, "2a00:1::25", "IE", 64501, "Example Alpha Ltd");
	expect(db, "2a00:8::", "GB", 0, "");
	expect(db, "2a01:0:0:8000::", "IE", 0, "");
	expect(db, "2a01::", "", 0, "");
	assert_string_equal(geo_db_type(db, GEO_ASN), "GeoLite2-ASN");
	assert_int_equal(geo_db_built(db, GEO_COUNTRY), 1767225600);
	geo_db_close(db);
}

static void
test_ip_location_db(void **state)
{
	char *error;
	struct geo_db *db = open_any(FIXTURES "/ipdb", &error);

	(void)state;
	assert_non_null(db);
	expect(db, "5.10.0.1", "IE", 0, "");
	expect(db, "2a00:8::", "GB", 0, "");
	assert_null(geo_db_path(db, GEO_ASN));
	assert_int_equal(geo_db_built(db, GEO_ASN), 0);
	geo_db_close(db);
}

/* An IPv6 address in a database of IPv4 only has no entry. */
static void
test_ipv4_only(void **state)
{
	char *error;
	struct geo_db *db = open_any(FIXTURES "/v4only/GeoLite2-Country.mmdb", &error);

	(void)state;
	assert_non_null(db);
	expect(db, "5.10.0.1", "IE", 0, "");
	expect(db, "2a00:1::1", "", 0, "");
	geo_db_close(db);
}

/* The CSVs answer as the MMDBs do, for every kind of address. */
static void
test_csv(void **state)
{
	static const char *const asked[] = { "5.10.0.1", "5.10.1.255", "5.10.2.1", "5.10.8.1",
		"5.10.16.0", "5.10.16.1", "5.10.16.4", "5.20.7.7", "5.30.0.1", "0.0.0.0", "9.9.9.9",
		"255.255.255.255", "2a00:1::25",
		"2a00:8::", "2a00:f:ffff::", "2a00:10::", "::", "2a01:0:0:8000::", "2a01::" };
	const struct geo_source mmdb = { .country_mmdb = FIXTURES "/mmdb/GeoLite2-Country.mmdb",
		.asn_mmdb = FIXTURES "/mmdb/GeoLite2-ASN.mmdb" };
	struct geo_db *a, *b;
	char *error;

	(void)state;
	assert_non_null(
	    a = open_source(&(struct geo_source){ .csv_dir = FIXTURES "/csv" }, &error));
	assert_non_null(b = open_source(&mmdb, &error));
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct ip at = ip(asked[i]);
		struct geo_info x, y;

		assert_int_equal(geo_db_lookup(a, &at, &x), geo_db_lookup(b, &at, &y));
		assert_string_equal(x.country, y.country);
		assert_int_equal(x.asn, y.asn);
		assert_string_equal(x.as_name, y.as_name);
	}
	assert_string_equal(geo_db_type(a, GEO_ASN), "CSV");
	geo_db_close(a);
	geo_db_close(b);
	assert_null(open_source(&(struct geo_source){ 0 }, &error));
	free(error);
	assert_null(open_source(&(struct geo_source){ .csv_dir = FIXTURES "/mmdb" }, &error));
	assert_non_null(strstr(error, "no readable database"));
	free(error);
}

static void
test_open_errors(void **state)
{
	static const char *const wrong[] = { FIXTURES "/mmdb/absent.mmdb",
		FIXTURES "/mkfixtures.py", "/dev/null", FIXTURES "/expected" };
	const struct geo_source swapped[] = {
		{ .country_mmdb = FIXTURES "/mmdb/GeoLite2-ASN.mmdb" },
		{ .asn_mmdb = FIXTURES "/mmdb/GeoLite2-Country.mmdb" },
		{ .country_mmdb = FIXTURES "/csv/GeoLite2-ASN-Blocks-IPv4.csv" },
		{ .asn_mmdb = FIXTURES "/csv/GeoLite2-Country-Blocks-IPv4.csv" },
	};
	static const char *const said[] = {
		"has no country codes but AS numbers; its records hold autonomous_system_number",
		"has no AS numbers but country codes; its records hold continent{code, "
		"geoname_id}, country{",
		"has no country codes but AS numbers; its columns are network, "
		"autonomous_system_number",
		"has no AS numbers but country codes; its columns are network, geoname_id",
	};
	char *error;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_null(open_any(wrong[i], &error));
		assert_non_null(strstr(error, wrong[i]));
		free(error);
	}
	for (size_t i = 0; i < sizeof(swapped) / sizeof(swapped[0]); i++) {
		assert_null(open_source(&swapped[i], &error));
		if (strstr(error, said[i]) == NULL)
			fail_msg("%s", error);
		free(error);
	}
	assert_null(open_any(FIXTURES "/absent", &error));
	assert_non_null(strstr(error, "No such file"));
	free(error);
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

/* Whatever stands in the file, a look-up ends and its text is whole. */
static void
test_damaged(void **state)
{
	static const char *const source[] = { FIXTURES "/mmdb/GeoLite2-Country.mmdb",
		FIXTURES "/mmdb/GeoLite2-ASN.mmdb" };
	static const char *const asked[] = { "5.10.0.1", "5.20.0.1", "223.255.255.1", "2a00:1::1",
		"2001:db8::1", "::" };
	char path[] = "/tmp/test_geodb.XXXXXX";
	uint64_t seed = 88172645463325252u;
	int fd = mkstemp(path), opened = 0;

	(void)state;
	assert_int_not_equal(fd, -1);
	close(fd);
	for (int round = 0; round < 400; round++) {
		size_t len;
		char *data = file_read(source[round % 2], 1 << 20, &len), *error = NULL;
		struct geo_db *db;

		assert_non_null(data);
		for (int k = 0; k <= round % 8; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			data[seed % len] = (char)(seed >> 40);
		}
		put(path, data, round % 16 == 0 ? seed % len : len);
		db = open_source(round % 2 == 0 ? &(struct geo_source){ .country_mmdb = path }
						: &(struct geo_source){ .asn_mmdb = path },
		    &error);
		free(data);
		if (db == NULL) {
			assert_non_null(error);
			free(error);
			continue;
		}
		opened++;
		for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
			struct ip a = ip(asked[i]);
			struct geo_info info;

			geo_db_lookup(db, &a, &info);
			assert_true(info.country[0] == '\0' || strlen(info.country) == 2);
			assert_true(utf8_valid(info.as_name, strlen(info.as_name)));
		}
		geo_db_close(db);
	}
	assert_true(opened > 50);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maxmind),
		cmocka_unit_test(test_ip_location_db),
		cmocka_unit_test(test_ipv4_only),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_open_errors),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
