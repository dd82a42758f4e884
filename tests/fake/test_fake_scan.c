/* The scan stage against a zmap that misbehaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/guard.h"
#include "survey/mem.h"
#include "survey/scan.h"

#include "fake_tool.h"

struct result {
	uv_loop_t loop;
	struct scan *scan;
	char *dir, *state;
	const char *spools; /* dir, where nothing is wrong */
	struct buf hits;
	int done, error;
	unsigned stop_at_hits, nhits;
};

static void
on_hit(const struct ip *ip, void *arg)
{
	struct result *r = arg;
	char text[IP_STRLEN];

	buf_adds(&r->hits, ip_format(ip, text));
	buf_addc(&r->hits, ' ');
	if (++r->nhits == r->stop_at_hits)
		scan_stop(r->scan);
}

static void
on_shard(const struct scan_shard *shard, void *arg)
{
	(void)shard;
	(void)arg;
}

static void
on_done(int error, void *arg)
{
	struct result *r = arg;

	r->error = error;
	r->done++;
}

static int
setup(void **state)
{
	struct result *r = xcalloc(1, sizeof(*r));

	r->dir = xstrdup("/tmp/survey-fake-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	r->state = path_join(r->dir, "state");
	r->spools = r->dir;
	buf_init(&r->hits);
	uv_loop_init(&r->loop);
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = { "state", "zmap", "shard-000.ips", "shard-001.ips" };
	struct result *r = *state;
	int rc = uv_loop_close(&r->loop);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = path_join(r->dir, names[i]);

		unlink(path);
		free(path);
	}
	rmdir(r->dir);
	buf_fini(&r->hits);
	free(r->dir);
	free(r->state);
	free(r);
	return rc;
}

static void
run(struct result *r, const char *fake, struct scan_shard *shards, size_t nshards)
{
	char *zmap = fake_tool(r->dir, "zmap", fake, r->state);
	struct scan_opts o = { .zmap = { .zmap = zmap,
				   .interface = "none",
				   .gateway_mac = "00:00:00:00:00:00",
				   .source_ip = "",
				   .allow_file = "a",
				   .block_file = "b",
				   .conf_file = "/dev/null",
				   .port = 25,
				   .rate_pps = 1,
				   .probes = 1,
				   .seed = 1,
				   .shards = (unsigned)nshards },
		.directory = r->spools,
		.shards = shards,
		.nshards = nshards,
		.max_failures = 1,
		.start_ms = 500,
		.stall_ms = 500,
		.on_hit = on_hit,
		.on_shard = on_shard,
		.on_done = on_done,
		.arg = r };

	r->scan = scan_new(&r->loop, &o);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(r->done, 1);
	scan_free(r->scan);
	free(zmap);
}

static char *
spool_text(struct result *r)
{
	char *path = path_join(r->dir, "shard-000.ips"), *text;
	size_t len;

	text = file_read(path, 1 << 20, &len);
	free(path);
	return text;
}

static void
test_split(void **state)
{
	struct result *r = *state;
	struct scan_shard shards[2] = { { .number = 0 }, { .number = 1 } };
	char *text;

	run(r, "split", shards, 2);
	assert_int_equal(r->error, 0);
	assert_string_equal(
	    r->hits.data, "198.18.1.1 198.18.1.2 198.18.1.3 198.18.1.1 198.18.1.2 198.18.1.3 ");
	assert_int_equal(shards[0].state, SHARD_DONE);
	assert_int_equal(shards[1].state, SHARD_DONE);
	assert_int_equal(shards[0].sent, 10);
	assert_int_equal(shards[0].attempts, 1);
	text = spool_text(r);
	assert_string_equal(text, "198.18.1.1\n198.18.1.2\n198.18.1.3\n");
	free(text);
}

/* No packet ever leaves it: killed, tried again, given up. */
static void
test_hang(void **state)
{
	struct result *r = *state;
	struct scan_shard shard = { .number = 0 };

	run(r, "hang", &shard, 1);
	assert_int_equal(r->error, 0);
	assert_int_equal(shard.state, SHARD_GIVEN_UP);
	assert_int_equal(shard.attempts, 2);
}

static void
test_stall(void **state)
{
	struct result *r = *state;
	struct scan_shard shard = { .number = 0 };

	run(r, "stall", &shard, 1);
	assert_int_equal(shard.state, SHARD_GIVEN_UP);
	assert_string_equal(r->hits.data, "198.18.1.1 198.18.1.1 ");
}

/* What it found before it died counts; a torn line does not, in memory or on disk. */
static void
test_crash(void **state)
{
	struct result *r = *state;
	struct scan_shard shard = { .number = 0 };
	char *text;

	run(r, "crash-once", &shard, 1);
	assert_int_equal(shard.state, SHARD_DONE);
	assert_int_equal(shard.attempts, 2);
	assert_string_equal(r->hits.data, "198.18.1.1 198.18.1.1 198.18.1.2 198.18.1.3 ");
	text = spool_text(r);
	assert_string_equal(text, "198.18.1.1\n198.18.1.1\n198.18.1.2\n198.18.1.3\n");
	free(text);
}

static void
test_garbage(void **state)
{
	struct result *r = *state;
	struct scan_shard shard = { .number = 0 };

	run(r, "garbage", &shard, 1);
	assert_string_equal(r->hits.data, "198.18.1.1 198.18.1.2 198.18.1.3 ");
	assert_int_equal(shard.state, SHARD_DONE);
}

/* What ends before it has sent anything is not tried on every shard. */
static void
test_fatal(void **state)
{
	struct result *r = *state;
	struct scan_shard shards[3] = { { .number = 0 }, { .number = 1 }, { .number = 2 } };

	run(r, "fatal", shards, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(shards[i].state, SHARD_GIVEN_UP);
		assert_int_equal(shards[i].attempts, i == 0 ? 2 : 0);
	}
	assert_int_equal(r->error, 0);
}

static void
test_stop(void **state)
{
	struct result *r = *state;
	struct scan_shard shards[2] = { { .number = 0 }, { .number = 1 } };

	r->stop_at_hits = 1;
	run(r, "stall", shards, 2);
	assert_int_equal(shards[0].state, SHARD_TODO);
	assert_int_equal(shards[1].attempts, 0);
}

/* A spool that cannot be written ends the scan with the reason. */
static void
test_no_spool(void **state)
{
	struct result *r = *state;
	struct scan_shard shard = { .number = 0 };

	r->spools = "/nonexistent";
	run(r, "split", &shard, 1);
	assert_int_equal(r->error, ENOENT);
}

/* Finished shards are not run again. */
static void
test_resume(void **state)
{
	struct result *r = *state;
	struct scan_shard shards[2] = { { .number = 0, .state = SHARD_DONE },
		{ .number = 1, .state = SHARD_STARTED } };

	run(r, "split", shards, 2);
	assert_int_equal(shards[0].attempts, 0);
	assert_int_equal(shards[1].attempts, 1);
	assert_string_equal(r->hits.data, "198.18.1.1 198.18.1.2 198.18.1.3 ");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_split, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hang, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stall, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crash, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fatal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_spool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resume, setup, teardown),
	};

	if (guard_wanted(argc, argv))
		return guard_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
