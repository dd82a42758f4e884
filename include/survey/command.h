/* Layer: base.  Subcommands and their options, described by tables. */
#ifndef SURVEY_COMMAND_H
#define SURVEY_COMMAND_H

#include <stdint.h>
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

/*
 * Call fn with each item of a list separated by commas.  Stops at the first
 * result that is not 0, and returns it.
 */
int command_each(const char *list, int (*fn)(const char *item, void *arg), void *arg);

/* A country code, in either case, as two upper-case letters; prints a message and returns -1 when it is none. */
int command_country(const struct command *c, const char *text, char cc[static 3]);

/* An AS number, as 64501 or AS64501, of an option; prints a message and returns -1 when it is none. */
int command_asn(const struct command *c, const char *option, const char *text, uint32_t *asn);

#endif
