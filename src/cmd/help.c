/* The table of commands, and what it says of them. */
#include <string.h>

#include "survey/log.h"
#include "survey/nearest.h"

#include "commands.h"

static int cmd_help(int argc, char **argv);

const struct command command_help = {
	.name = "help",
	.summary = "Explain survey, or one of its commands",
	.operands = { { "COMMAND", ARG_COMMAND, 0, 1 } },
	.run = cmd_help,
};

const struct command *const commands[] = {
#define X(name) &command_##name,
	COMMANDS(X)
#undef X
	    NULL,
};

const struct command *
command_named(const char *name)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

const struct command *
command_wanted(const char *name)
{
	const struct command *c = command_named(name);
	struct nearest near;

	if (c != NULL)
		return c;
	nearest_init(&near, name);
	for (size_t i = 0; commands[i] != NULL; i++)
		nearest_try(&near, commands[i]->name);
	if (near.word != NULL)
		log_error("unknown command %s; did you mean %s?", name, near.word);
	else
		log_error("unknown command %s; see survey --help", name);
	return NULL;
}

void
print_help(FILE *out)
{
	fprintf(out,
	    "usage: survey COMMAND [options] [arguments]\n\n"
	    "Which mail hosts of a country, or of your own networks, share SSH and TLS keys?\n\n"
	    "commands:\n");
	for (size_t i = 0; commands[i] != NULL; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out, "\nsurvey help COMMAND explains one command; survey(1) and survey.conf(5) "
		     "explain all.\n"
		     "survey --version prints the versions of survey, its libraries and tools.\n");
}

static int
cmd_help(int argc, char **argv)
{
	struct command_args a = { .command = &command_help, .argc = argc, .argv = argv };
	const struct command *c;
	int end = command_next(&a);

	if (end != COMMAND_END)
		return command_ended(end);
	if (a.at == argc) {
		print_help(stdout);
		return EXIT_COMPLETE;
	}
	if ((c = command_wanted(argv[a.at])) == NULL)
		return EXIT_USAGE;
	command_usage(c, stdout);
	return EXIT_COMPLETE;
}
