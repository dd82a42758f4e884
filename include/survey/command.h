/* Layer: base.  Subcommands and their options, described by tables. */
#ifndef SURVEY_COMMAND_H
#define SURVEY_COMMAND_H

#include <stdio.h>

/* What survey's exit status says. */
enum exit_status {
	EXIT_COMPLETE = 0,
	EXIT_FAILED = 1, /* earlier outputs are untouched */
	EXIT_USAGE = 2, /* wrong usage, config or environment; nothing was sent */
	EXIT_INCOMPLETE = 3, /* finished, but data was refused or given up; the outputs say so */
	EXIT_STOPPED = 130, /* by the user */
};

struct command_option {
	const char *name; /* long name */
	char letter; /* short name, 0 for none */
	const char *arg; /* name of its argument, NULL for a flag */
	const char *help; /* one line */
};

struct command {
	const char *name;
	const char *arguments; /* of the synopsis: "RUNDIR|FILE|-" */
	const char *summary; /* one line */
	const char *detail; /* a paragraph for --help, or NULL */
	const struct command_option *options; /* ends with a NULL name; --help is implied */
	int (*run)(int argc, char **argv); /* argv[0] is the subcommand; returns an exit_status */
};

/* Reads the arguments of one command; the state is the caller's and starts as { .command = … }. */
struct command_args {
	const struct command *command;
	int argc;
	char **argv;
	int at; /* after the last option: index of the first operand */
	const char *value; /* argument of the option just returned */
};

enum { COMMAND_END = -1, COMMAND_ERROR = -2, COMMAND_HELP = -3 };

/*
 * The next option, as its index in the table.  COMMAND_END when only operands
 * are left (argv[at..argc)), COMMAND_ERROR after a message, COMMAND_HELP after
 * the help was printed.
 */
int command_next(struct command_args *a);

void command_help(const struct command *c, FILE *out);

/* A number with its bounds; prints a message that names the option and returns -1 when it is none. */
int command_number(const struct command *c, const char *option, const char *text, long long min,
    long long max, long long *value);

#endif
