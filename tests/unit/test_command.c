#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "survey/buf.h"
#include "survey/command.h"
#include "survey/log.h"

enum { FLAG, VALUE, LONG_ONLY };

static const struct command_option options[] = {
	[FLAG] = { "flag", 'f', NULL, "a flag" },
	[VALUE] = { "value", 'v', "X", "with an argument" },
	[LONG_ONLY] = { "long-only", 0, "Y", "no letter" },
	{ NULL, 0, NULL, NULL },
};

static const struct command command = { "test", "FILE", "Test", NULL, options, NULL };

static struct buf messages;

static void
keep(const char *line, void *arg)
{
	buf_printf(arg, "%s\n", line);
}

/* The options of a command line as text, then its operands. */
static const char *
parse(int argc, const char *const *words)
{
	static struct buf out;
	char *argv[16];
	struct command_args args = { .command = &command, .argc = argc, .argv = argv };
	int option;

	for (int i = 0; i < argc; i++)
		argv[i] = (char *)(uintptr_t)words[i];
	argv[argc] = NULL;
	if (out.data == NULL)
		buf_init(&out);
	buf_clear(&out);
	buf_clear(&messages);
	while ((option = command_next(&args)) >= 0)
		buf_printf(&out, "%s%s%s ", options[option].name, args.value != NULL ? "=" : "",
		    args.value != NULL ? args.value : "");
	if (option == COMMAND_ERROR)
		buf_adds(&out, "error");
	for (int i = args.at; option == COMMAND_END && i < argc; i++)
		buf_printf(&out, "[%s]", argv[i]);
	return out.data;
}

#define PARSE(...)                                                             \
	parse((int)(sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)), \
	    (const char *[]){ __VA_ARGS__ })

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_lists),
	};

	buf_init(&messages);
	log_set_sink(keep, &messages);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
