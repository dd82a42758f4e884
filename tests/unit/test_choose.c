/* Which of the directories of a config's runs is gone on with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "live/choose.h"
#include "survey/buf.h"
#include "survey/command.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/signals.h"

struct place {
	char *dir;
	struct config *c;
	struct buf said;
};

static void
keep(const char *line, void *arg)
{
	buf_adds(arg, line);
}

static int
setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	char text[256], *path;

	p->dir = xstrdup("/tmp/survey-choose-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	path = path_join(p->dir, "survey.conf");
	snprintf(text, sizeof(text), "run { name = cn directory = \"%s\" }", p->dir);
	p->c = config_parse(text, strlen(text), path);
	assert_non_null(p->c);
	free(path);
	buf_init(&p->said);
	buf_adds(&p->said, "");
	log_set_sink(keep, &p->said);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	log_set_sink(NULL, NULL);
	assert_int_equal(file_remove_tree(p->dir), 0);
	config_free(p->c);
	buf_fini(&p->said);
	free(p->dir);
	free(p);
	return 0;
}

/* A run of this config that has sent something. */
static void
add_run(const struct place *p, const char *name, enum run_state run_state)
{
	char *dir = path_join(p->dir, name);
	struct manifest m;

	assert_int_equal(mkdir(dir, 0700), 0);
	manifest_init(&m);
	manifest_set(&m.config_path, p->c->path);
	m.state = run_state;
	m.created = m.stages[STAGE_SCAN].started = time(NULL);
	assert_int_equal(manifest_write(&m, dir), 0);
	manifest_fini(&m);
	free(dir);
}

/* The name of the run that is gone on with, "" for a new one; the caller frees it. */
static char *
chosen(const struct place *p, int status)
{
	struct run_options o = { .machines = 1 };
	struct identity id = { .uid = geteuid(), .gid = getegid() };
	struct rundir d;
	char *name;

	rundir_init(&d);
	assert_int_equal(rundir_find(&d, p->c, &o, &id), status);
	name = xstrdup(d.resumed ? path_last(d.path) : "");
	rundir_fini(&d);
	return name;
}

static void
expect(const struct place *p, const char *want)
{
	char *name = chosen(p, 0);

	assert_string_equal(name, want);
	free(name);
}

/* A clock that was ahead once leaves names that sort before all others. */
static void
test_clock(void **state)
{
	const struct place *p = *state;

	expect(p, "");
	add_run(p, "cn-20260101-000000", RUN_STOPPED);
	expect(p, "cn-20260101-000000");
	add_run(p, "cn-20260102-000000", RUN_COMPLETE);
	expect(p, "");
	add_run(p, "cn-29990101-000000", RUN_COMPLETE);
	expect(p, "");
	add_run(p, "cn-20260103-000000", RUN_STOPPED);
	expect(p, "cn-20260103-000000");
	/* Set right while it ran: it is still the newest. */
	add_run(p, "cn-29980101-000000", RUN_STOPPED);
	expect(p, "cn-29980101-000000");
	assert_string_equal(p->said.data, "");
}

/* SIGTERM while directories are looked at is a stop, and no failure. */
static void
test_stopped(void **state)
{
	struct place *p = *state;
	char *dir = path_join(p->dir, "cn-20260101-000000");
	struct run_options o = { .machines = 1, .directory = dir };
	struct identity id = { .uid = geteuid(), .gid = getegid() };
	struct rundir d;

	add_run(p, "cn-20260101-000000", RUN_STOPPED);
	signals_catch();
	assert_int_equal(raise(SIGTERM), 0);
	free(chosen(p, EXIT_STOPPED));
	rundir_init(&d);
	assert_int_equal(rundir_find(&d, p->c, &o, &id), EXIT_STOPPED);
	rundir_fini(&d);
	assert_string_equal(p->said.data, "");
	free(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_clock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
