#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "survey/buf.h"

#include "report/suites.h"
#include "report/table.h"

static const char *const columns[] = { "n", "share", "what", NULL };

static void
fill(struct tables *ts, const char *label, uint64_t n)
{
	struct table *t;
	struct row *r;

	tables_init(ts);
	t = tables_add(ts, "first", "A title", "row", columns);
	r = table_row(t, "%s", label);
	row_count(r, 0, n);
	row_share(r, 1, 1, 4);
	row_text(r, 2, "%s", "=cmd|' /C calc'!A0");
	r = table_row(t, "untold");
	row_share(r, 1, 1, 0); /* of nothing: missing, not zero */
}

static void
check(void (*write)(const struct tables *, struct buf *), const char *const *wanted)
{
	struct tables ts;
	struct buf b;

	fill(&ts, "a <b> & \"c\" 50 % \\ \x1b[1m", 12345);
	buf_init(&b);
	write(&ts, &b);
	for (; *wanted != NULL; wanted++) {
		if (strstr(b.data, *wanted) == NULL)
			fail_msg("no %s in:\n%s", *wanted, b.data);
	}
	assert_null(strchr(b.data, '\x1b'));
	buf_fini(&b);
	tables_fini(&ts);
}

static void
test_text(void **state)
{
	(void)state;
	check(tables_text,
	    (const char *const[]){ "A title\n=======\n", "12,345", "25.0 %", "–", NULL });
}

static void
test_json(void **state)
{
	(void)state;
	check(
	    tables_json, (const char *const[]){ "\"cells\":[12345,0.250000,\"=cmd|' /C calc'!A0\"]",
			     "\"cells\":[null,null,null]", "\\\"c\\\" 50 % \\\\ \\u001b", NULL });
}

static void
test_csv(void **state)
{
	(void)state;
	check(tables_csv,
	    (const char *const[]){ "table,row,column,value,run,date,countries,versions\n",
		",\"n\",12345,", "\"'=cmd|' /C calc'!A0\"", "\"untold\",\"n\",,", NULL });
}

static void
test_latex(void **state)
{
	(void)state;
	check(tables_latex, (const char *const[]){ "50 \\% \\textbackslash{}", "12,345 & 25.0 \\%",
				"\\begin{tabular}{lrrr}", "untold & -- & -- & --", NULL });
}

static void
test_html(void **state)
{
	struct tables ts;
	struct buf b;

	(void)state;
	fill(&ts, "</td><script>", 1);
	buf_init(&b);
	table_html(tables_find(&ts, "first"), &b);
	assert_null(strstr(b.data, "<script"));
	assert_non_null(strstr(b.data, "&lt;/td&gt;&lt;script&gt;"));
	assert_non_null(strstr(b.data, "not in this directory"));
	assert_null(tables_find(&ts, "second"));
	buf_fini(&b);
	tables_fini(&ts);
}

static void
test_side_by_side(void **state)
{
	const char *const names[] = { "old", "new" };
	struct tables runs[2], side;
	const struct table *t;
	struct buf b;

	(void)state;
	fill(&runs[0], "only old", 1);
	fill(&runs[1], "only new", 2);
	tables_run(&runs[1],
	    &(struct table_run){ .name = (char[]){ "new" }, .countries = (char[]){ "IE" } });
	tables_init(&side);
	tables_side_by_side(&side, runs, names, 2);
	t = tables_find(&side, "first");
	assert_int_equal(t->ncolumns, 6);
	assert_string_equal(t->columns[0], "old n");
	assert_string_equal(t->columns[1], "new n");
	assert_int_equal(t->nrows, 3);
	assert_int_equal(t->rows[0].cells[0].count, 1);
	assert_int_equal(t->rows[0].cells[1].kind, CELL_MISSING);
	assert_int_equal(t->rows[2].cells[1].count, 2);
	buf_init(&b);
	table_csv(&side, t, &b);
	assert_non_null(strstr(b.data, ",run 1,date 1,countries 1,versions 1,run 2,"));
	assert_non_null(strstr(b.data, "\"only new\",,2,,0.250000,,\"'=cmd|' /C calc'!A0\",,,,,"
				       "\"new\",,\"IE\",\n"));
	/* A complete table says of a row that is not there that there is none of it. */
	runs[0].v[0].counts = true;
	tables_fini(&side);
	tables_init(&side);
	tables_side_by_side(&side, runs, names, 2);
	t = tables_find(&side, "first");
	assert_int_equal(t->rows[0].cells[1].kind, CELL_MISSING);
	assert_int_equal(t->rows[2].cells[0].kind, CELL_COUNT);
	assert_int_equal(t->rows[2].cells[0].count, 0);
	assert_int_equal(t->rows[2].cells[2].kind, CELL_MISSING);
	buf_fini(&b);
	tables_fini(&runs[0]);
	tables_fini(&runs[1]);
	tables_fini(&side);
}

/* What is missing is said in every form that has a place for it. */
static void
test_notes(void **state)
{
	static void (*const forms[])(const struct tables *, struct buf *) = { tables_text,
		tables_json, tables_csv, tables_latex };
	static const char *const one[] = { "n", NULL };
	const char *const names[] = { "old", "new" };
	struct tables runs[2], side;
	struct buf b;

	(void)state;
	for (int i = 0; i < 2; i++) {
		tables_init(&runs[i]);
		tables_add(&runs[i], "versions", "Versions", "version", one)->note =
		    "Not told: a 100 %.";
	}
	buf_init(&b);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		buf_clear(&b);
		forms[i](&runs[0], &b);
		assert_non_null(strstr(b.data,
		    forms[i] == tables_latex ? "Not told: a 100 \\%." : "Not told: a 100 %."));
	}
	tables_init(&side);
	tables_side_by_side(&side, runs, names, 2);
	assert_non_null(side.v[0].note);
	tables_fini(&side);
	/* One of the runs does tell. */
	runs[1].v[0].note = NULL;
	row_count(table_row(&runs[1].v[0], "1.3"), 0, 5);
	tables_init(&side);
	tables_side_by_side(&side, runs, names, 2);
	assert_null(side.v[0].note);
	buf_fini(&b);
	tables_fini(&runs[0]);
	tables_fini(&runs[1]);
	tables_fini(&side);
}

static void
test_suites(void **state)
{
	(void)state;
	assert_string_equal(suite_name(0xc02f), "ECDHE_RSA_WITH_AES_128_GCM_SHA256");
	assert_null(suite_weakness(0xc02f));
	assert_null(suite_weakness(0x1301));
	assert_string_equal(suite_weakness(5), "RC4");
	assert_string_equal(suite_weakness(10), "3DES");
	assert_string_equal(suite_weakness(9), "single DES");
	assert_string_equal(suite_weakness(3), "export");
	assert_string_equal(suite_weakness(1), "NULL");
	assert_string_equal(suite_weakness(0x34), "anonymous");
	assert_string_equal(suite_weakness(0x2f), "no forward secrecy");
	assert_null(suite_name(0xfefe));
	assert_null(suite_weakness(0xfefe));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_latex),
		cmocka_unit_test(test_html),
		cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_suites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
