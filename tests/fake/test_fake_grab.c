/* The grab stage against a zgrab2 that misbehaves. */
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
#include "survey/grab.h"
#include "survey/guard.h"
#include "survey/mem.h"
#include "survey/simd.h"

#include "fake_tool.h"

#define HOSTS 12

struct result {
	uv_loop_t loop;
	uv_timer_t timer;
	struct grab *grab;
	struct config config;
	struct simd_parser *parser;
	char *dir, *state, *tool;
	unsigned records[HOSTS + 1], total, whole;
	unsigned fail_at; /* on_record() reports a full disk at this record */
	unsigned refused_host; /* on_allowed() says no to it */
	unsigned late_host; /* on_allowed() says no to it from the second time on */
	unsigned late_calls;
	unsigned garbage;
	unsigned repeat_at,
	    flying; /* at this record those in flight are to be repeated; so many were */
	unsigned not_yet; /* so often on_may_end() says no */
	int done, error;
};

static const struct zgrab2_request anywhere;

static struct ip
host(unsigned i)
{
	return ip_from_v4(0xc6120100 + i);
}

static int
on_record(const struct ip *ip, const char *line, size_t len, void *arg)
{
	struct result *r = arg;
	struct grab_seen seen;

	assert_int_equal(line[len - 1], '\n');
	assert_true(grab_read_record(r->parser, line, len, &seen));
	assert_int_equal(ip_cmp(&seen.ip, ip), 0);
	assert_int_equal(seen.ports, 0x7f);
	r->records[ip_to_v4(ip) & 0xff]++;
	r->whole += strstr(line, "no answer") == NULL;
	if (r->total + 1 == r->repeat_at) {
		r->flying = (unsigned)grab_stats(r->grab)->in_flight - 1; /* but for this one */
		grab_repeat_flights(r->grab);
	}
	return ++r->total == r->fail_at ? ENOSPC : 0;
}

static void
on_garbage(const char *reason, const char *line, size_t len, void *arg)
{
	(void)reason;
	(void)line;
	(void)len;
	((struct result *)arg)->garbage++;
}

static bool
on_allowed(const struct ip *ip, void *arg)
{
	struct result *r = arg;

	if ((ip_to_v4(ip) & 0xff) == r->late_host)
		return r->late_calls++ == 0;
	return (ip_to_v4(ip) & 0xff) != r->refused_host;
}

static bool
on_may_end(void *arg)
{
	struct result *r = arg;

	assert_true(r->total >= HOSTS);
	if (r->not_yet == 0)
		return true;
	r->not_yet--;
	return false;
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
	for (int row = 0; row < NPORTS_STUDY; row++) {
		r->config.grab.port[row] = true;
		r->config.grab.timeout_ms[row] = 1000;
	}
	r->config.grab.rate_hosts = 1000;
	r->config.grab.in_flight = 8;
	r->config.grab.restarts = 2;
	r->config.grab.user_agent = r->config.grab.ehlo = "";
	r->config.analysis.max_line = 65536;
	r->parser = simd_parser_new(65536);
	uv_loop_init(&r->loop);
	*state = r;
	return 0;
}

/* NULL: the test made none. */
static void
unlink_made(const char *path)
{
	if (path != NULL)
		unlink(path);
}

static int
teardown(void **state)
{
	struct result *r = *state;
	char *args = path_join(r->dir, "state.args");
	int rc = uv_loop_close(&r->loop);

	unlink(args);
	unlink_made(r->state);
	unlink_made(r->tool);
	rmdir(r->dir);
	simd_parser_free(r->parser);
	free(args);
	free(r->dir);
	free(r->state);
	free(r->tool);
	free(r);
	return rc;
}

static void
start(struct result *r, const char *fake)
{
	free(r->tool);
	r->tool = fake_tool(r->dir, "zgrab2", fake, r->state);

	struct grab_opts o = { .config = &r->config,
		.zgrab2 = { r->tool, "ini", "block", zgrab2_senders(&r->config) },
		.request = &anywhere,
		.smtp_name = "[198.18.0.1]",
		.share = 1,
		.stall_ms = 1000,
		.on_record = on_record,
		.on_garbage = on_garbage,
		.allowed = on_allowed,
		.may_end = r->not_yet > 0 ? on_may_end : NULL,
		.on_done = on_done,
		.arg = r };

	r->grab = grab_new(&r->loop, &o);
	for (unsigned i = 1; i <= HOSTS; i++) {
		struct ip ip = host(i);

		grab_add(r->grab, &ip);
	}
}

static void
finish(struct result *r)
{
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(r->done, 1);
}

static void
run(struct result *r, const char *fake)
{
	start(r, fake);
	grab_finish(r->grab);
	finish(r);
}

static void
check_each_once(const struct result *r)
{
	for (unsigned i = 1; i <= HOSTS; i++)
		assert_int_equal(r->records[i], 1);
	assert_int_equal(r->total, HOSTS);
}

/* All answers come, whatever the pieces. */
static void
test_split(void **state)
{
	struct result *r = *state;

	run(r, "split");
	assert_int_equal(r->error, 0);
	check_each_once(r);
	assert_int_equal(r->whole, HOSTS);
	assert_int_equal(grab_stats(r->grab)->restarts, 0);
	grab_free(r->grab);
}

/* Each of these costs repeats, and no host. */
static void
test_dies_and_recovers(void **state)
{
	static const char *const fakes[] = { "crash", "hang-once", "early-exit", "stopped",
		"lose" };
	struct result *r = *state;

	for (size_t i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++) {
		unlink_made(r->state);
		unlink_made(r->tool);
		r->total = r->whole = 0;
		r->done = 0;
		memset(r->records, 0, sizeof(r->records));
		run(r, fakes[i]);
		assert_int_equal(r->error, 0);
		check_each_once(r);
		assert_int_equal(r->whole, HOSTS);
		assert_true(grab_stats(r->grab)->repeated > 0);
		assert_int_equal(grab_stats(r->grab)->given_up, 0);
		grab_free(r->grab);
	}
}

/* One host that kills zgrab2 each time is given up; the others are not taken along. */
static void
test_poison(void **state)
{
	struct result *r = *state;

	run(r, "poison");
	assert_int_equal(r->error, 0);
	check_each_once(r);
	assert_int_equal(r->whole, HOSTS - 1);
	assert_int_equal(grab_stats(r->grab)->given_up, 1);
	grab_free(r->grab);
}

/* A port that is never answered, while all others are. */
static void
test_mute(void **state)
{
	struct result *r = *state;

	run(r, "mute");
	assert_int_equal(r->error, 0);
	check_each_once(r);
	assert_int_equal(r->whole, HOSTS - 1);
	assert_int_equal(grab_stats(r->grab)->ports[port_index(25)][GRAB_GIVEN_UP], 1);
	grab_free(r->grab);
}

static void
test_garbage(void **state)
{
	struct result *r = *state;

	run(r, "garbage");
	assert_int_equal(r->error, 0);
	check_each_once(r);
	assert_int_equal(r->garbage, HOSTS * 7 * 2);
	assert_true(grab_stats(r->grab)->stray >= HOSTS * 7 * 2 - 12);
	grab_free(r->grab);
}

/* A zgrab2 that never works is an error, soon, and no record is made up. */
static void
test_never_works(void **state)
{
	struct result *r = *state;

	run(r, "never");
	assert_int_equal(r->error, ECHILD);
	assert_int_equal(r->total, 0);
	grab_free(r->grab);
}

static void
test_disk_full(void **state)
{
	struct result *r = *state;

	r->fail_at = 3;
	run(r, "split");
	assert_int_equal(r->error, ENOSPC);
	assert_int_equal(r->total, 3);
	grab_free(r->grab);
}

/* The last word is had just before a host is fed. */
static void
test_not_allowed(void **state)
{
	struct result *r = *state;

	r->refused_host = 5;
	run(r, "split");
	assert_int_equal(r->total, HOSTS - 1);
	assert_int_equal(r->records[5], 0);
	grab_free(r->grab);
}

/* A host that opts out while it is asked is not asked again, and has no record. */
static void
test_opts_out_in_flight(void **state)
{
	struct result *r = *state;

	r->late_host = 7;
	run(r, "mute");
	assert_int_equal(r->error, 0);
	assert_int_equal(r->late_calls, 2);
	assert_int_equal(r->total, HOSTS - 1);
	assert_int_equal(r->records[7], 0);
	assert_int_equal(grab_stats(r->grab)->refused, 1);
	assert_int_equal(grab_stats(r->grab)->given_up, 0);
	grab_free(r->grab);
}

/* Those in flight that may have been asked in vain come again, and the end waits for leave. */
static void
test_repeats_flights(void **state)
{
	struct result *r = *state;

	r->repeat_at = 2;
	r->not_yet = 2;
	run(r, "split");
	assert_int_equal(r->error, 0);
	assert_int_equal(r->not_yet, 0);
	assert_true(r->flying > 0);
	assert_int_equal(r->total, HOSTS + r->flying);
	for (unsigned i = 1; i <= HOSTS; i++)
		assert_in_range(r->records[i], 1, 2);
	assert_int_equal(grab_oldest(r->grab), 0);
	grab_free(r->grab);
}

static void
on_stop_timer(uv_timer_t *t)
{
	struct result *r = t->data;

	grab_stop(r->grab, 200);
	uv_close((uv_handle_t *)t, NULL);
}

/* Stopped while zgrab2 hangs: over after the drain time, with nothing half-written. */
static void
test_stop(void **state)
{
	struct result *r = *state;

	uv_timer_init(&r->loop, &r->timer);
	r->timer.data = r;
	uv_timer_start(&r->timer, on_stop_timer, 500, 0);
	start(r, "hang-once");
	finish(r);
	assert_int_equal(r->error, 0);
	assert_true(r->total < HOSTS);
	assert_int_equal(r->whole, r->total);
	grab_free(r->grab);
}

/* Nothing to do is done without starting anything. */
static void
test_empty(void **state)
{
	struct result *r = *state;
	struct grab_opts o = { .config = &r->config,
		.zgrab2 = { "/nonexistent", "", "", 1 },
		.request = &anywhere,
		.smtp_name = "",
		.share = 1,
		.on_record = on_record,
		.on_garbage = on_garbage,
		.allowed = on_allowed,
		.on_done = on_done,
		.arg = r };

	r->grab = grab_new(&r->loop, &o);
	grab_finish(r->grab);
	finish(r);
	assert_int_equal(r->error, 0);
	grab_free(r->grab);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_split, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dies_and_recovers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_poison, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mute, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_works, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disk_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_allowed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_opts_out_in_flight, setup, teardown),
		cmocka_unit_test_setup_teardown(test_repeats_flights, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
	};

	if (guard_wanted(argc, argv))
		return guard_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
