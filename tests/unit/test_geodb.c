#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "survey/escape.h"
#include "survey/file.h"
#include "survey/geodb.h"
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
	struct geo_db *db = geo_db_open_dir(FIXTURES "/mmdb", &error);

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
	struct geo_db *db = geo_db_open_dir(FIXTURES "/ipdb", &error);

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
	struct geo_db *db = geo_db_open(FIXTURES "/v4only/GeoLite2-Country.mmdb", NULL, &error);

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
	const struct geo_source csv = { .csv_dir = FIXTURES "/csv" };
	const struct geo_source mmdb = { .country_mmdb = FIXTURES "/mmdb/GeoLite2-Country.mmdb",
		.asn_mmdb = FIXTURES "/mmdb/GeoLite2-ASN.mmdb" };
	struct geo_stats stats = { 0 };
	struct geo_db *a, *b;
	char *error;

	(void)state;
	assert_non_null(a = geo_source_open(&csv, &stats, &error));
	assert_non_null(b = geo_source_open(&mmdb, &stats, &error));
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct ip at = ip(asked[i]);
		struct geo_info x, y;

		assert_int_equal(geo_db_lookup(a, &at, &x), geo_db_lookup(b, &at, &y));
		assert_string_equal(x.country, y.country);
		assert_int_equal(x.asn, y.asn);
		assert_string_equal(x.as_name, y.as_name);
	}
	assert_string_equal(geo_db_type(a, GEO_ASN), "CSV");
	assert_int_equal(stats.bad, 0);
	geo_db_close(a);
	geo_db_close(b);
	assert_null(geo_source_open(&(struct geo_source){ 0 }, &stats, &error));
	free(error);
	assert_null(
	    geo_source_open(&(struct geo_source){ .csv_dir = FIXTURES "/mmdb" }, &stats, &error));
	free(error);
}

static void
test_open_errors(void **state)
{
	static const char *const wrong[] = { FIXTURES "/mmdb/absent.mmdb", FIXTURES "/mmdb",
		FIXTURES "/mkfixtures.py", "/dev/null" };
	char *error;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_null(geo_db_open(wrong[i], NULL, &error));
		assert_non_null(strstr(error, wrong[i]));
		free(error);
	}
	assert_null(geo_db_open(NULL, NULL, &error));
	free(error);
	assert_null(geo_db_open_dir(FIXTURES "/csv", &error));
	assert_non_null(strstr(error, "no readable"));
	free(error);
	assert_null(geo_db_open_dir(FIXTURES "/absent", &error));
	assert_non_null(strstr(error, "No such file"));
	free(error);
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
		assert_int_equal(file_write(path, data, round % 16 == 0 ? seed % len : len), 0);
		db = round % 2 == 0 ? geo_db_open(path, NULL, &error)
				    : geo_db_open(NULL, path, &error);
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
