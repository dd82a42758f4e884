#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

/* What a run.json says is written as it was: nothing is lost, nothing is made up. */
static void
rewrite(const char *text, char *out, size_t size, void (*change)(struct manifest *))
{
	char dir[] = "/tmp/test_rundir.XXXXXX", *path, *got;
	struct outfile o;
	struct manifest m;

	assert_non_null(mkdtemp(dir));
	path = path_join(dir, "run.json");
	assert_int_equal(file_write(path, text, strlen(text)), 0);
	assert_int_equal(manifest_read(&m, dir), 0);
	if (change != NULL)
		change(&m);
	assert_int_equal(manifest_prepare(&m, dir, &o), 0);
	assert_int_equal(outfile_commit(&o), 0);
	assert_non_null(got = file_read(path, 1 << 20, NULL));
	snprintf(out, size, "%s", got);
	manifest_fini(&m);
	assert_int_equal(file_remove_tree(dir), 0);
	free(got);
	free(path);
}

#define HEAD "{\"writer\":\"survey\",\"version\":1,"
#define TAIL                                                                                   \
	"\"analysis\":{\"scan_date\":\"2026-07-01T00:00:00Z\",\"countries\":[\"IE\",\"GB\",7," \
	"\"IRL\"],"                                                                            \
	"\"hosts\":46,\"hosts_out\":{\"no-key\":9},\"refused\":{\"truncated\":2,\"syntax\":1}}"

static void
test_results_manifest(void **state)
{
	static const char *const same[] = {
		HEAD
		"\"name\":\"in\",\"state\":\"complete\",\"created\":\"2026-07-01T00:00:00Z\"," TAIL
		"}\n",
		HEAD "\"state\":\"incomplete\",\"counts\":{\"hits\":7}}\n",
		HEAD "\"state\":\"stopped\",\"versions\":{\"survey\":\"0.9\",\"zmap\":\"2.1.1\"},"
		     "\"databases\":[],\"counts\":{\"probed\":5,\"ports\":{\"p22\":"
		     "{\"success\":5,\"refused\":0,\"timeout\":0,\"broken\":0}}},"
		     "\"stages\":{\"scan\":{\"state\":\"done\",\"started\":null,\"ended\":null,"
		     "\"wall_s\":1.500,\"cpu_s\":0.000,\"maxrss_kb\":0}}}\n",
		HEAD "\"state\":\"complete\",\"told\":[1,{\"a\":\"\\u00e9\"}],\"later \\\" "
		     "version\":null}\n",
	};
	char out[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		if (i == 2)
			continue; /* the ends' names are the port table's */
		rewrite(same[i], out, sizeof(out), NULL);
		if (i == 3) /* json-c writes the letter */
			assert_non_null(strstr(
			    out, "\"told\":[1,{\"a\":\"\xc3\xa9\"}],\"later \\\" version\":null"));
		else
			assert_string_equal(out, same[i]);
	}
	rewrite(same[2], out, sizeof(out), NULL);
	assert_non_null(strstr(out, "\"versions\":{\"survey\":\"0.9\",\"zmap\":\"2.1.1\"}"));
	assert_non_null(strstr(out, "\"counts\":{\"probed\":5,\"ports\":{\"p22\":{\"success\":5,"));
	assert_non_null(strstr(out, "\"stages\":{\"scan\":{\"state\":\"done\""));
	assert_null(strstr(out, "\"geo\""));
	assert_null(strstr(out, "pid"));
}

static void
test_found(void **state)
{
	char dir[] = "/tmp/test_rundir.XXXXXX", *path;
	struct manifest m;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = path_join(dir, "run.json");
	assert_int_equal(
	    file_write(path, HEAD "\"state\":\"complete\",\"counts\":{\"hits\":7}," TAIL "}",
		strlen(HEAD "\"state\":\"complete\",\"counts\":{\"hits\":7}," TAIL "}")),
	    0);
	assert_int_equal(manifest_read(&m, dir), 0);
	assert_true(m.found.there);
	assert_int_equal(m.found.scan_date, 1782864000);
	assert_int_equal(m.found.ncountries, 2);
	assert_string_equal(m.found.countries[1], "GB");
	assert_int_equal(m.found.hosts, 46);
	assert_true(m.found.clusters == MANIFEST_UNKNOWN);
	assert_int_equal(m.found.hosts_out[OUT_NO_KEY], 9);
	assert_true(m.found.hosts_out[OUT_NO_COUNTRY] == MANIFEST_UNKNOWN);
	assert_int_equal(m.found.nrefused, 2);
	assert_string_equal(m.found.refused[1].name, "syntax");
	assert_int_equal(manifest_count(&m, offsetof(struct manifest_counts, hits)), 7);
	assert_true(
	    manifest_count(&m, offsetof(struct manifest_counts, probed)) == MANIFEST_UNKNOWN);
	manifest_fini(&m);
	assert_int_equal(file_remove_tree(dir), 0);
	free(path);
}

/* Counts, rates, times and versions; nothing of people, networks and places. */
static void
test_anonymise(void **state)
{
	char out[4096];

	(void)state;
	rewrite(HEAD "\"name\":\"secret\",\"state\":\"complete\",\"state_text\":\"secret\","
		     "\"config_path\":\"/secret\",\"config_sha256\":\"secret\","
		     "\"created\":\"2026-07-01T00:00:00Z\",\"updated\":\"2026-07-02T00:00:00Z\","
		     "\"ended\":\"2026-07-03T00:00:00Z\",\"pid\":12345,"
		     "\"versions\":{\"survey\":\"0.9\",\"zmap\":\"2.1.1\"},"
		     "\"databases\":[{\"path\":\"/secret\",\"type\":\"secret\"}],"
		     "\"counts\":{\"probed\":5},\"stages\":{\"geo\":{\"state\":\"done\"}},"
		     "\"scan\":{\"seed\":99,\"interface\":\"secret\",\"source_ip\":\"198.18.7.7\","
		     "\"gateway_mac\":\"secret\",\"rate_pps\":1000,\"rate_hosts\":12.5,"
		     "\"shards\":[{\"number\":0,\"source_ip\":\"198.18.7.7\"}]},"
		     "\"sessions\":[{\"source_ip\":\"198.18.7.7\"}],\"dns\":{\"slow\":\"secret\"},"
		     "\"notes\":\"secret\"," TAIL "}",
	    out, sizeof(out), manifest_anonymise);
	assert_string_equal(out,
	    HEAD "\"anonymised\":true,\"state\":\"complete\",\"created\":\"2026-07-01T00:00:00Z\","
		 "\"ended\":\"2026-07-03T00:00:00Z\","
		 "\"versions\":{\"survey\":\"0.9\",\"zmap\":\"2.1.1\"},"
		 "\"counts\":{\"probed\":5,\"targets_v6\":0,\"ports\":{}},"
		 "\"scan\":{\"rate_pps\":1000,\"rate_hosts\":12.500},"
		 "\"analysis\":{\"scan_date\":\"2026-07-01T00:00:00Z\",\"hosts\":46,"
		 "\"hosts_out\":{\"no-key\":9},\"refused\":{\"truncated\":2,\"syntax\":1}}}\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_temporary),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_results_manifest),
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_anonymise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
