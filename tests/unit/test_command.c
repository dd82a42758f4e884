#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "survey/buf.h"
#include "survey/command.h"
#include "survey/file.h"
#include "survey/log.h"

enum { FLAG, VALUE, LONG_ONLY };

static const struct command_option options[] = {
	[FLAG] = { "flag", 'f', NULL, "a flag" },
	[VALUE] = { "value", 'v', "X", "with an argument" },
	[LONG_ONLY] = { "long-only", 0, "Y", "no letter" },
	{ NULL, 0, NULL, NULL },
};

static const struct command command = { .name = "test",
	.summary = "Test",
	.operands = { { "WORD", ARG_TEXT, 0, 0 } },
	.options = options };

static struct buf messages;

static void
keep(const char *line, void *arg)
{
	buf_printf(arg, "%s\n", line);
}

/* What is there: a directory with a run, one without, a file. */
static char there[] = "/tmp/test_command.XXXXXX";
static char rundir[64], copy[64], plain[64], file[64], absent[64];

/* The options of a command line as text, then its operands, by kind. */
static const char *
parse_as(const struct command *c, int argc, const char *const *words)
{
	static struct buf out;
	char *argv[16];
	struct command_args args = { .command = c, .argc = argc, .argv = argv };
	int option, at;

	for (int i = 0; i < argc; i++)
		argv[i] = (char *)(uintptr_t)words[i];
	argv[argc] = NULL;
	if (out.data == NULL)
		buf_init(&out);
	buf_clear(&out);
	buf_clear(&messages);
	while ((option = command_next(&args)) >= 0)
		buf_printf(&out, "%s%s%s ", c->options[option].name, args.value != NULL ? "=" : "",
		    args.value != NULL ? args.value : "");
	if (option == COMMAND_ERROR)
		buf_adds(&out, "error");
	at = args.at;
	for (size_t kind = 0; option == COMMAND_END && kind < COMMAND_OPERANDS; kind++) {
		if (kind > 0 && args.counts[kind] > 0)
			buf_adds(&out, "+");
		for (unsigned i = 0; i < args.counts[kind]; i++)
			buf_printf(&out, "[%s]", argv[at++]);
	}
	if (option == COMMAND_END)
		assert_int_equal(at, argc);
	return out.data;
}

#define PARSE_AS(c, ...)                                                             \
	parse_as(c, (int)(sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)), \
	    (const char *[]){ __VA_ARGS__ })
#define PARSE(...) PARSE_AS(&command, __VA_ARGS__)

static void
test_options(void **state)
{
	(void)state;
	assert_string_equal(PARSE("test"), "");
	assert_string_equal(PARSE("test", "a", "b"), "[a][b]");
	assert_string_equal(PARSE("test", "-f", "-vx", "--value", "y", "--value=z", "o"),
	    "flag value=x value=y value=z [o]");
	assert_string_equal(PARSE("test", "-fv", "x"), "flag value=x ");
	assert_string_equal(PARSE("test", "o", "-f"), "flag [o]"); /* in any order */
	assert_string_equal(PARSE("test", "--", "-f"), "[-f]");
	assert_string_equal(PARSE("test", "-"), "[-]");
	assert_string_equal(PARSE("test", "--long-only", "-v"), "long-only=-v ");
	/* Each call starts afresh. */
	assert_string_equal(PARSE("test", "-f"), "flag ");
	assert_string_equal(PARSE("test", "-f"), "flag ");
}

static void
test_errors(void **state)
{
	(void)state;
	assert_string_equal(PARSE("test", "-x"), "error");
	assert_non_null(strstr(messages.data, "test: unknown option -x; see survey test --help"));
	assert_string_equal(PARSE("test", "--no"), "error");
	assert_non_null(strstr(messages.data, "unknown option --no"));
	assert_string_equal(PARSE("test", "-v"), "error");
	assert_non_null(strstr(messages.data, "-v wants an argument"));
	assert_string_equal(PARSE("test", "--value"), "error");
	assert_non_null(strstr(messages.data, "--value wants an argument"));
	assert_string_equal(PARSE("test", "--flag=x"), "error");
	assert_non_null(strstr(messages.data, "test: --flag takes no argument"));
	/* One letter of several, before an option that is at the end. */
	assert_string_equal(PARSE("test", "o", "-fx", "-f"), "flag error");
	assert_non_null(strstr(messages.data, "unknown option -x;"));
	assert_string_equal(PARSE("test", "--vlaue", "x"), "error");
	assert_non_null(strstr(messages.data, "unknown option --vlaue; did you mean --value?"));
	assert_string_equal(PARSE("test", "--falg=x"), "error");
	assert_non_null(strstr(messages.data, "unknown option --falg; did you mean --flag?"));
}

/* The message that a command line leads to. */
#define ASSERT_TOLD(c, told, ...)                                                 \
	do {                                                                      \
		assert_string_equal(PARSE_AS(c, __VA_ARGS__), "error");           \
		if (strstr(messages.data, told) == NULL)                          \
			fail_msg("told \"%s\", not \"%s\"", messages.data, told); \
	} while (0)

static void
test_arity(void **state)
{
	static const struct command none = { .name = "none" },
				    one = { .name = "one",
					    .operands = { { "A", ARG_TEXT, 1, 1 } } },
				    two = { .name = "two",
					    .operands = { { "A", ARG_TEXT, 2, 0 } },
					    .options = options };

	(void)state;
	assert_string_equal(PARSE_AS(&none, "none"), "");
	ASSERT_TOLD(&none, "none: \"x\" is one argument too many", "none", "x");
	assert_string_equal(PARSE_AS(&one, "one", "x"), "[x]");
	ASSERT_TOLD(&one, "one: A is missing; usage: survey one A", "one");
	ASSERT_TOLD(&one, "one: \"y\" is one argument too many", "one", "x", "y");
	assert_string_equal(PARSE_AS(&two, "two", "x", "-f", "y", "z"), "flag [x][y][z]");
	ASSERT_TOLD(&two, "two: A is missing; usage: survey two [options] A A...", "two", "x");
}

static void
test_paths(void **state)
{
	static const struct command conf = { .name = "c",
		.operands = { { "CONF", ARG_CONF, 1, 1 } } },
				    input = { .name = "c",
					    .operands = { { "FILE|-", ARG_INPUT, 1, 1 } } },
				    run = { .name = "c",
					    .operands = { { "RUNDIR", ARG_RUNDIR, 1, 1 } } },
				    study = { .name = "c",
					    .operands = { { "STUDY", ARG_STUDY, 1, 0 } } };
	static const struct command_option paths[] = {
		{ "in", 'i', "FILE", "", ARG_FILE },
		{ "dir", 'd', "DIR", "", ARG_DIRECTORY },
		{ "out", 'o', "FILE", "", ARG_NEW_FILE },
		{ "new", 'n', "DIR", "", ARG_NEW_DIRECTORY },
		{ NULL },
	};
	static const struct command with = { .name = "c", .options = paths };
	static const struct command own = { .name = "c",
		.operands = { { "RUNDIR", ARG_OWN_RUN, 1, 1 } } };
	char below[96], within[96];

	(void)state;
	snprintf(below, sizeof(below), "%s/x", absent);
	snprintf(within, sizeof(within), "%s/x", plain);
	for (const struct command *const *c =
		 (const struct command *const[]){ &conf, &input, &run, &study, NULL };
	     *c != NULL; c++) {
		ASSERT_TOLD(*c, " is not there\n", "c", absent);
		ASSERT_TOLD(*c, "c: \"\" is not there\n", "c", "");
	}
	ASSERT_TOLD(&study, "absent is not there\n", "c", rundir, absent);
	ASSERT_TOLD(&conf, " is a directory; a file is wanted\n", "c", plain);
	ASSERT_TOLD(&run, " is no directory\n", "c", file);
	ASSERT_TOLD(&run, " is no run directory: it has no run.json\n", "c", plain);
	ASSERT_TOLD(&with, "c: --in: ", "c", "-i", absent);
	ASSERT_TOLD(&with, "c: --dir: ", "c", "--dir", file);
	ASSERT_TOLD(&with, ": its directory is not there\n", "c", "--out", below);
	ASSERT_TOLD(&own, " is an anonymised copy; ", "c", copy);
	ASSERT_TOLD(&own, " is no run directory: ", "c", plain);
	ASSERT_TOLD(&own, " is no directory\n", "c", file);
	assert_string_not_equal(PARSE_AS(&own, "c", rundir), "error");
	assert_string_not_equal(PARSE_AS(&run, "c", copy), "error");
	assert_string_not_equal(PARSE_AS(&with, "c", "-o", within), "error");
	assert_string_not_equal(
	    PARSE_AS(&with, "c", "-n", below, "-d", plain, "-i", file), "error");
	assert_string_not_equal(PARSE_AS(&conf, "c", file), "error");
	assert_string_equal(PARSE_AS(&input, "c", "-"), "[-]");
	assert_string_not_equal(PARSE_AS(&run, "c", rundir), "error");
	assert_string_not_equal(PARSE_AS(&study, "c", rundir, file), "error");
}

/* "RUNDIR... QUERY...": what is there belongs to the first, up to "--". */
static void
test_mixed(void **state)
{
	static const struct command find = { .name = "find",
		.operands = { { "RUNDIR", ARG_STUDY, 1, 0 }, { "QUERY", ARG_TEXT, 1, 0 } },
		.options = options };
	char wanted[256];

	(void)state;
	snprintf(wanted, sizeof(wanted), "[%s]+[a][b]", rundir);
	assert_string_equal(PARSE_AS(&find, "find", rundir, "a", "b"), wanted);
	snprintf(wanted, sizeof(wanted), "flag [%s][%s]+[a]", rundir, plain);
	assert_string_equal(PARSE_AS(&find, "find", rundir, "-f", plain, "a"), wanted);
	snprintf(wanted, sizeof(wanted), "[%s]+[%s][a]", rundir, plain);
	assert_string_equal(PARSE_AS(&find, "find", rundir, "--", plain, "a"), wanted);
	/* The last one is a query, whatever it is. */
	snprintf(wanted, sizeof(wanted), "[%s]+[%s]", rundir, plain);
	assert_string_equal(PARSE_AS(&find, "find", rundir, plain), wanted);
	ASSERT_TOLD(&find, "find: QUERY is missing; ", "find", rundir);
	ASSERT_TOLD(&find, "absent is not there", "find", absent, "a");
}

static void
test_words(void **state)
{
	static const char *const words[] = { "text", "json", "csv", NULL };
	static const struct command_option formats[] = {
		{ "format", 'f', "FORMAT", "", ARG_WORD, words },
		{ "list", 'l', "LIST", "", ARG_WORDS, words },
		{ NULL },
	};
	static const struct command c = { .name = "c", .options = formats };
	char *argv[][4] = { { (char[]){ "c" }, (char[]){ "-f" }, (char[]){ "JSON" }, NULL },
		{ (char[]){ "c" }, (char[]){ "-l" }, (char[]){ "csv,text" }, NULL } };
	static const unsigned long choice[] = { 1, 5 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct command_args a = { .command = &c, .argc = 3, .argv = argv[i] };

		assert_int_equal(command_next(&a), i);
		assert_int_equal(a.choice, choice[i]);
		assert_int_equal(command_next(&a), COMMAND_END);
	}
	ASSERT_TOLD(&c, "c: --format: there is no \"jsno\"; did you mean json?", "c", "-f", "jsno");
	ASSERT_TOLD(&c, "c: --list: there is no \"cvs\"; did you mean csv?", "c", "-l", "text,cvs");
	ASSERT_TOLD(&c, "c: --list: \"\" is none of text, json and csv", "c", "-l", "text,");
}

static void
test_numbers(void **state)
{
	static const char *const bad[] = { "", "x", "1x", "1.5", "11", "-1", " ",
		"99999999999999999999", "0x5" };
	long long n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf_clear(&messages);
		assert_int_equal(command_number(&command, "value", bad[i], 0, 10, &n), -1);
		assert_non_null(strstr(messages.data, "test: --value wants a number from 0 to 10"));
	}
	assert_int_equal(command_number(&command, "value", "0", 0, 10, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(command_number(&command, "value", "10", 0, 10, &n), 0);
	assert_int_equal(n, 10);
}

static int
join(const char *item, void *arg)
{
	buf_printf(arg, "<%s>", item);
	return strcmp(item, "stop") == 0 ? 7 : 0;
}

static void
test_lists(void **state)
{
	static const char *const bad[] = { "", "I", "IRL", "1E", "i ", "I\xc3" };
	struct buf b;
	uint32_t asn;
	char cc[3];

	(void)state;
	buf_init(&b);
	assert_int_equal(command_each("a,b,,c", join, &b), 0);
	assert_int_equal(command_each("", join, &b), 0);
	assert_int_equal(command_each("x,stop,y", join, &b), 7);
	assert_string_equal(b.data, "<a><b><><c><><x><stop>");
	buf_fini(&b);
	assert_int_equal(command_country(&command, "ie", cc), 0);
	assert_string_equal(cc, "IE");
	assert_int_equal(command_country(&command, "Xx", cc), 0);
	assert_string_equal(cc, "XX");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(command_country(&command, bad[i], cc), -1);
	assert_int_equal(command_asn(&command, "asn", "as4294967295", &asn), 0);
	assert_int_equal(asn, UINT32_MAX);
	assert_int_equal(command_asn(&command, "asn", "AS", &asn), -1);
	assert_int_equal(command_asn(&command, "asn", "0", &asn), -1);
	assert_int_equal(command_asn(&command, "asn", "4294967296", &asn), -1);
}

static int
put(const char *dir, const char *name)
{
	char *path = path_join(dir, name);
	int rc = file_mkdirs(dir, 0700) | file_write(path, "{}", 2);

	free(path);
	return rc;
}

static int
lay_out(void **state)
{
	(void)state;
	if (mkdtemp(there) == NULL)
		return -1;
	snprintf(rundir, sizeof(rundir), "%s/run", there);
	snprintf(copy, sizeof(copy), "%s/copy", there);
	snprintf(plain, sizeof(plain), "%s/plain", there);
	snprintf(file, sizeof(file), "%s/file", there);
	snprintf(absent, sizeof(absent), "%s/absent", there);
	return put(rundir, "run.json") | put(copy, "run.json") | put(copy, "ANONYMISED") |
	       file_mkdirs(plain, 0700) | put(there, "file");
}

static int
clear_up(void **state)
{
	(void)state;
	return file_remove_tree(there);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_arity),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_lists),
	};

	buf_init(&messages);
	log_set_sink(keep, &messages);
	return cmocka_run_group_tests(tests, lay_out, clear_up);
}
