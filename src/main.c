#include <fcntl.h>
#include <json-c/json.h>
#include <ldns/ldns.h>
#include <maxminddb.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "survey/config.h"
#include "survey/guard.h"
#include "survey/log.h"
#include "survey/sandbox.h"
#include "survey/nearest.h"
#include "survey/rundir.h"
#include "survey/toolversion.h"

#include "cmd/commands.h"
#include "cmd/places.h"
#include "commit.h" /* made in each build, by config/commit.cmake */

static void
print_version(void)
{
	struct sandbox_state sandbox;
	char text[SANDBOX_TEXT];

	printf("survey %s (%s)\n", SURVEY_VERSION, SURVEY_COMMIT);
	printf("json-c %s, ldns %s, libmaxminddb %s, libuv %s, SQLite %s\n", json_c_version(),
	    ldns_version(), MMDB_lib_version(), uv_version_string(), sqlite3_libversion());
	sandbox_probe(&sandbox);
	printf("sandbox: %s\n", sandbox_text(&sandbox, text));
	fflush(stdout); /* the tools are asked by children */
	tools_print(stdout);
}

/* Every command and option, one a line, for the tests of manual and completion. */
static void
dump_options(void)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		const struct command_option *o = commands[i]->options;

		printf("%s\n", commands[i]->name);
		for (; o != NULL && o->name != NULL; o++)
			printf(o->letter != 0 ? "%s\t--%s\t%c\n" : "%s\t--%s\n", commands[i]->name,
			    o->name, o->letter);
	}
}

/* Every file of a run directory, for the test of its documentation. */
static void
dump_files(void)
{
	for (const struct rundir_file *f = rundir_files; f->name != NULL; f++)
		printf("%s\t%s\t%s\t%s\n", f->name, rundir_maker_name[f->maker],
		    f->personal ? "yes" : "", f->remade ? "yes" : "");
}

/*
 * A standard stream that is closed would lend its number to the next file
 * opened, which libuv does not bear.  In its place one that cannot be used.
 */
static void
fill_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) == -1 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			abort();
	}
}

/* An option of survey itself that it does not have. */
static int
unknown_option(const char *option)
{
	struct nearest near;

	nearest_init(&near, option);
	nearest_try(&near, "--help");
	nearest_try(&near, "--version");
	if (near.word != NULL)
		log_error("unknown option %s; did you mean %s?", option, near.word);
	else
		log_error("unknown option %s; see survey --help", option);
	return EXIT_USAGE;
}

/* --complete AT WORD...: words[0] is the program, as in argv. */
static int
completion(int argc, char **argv)
{
	int at = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;

	if (at < 1)
		return EXIT_USAGE;
	return complete(argc - 2, argv + 2, at);
}

/* The exit status of a command once its output is out. */
static int
finish(int status)
{
	if (status != EXIT_COMPLETE && status != EXIT_INCOMPLETE) /* it said why */
		return status;
	return command_flush(NULL, 0) == -1 ? EXIT_FAILED : status;
}

int
main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	const struct command *c;
	int status;

	fill_streams();
	if (guard_wanted(argc, argv))
		return guard_main(argc, argv);
	/* Who reads our messages or our output may go; the work goes on. */
	signal(SIGPIPE, SIG_IGN);
	if (name == NULL) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		print_help(stdout);
		return finish(EXIT_COMPLETE);
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		print_version();
		return finish(EXIT_COMPLETE);
	}
	if (strcmp(name, "--dump-options") == 0) {
		dump_options();
		return finish(EXIT_COMPLETE);
	}
	if (strcmp(name, "--dump-files") == 0) {
		dump_files();
		return finish(EXIT_COMPLETE);
	}
	if (strcmp(name, "--dump-config") == 0) {
		config_dump(stdout);
		return finish(EXIT_COMPLETE);
	}
	if (strcmp(name, "--complete") == 0)
		return finish(completion(argc, argv));
	if (name[0] == '-')
		return unknown_option(name);
	if ((c = command_wanted(name)) == NULL)
		return EXIT_USAGE;
	if ((status = places_enter(c, argc - 1, argv + 1)) != 0)
		return status == PLACES_DONE ? finish(EXIT_COMPLETE) : status;
	return finish(c->run(argc - 1, argv + 1));
}
