#include <fcntl.h>
#include <json-c/json.h>
#include <ldns/ldns.h>
#include <maxminddb.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "survey/config.h"
#include "survey/guard.h"
#include "survey/log.h"
#include "survey/toolversion.h"

#include "cmd/commands.h"
#include "commit.h" /* made in each build, by config/commit.cmake */

static const struct command *const commands[] = {
#define X(name) &command_##name,
	COMMANDS(X)
#undef X
	    NULL,
};

static void
print_help(FILE *out)
{
	fprintf(out,
	    "usage: survey COMMAND [options] [arguments]\n\n"
	    "Which mail hosts of a country, or of your own networks, share SSH and TLS keys?\n\n"
	    "commands:\n");
	for (size_t i = 0; commands[i] != NULL; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out, "\nsurvey COMMAND --help explains one command; survey(1) and survey.conf(5) "
		     "explain all.\n"
		     "survey --version prints the versions of survey, its libraries and tools.\n");
}

static void
print_version(void)
{
	printf("survey %s (%s)\n", SURVEY_VERSION, SURVEY_COMMIT);
	printf("json-c %s, ldns %s, libmaxminddb %s, libuv %s, SQLite %s\n", json_c_version(),
	    ldns_version(), MMDB_lib_version(), uv_version_string(), sqlite3_libversion());
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

/* The command of that name, or NULL after a message. */
static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	log_error("unknown command %s; see survey --help", name);
	return NULL;
}

int
main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	const struct command *c;

	fill_streams();
	if (guard_wanted(argc, argv))
		return guard_main(argc, argv);
	if (name == NULL) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(name, "help") == 0 && argc > 2) {
		if ((c = find_command(argv[2])) == NULL)
			return EXIT_USAGE;
		command_help(c, stdout);
		return EXIT_COMPLETE;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		print_help(stdout);
		return EXIT_COMPLETE;
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		print_version();
		return EXIT_COMPLETE;
	}
	if (strcmp(name, "--dump-options") == 0) {
		dump_options();
		return EXIT_COMPLETE;
	}
	if (strcmp(name, "--dump-config") == 0) {
		config_dump(stdout);
		return EXIT_COMPLETE;
	}
	if ((c = find_command(name)) == NULL)
		return EXIT_USAGE;
	return c->run(argc - 1, argv + 1);
}
