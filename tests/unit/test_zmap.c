#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "survey/argv.h"
#include "survey/zmap.h"

#include <string.h>

#include "survey/buf.h"

static const struct zmap_params params = { .zmap = "/usr/sbin/zmap",
	.interface = "v0",
	.gateway_mac = "02:00:00:00:00:01",
	.source_ip = "198.19.0.2",
	.allow_file = "/r/cidrs.v4",
	.block_file = "/r/scan/block",
	.conf_file = "/r/scan/zmap.conf",
	.port = 25,
	.rate_pps = 150,
	.probes = 1,
	.cooldown_s = 8,
	.seed = 42,
	.shards = 4 };

static void
test_argv(void **state)
{
	char **argv = zmap_argv(&params, 3);
	struct buf b;

	(void)state;
	buf_init(&b);
	for (size_t i = 0; argv[i] != NULL; i++) {
		buf_adds(&b, argv[i]);
		buf_addc(&b, ' ');
	}
	assert_string_equal(b.data,
	    "/usr/sbin/zmap -C /r/scan/zmap.conf -p 25 -i v0 -G 02:00:00:00:00:01 "
	    "-S 198.19.0.2 -w /r/cidrs.v4 -b /r/scan/block -r 150 -P 1 -c 8 -T 1 --seed=42 "
	    "--shards=4 --shard=3 --disable-syslog ");
	buf_fini(&b);
	argv_free(argv);
}

/* What reaches the privileged guard may choose the shard and the seed, nothing else. */
static void
test_request(void **state)
{
	struct zmap_request r = zmap_request_make(&params, 2);
	struct zmap_params base = params;
	char **argv = zmap_request_build(&r, sizeof(r), &base);

	(void)state;
	assert_non_null(argv);
	assert_string_equal(argv[0], "/usr/sbin/zmap");
	argv_free(argv);
	assert_null(zmap_request_build(&r, sizeof(r) - 1, &base));
	r.shard = 4;
	assert_null(zmap_request_build(&r, sizeof(r), &base));
	r.shard = 0;
	r.seed = 0;
	assert_null(zmap_request_build(&r, sizeof(r), &base));
	r.seed = 1;
	r.magic++;
	assert_null(zmap_request_build(&r, sizeof(r), &base));
}

static void
test_progress(void **state)
{
	static const struct {
		const char *line;
		struct zmap_progress want;
	} rows[] = {
		{ " 0:00 0%; send: 1 1 p/s (105 p/s avg); recv: 0 0 p/s (0 p/s avg); "
		  "drops: 0 p/s (0 p/s avg); hitrate: 0.00%",
		    { 0, 1, false, 0, 0 } },
		{ " 0:01 33%; send: 1024 done (8.56 Kp/s avg); recv: 42 41 p/s (41 p/s avg); "
		  "drops: 2 p/s (1 p/s avg); hitrate: 4.10%",
		    { 33, 1024, true, 42, 2 } },
		{ " 0:08 12% (58s left); send: 81920 10.0 Kp/s (9.98 Kp/s avg); recv: 1203 "
		  "150 p/s (149 p/s avg); drops: 1.2 Kp/s (0 p/s avg); hitrate: 1.47%",
		    { 12, 81920, false, 1203, 1200 } },
		{ "1d02:10 99% (1h02m left); send: 4000000000 149 p/s (150 p/s avg); recv: 7 0 p/s "
		  "(0 p/s avg); drops: 0 p/s (0 p/s avg); hitrate: 0.00%",
		    { 99, 4000000000, false, 7, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct zmap_progress p;

		assert_true(zmap_progress_parse(rows[i].line, strlen(rows[i].line), &p));
		assert_true(p.percent == rows[i].want.percent);
		assert_int_equal(p.sent, rows[i].want.sent);
		assert_int_equal(p.sent_all, rows[i].want.sent_all);
		assert_int_equal(p.received, rows[i].want.received);
		assert_true(p.drops_pps == rows[i].want.drops_pps);
	}
}

static void
test_not_progress(void **state)
{
	static const char *const lines[] = { "",
		"Nov 24 03:00:00.000 [FATAL] get_gateway: no such interface", "33%",
		"send: x; recv: 1; 3%", "3%; send: 1; recv:", "0:01 100%; send: -1; recv: 1" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct zmap_progress p = { .sent = 77 };

		assert_false(zmap_progress_parse(lines[i], strlen(lines[i]), &p));
		assert_int_equal(p.sent, 77);
	}
}

/* About ten minutes each; zmap 2.x refuses more than 254 (seen with 2.1.1). */
static void
test_shards(void **state)
{
	struct config c = { .scan = { .rate_pps = 150, .probes = 1 } };

	(void)state;
	assert_int_equal(zmap_shards(&c, 40000, 1), 1);
	assert_int_equal(zmap_shards(&c, 15679216, 1), 175);
	assert_int_equal(zmap_shards(&c, 90000 * 253, 1), 254);
	assert_int_equal(zmap_shards(&c, 120000000, 1), 254);
	assert_int_equal(zmap_shards(&c, UINT32_MAX, 1), 254);
	assert_int_equal(zmap_shards(&c, UINT32_MAX, 3), 84);
	assert_int_equal(zmap_shards(&c, UINT32_MAX, SHARDS_MAX), 1);
	/* Ten hours a day are not quiet; a tenth of them is to spare. */
	c.scan.quiet_from_min = 18 * 60;
	c.scan.quiet_to_min = 8 * 60;
	assert_true(zmap_window_seconds(&c) == 10 * 3600);
	c.scan.shards = 1;
	assert_int_equal(zmap_shards(&c, UINT64_C(150) * 8 * 3600, 1), 1);
	assert_int_equal(zmap_shards(&c, UINT64_C(150) * 20 * 3600, 1), 3);
	assert_int_equal(zmap_shards(&c, UINT64_C(150) * 20 * 3600, 200), 1);
	assert_true(zmap_shard_seconds(&c, UINT64_C(150) * 20 * 3600, 1) > 20 * 3600);
	c.scan.quiet_from_min = c.scan.quiet_to_min = -1;
	assert_true(zmap_window_seconds(&c) > 1e9);
	c.scan.shards = 200;
	assert_int_equal(zmap_shards(&c, 40000, 1), 200);
	assert_int_equal(zmap_shards(&c, 40000, 2), 127);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_argv),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_not_progress),
		cmocka_unit_test(test_shards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
