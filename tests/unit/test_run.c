/* The small parts of the pipeline: differences of configs, durations, run.json. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "live/choose.h"
#include "survey/file.h"
#include "survey/diff.h"
#include "survey/text.h"
#include "survey/mem.h"

static void
test_diff(void **state)
{
	static const struct {
		const char *before, *after, *want;
	} rows[] = {
		{ "a\nb\n", "a\nb\n", "" },
		{ "", "a\n", "+a\n" },
		{ "a", "", "-a\n" },
		{ "a\nb\nc\n", "a\nx\nc\n", "-b\n+x\n" },
		{ "a\nb\nc\nd\n", "b\nc\nnew\nd\n", "-a\n+new\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *d = diff_lines(rows[i].before, rows[i].after);

		assert_string_equal(d, rows[i].want);
		free(d);
	}
}

static void
test_durations(void **state)
{
	char b[32];

	(void)state;
	assert_string_equal(text_duration(0.4, b, sizeof(b)), "0s");
	assert_string_equal(text_duration(59.6, b, sizeof(b)), "1m00s");
	assert_string_equal(text_duration(3700, b, sizeof(b)), "1h01m");
	assert_string_equal(text_duration(200000, b, sizeof(b)), "2d07h");
	assert_string_equal(text_duration(-5, b, sizeof(b)), "0s");
}

static char *
temp_dir(void)
{
	char *dir = xstrdup("/tmp/survey-run-XXXXXX");

	assert_non_null(mkdtemp(dir));
	return dir;
}

/* What is written is what is read, byte for byte when written again. */
static void
test_manifest(void **state)
{
	char *dir = temp_dir(), *path = path_join(dir, "run.json"), *first, *second;
	struct manifest m, back;
	struct ip source;
	size_t len;

	(void)state;
	manifest_init(&m);
	manifest_set(&m.name, "ie");
	manifest_set(&m.config_path, "/etc/survey/ie.conf");
	m.created = 1781524800;
	m.state = RUN_STOPPED;
	m.seed = 2147483647;
	m.machine = 1;
	m.machines = 3;
	m.shards_total = 6;
	m.nshards = 2;
	m.shards = xcalloc(2, sizeof(*m.shards));
	m.shards[0] = (struct scan_shard){ .number = 2,
		.state = SHARD_DONE,
		.attempts = 2,
		.sent = 4000000000,
		.received = 12,
		.started = 1781524800,
		.ended = 1781525400 };
	m.shards[1] =
	    (struct scan_shard){ .number = 3, .state = SHARD_STARTED, .started = 1781526000 };
	source = ip_from_v4(0xc6130002);
	manifest_note_shard(&m, &m.shards[1], 75, &source);
	m.shards[1].state = SHARD_TODO;
	m.shards[1].ended = 1781526060;
	m.shards[1].sent = 4500;
	manifest_note_shard(&m, &m.shards[1], 75, &source);
	m.shards[1].state = SHARD_STARTED;
	m.shards[1].started = 1781526100;
	source = ip_from_v4(0xc6130003);
	manifest_note_shard(&m, &m.shards[1], 50, &source);
	manifest_add_tool(&m, "zmap", "2.1.1");
	manifest_add_tool(&m, "zmap", "2.1.2");
	manifest_add_session(&m, 1781524800, "198.19.0.2");
	m.sessions[0].exit_status = 130;
	m.counts.hits = 77;
	m.counts.ports[0][GRAB_TIMEOUT] = 5;
	m.stages[STAGE_GRAB].state = STAGE_INCOMPLETE;
	m.stages[STAGE_GRAB].wall_s = 12.5;
	m.shards[0].hits = 11;
	m.canaries = (struct manifest_canaries){ .configured = 3,
		.answering = 1,
		.asked = 1781526000,
		.answered = 1781525700,
		.rounds = 9,
		.failed = 2,
		.pauses = 1,
		.paused_since = 1781526010,
		.unheard = { { 1781520000, 1781520300 }, { 1781525690, 0 } },
		.nunheard = 2 };
	m.progress = (struct manifest_progress){
		.percent = 12.5, .left_s = 900, .scan_rate = 149.5, .grab_rate = 2
	};
	manifest_set(&m.analysis, "{\"clusters\":4}");
	assert_int_equal(manifest_write(&m, dir), 0);
	first = file_read(path, 1 << 20, &len);

	assert_int_equal(manifest_read(&back, dir), 0);
	assert_int_equal(back.ntools, 1);
	assert_string_equal(back.tools[0].version, "2.1.2");
	assert_int_equal(back.shards[0].state, SHARD_DONE);
	assert_int_equal(back.shards[0].sent, 4000000000);
	assert_int_equal(back.shards[0].hits, 11);
	assert_memory_equal(&back.canaries, &m.canaries, sizeof(m.canaries));
	assert_float_equal(back.progress.left_s, 900, 0);
	assert_int_equal(back.nattempts, 2);
	assert_int_equal(back.attempts[0].ended, 1781526060);
	assert_int_equal(back.attempts[0].sent, 4500);
	assert_int_equal(ip_to_v4(&back.attempts[0].source), 0xc6130002);
	assert_int_equal(back.attempts[1].ended, 0);
	assert_int_equal((int)back.shards[1].rate_pps, 50);
	assert_int_equal(ip_to_v4(&back.shards[1].source), 0xc6130003);
	assert_int_equal(back.state, RUN_STOPPED);
	assert_int_equal(back.stages[STAGE_GRAB].state, STAGE_INCOMPLETE);
	assert_int_equal(back.counts.ports[0][GRAB_TIMEOUT], 5);
	back.updated = m.updated;
	assert_int_equal(manifest_write(&back, dir), 0);
	second = file_read(path, 1 << 20, &len);
	/* Only the time of writing may differ. */
	memset(strstr(first, "\"updated\":\"") + 11, '0', 20);
	memset(strstr(second, "\"updated\":\"") + 11, '0', 20);
	assert_string_equal(first, second);

	free(first);
	free(second);
	manifest_fini(&m);
	manifest_fini(&back);
	unlink(path);
	rmdir(dir);
	free(path);
	free(dir);
}

static void
test_manifest_damaged(void **state)
{
	static const char *const texts[] = {
		"", "{", "[]", "null", "{\"state\":1}",
		"{\"state\":\"running\",\"scan\":[],\"stages\":7,\"counts\":\"\",\"sessions\":{}}"
	};
	char *dir = temp_dir(), *path = path_join(dir, "run.json");
	struct manifest m;

	(void)state;
	assert_int_equal(manifest_read(&m, dir), -1);
	assert_int_equal(errno, ENOENT);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(file_write(path, texts[i], strlen(texts[i])), 0);
		if (i < 5) {
			assert_int_equal(manifest_read(&m, dir), -1);
			assert_int_equal(errno, EINVAL);
		} else {
			assert_int_equal(manifest_read(&m, dir), 0);
			manifest_fini(&m);
		}
	}
	unlink(path);
	rmdir(dir);
	free(path);
	free(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_manifest_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
