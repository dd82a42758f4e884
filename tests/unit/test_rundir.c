#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/mem.h"
#include "survey/rundir.h"

static void
test_rows(void **state)
{
	static const struct {
		const char *path, *row;
	} cases[] = {
		{ "run.json", "run.json" },
		{ "scan/shard-000.ips", "scan/" },
		{ "report/charts/a.svg", "report/" },
		{ "scan/", "scan/" },
		{ "scan", "scan/" },
		{ "records.fresh.zst", "records.fresh.zst" },
		{ "run.json.old", NULL },
		{ "run.json/x", NULL },
		{ "scanner/x", NULL },
		{ "notes/run.json", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rundir_file *f = rundir_file_of(cases[i].path);

		if (cases[i].row == NULL)
			assert_null(f);
		else
			assert_string_equal(f->name, cases[i].row);
	}
	/* Nothing stands twice, and all that can be made again says who does it. */
	for (const struct rundir_file *f = rundir_files; f->name != NULL; f++) {
		assert_ptr_equal(rundir_file_of(f->name), f);
		assert_non_null(rundir_maker_name[f->maker]);
	}
}

/* A name of ours that is being written is that file's. */
static void
test_temporary(void **state)
{
	char dir[] = "/tmp/test_rundir.XXXXXX", *path, *tmp;
	struct outfile o;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = path_join(dir, "survey.db");
	assert_int_equal(outfile_open(&o, path), 0);
	tmp = xstrdup(strrchr(o.tmp, '/') + 1);
	assert_string_equal(rundir_file_of(tmp)->name, "survey.db");
	outfile_abort(&o);
	free(tmp);
	free(path);
	assert_int_equal(rmdir(dir), 0);
}

static int
note(const char *path, const struct rundir_file *file, const struct stat *st, void *arg)
{
	assert_true(!S_ISDIR(st->st_mode));
	buf_printf(arg, "%s=%s;", path, file != NULL ? file->name : "-");
	return strcmp(path, "stop") == 0 ? 7 : 0;
}

static void
put(const char *dir, const char *name)
{
	char *path = path_join(dir, name), *parent = path_dir(path);

	assert_int_equal(file_mkdirs(parent, 0700), 0);
	assert_int_equal(file_write(path, "x", 1), 0);
	free(parent);
	free(path);
}

static void
test_walk(void **state)
{
	static const char *const names[] = { "run.json", "graphs/cluster-1.svg", "mine/a",
		"a/b/c/d/e/too-deep" };
	char dir[] = "/tmp/test_rundir.XXXXXX", *link;
	struct buf b;

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		put(dir, names[i]);
	link = path_join(dir, "loop");
	assert_int_equal(symlink(".", link), 0); /* told, but not followed */
	buf_init(&b);
	assert_int_equal(rundir_walk(dir, note, &b), 0);
	assert_non_null(strstr(b.data, "run.json=run.json;"));
	assert_non_null(strstr(b.data, "graphs/cluster-1.svg=graphs/;"));
	assert_non_null(strstr(b.data, "mine/a=-;"));
	assert_non_null(strstr(b.data, "loop=-;"));
	assert_null(strstr(b.data, "loop/"));
	assert_null(strstr(b.data, "too-deep"));
	put(dir, "stop");
	assert_int_equal(rundir_walk(dir, note, &b), 7);
	assert_int_equal(file_remove_tree(dir), 0);
	assert_int_equal(rundir_walk(dir, note, &b), -1);
	buf_fini(&b);
	free(link);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_temporary),
		cmocka_unit_test(test_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
