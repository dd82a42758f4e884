/*
 * Subcommands, described by tables: usage, checks of what is typed, messages
 * and completion are made from them.
 */
/* Layer: base */
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

/* What an operand or the argument of an option is: how it is checked and completed. */
enum argument {
	ARG_TEXT, /* anything; a flag where there is no argument */
	ARG_WORD, /* one of words, in any case of letters */
	ARG_WORDS, /* some of words, separated by commas */
	ARG_COMMAND, /* the name of a command */
	ARG_COUNTRIES, /* country codes, separated by commas */
	ARG_CLUSTERS, /* numbers of clusters, separated by commas */
	/* What must be there.  One that is not is wrong usage. */
	ARG_CONF, /* a config file */
	ARG_FILE,
	ARG_DIRECTORY,
	ARG_PATH, /* a file or a directory */
	ARG_INPUT, /* a file, or "-" for standard input */
	ARG_RECORDS, /* a run directory, a record file, or "-" */
	ARG_RUNDIR, /* a directory with a run.json */
	ARG_OWN_RUN, /* the same, and no anonymised copy */
	ARG_STUDY, /* a directory with results or with runs, a survey.db or a collisions.json */
	/* What is made.  The directory of a file must be there; directories are made with their parents. */
	ARG_NEW_FILE,
	ARG_NEW_DIRECTORY,
};

struct command_option {
	const char *name; /* long name */
	char letter; /* short name, 0 for none */
	const char *arg; /* name of its argument, NULL for a flag */
	const char *help; /* one line */
	enum argument kind; /* of its argument */
	const char *const *words; /* of ARG_WORD and ARG_WORDS; ends with NULL */
};

/* One or more operands of a kind. */
struct command_operand {
	const char *name; /* in the usage: "RUNDIR|FILE"; NULL ends the list */
	enum argument kind;
	unsigned min, max; /* how many; max 0 is any number */
	const char *const *words;
};

#define COMMAND_OPERANDS 3

/* Whether a command writes into the directory that its first operand names, beside what its options name. */
enum command_writes {
	WRITES_NOT,
	WRITES_UNLESS_ELSEWHERE, /* not if an option of ARG_NEW_DIRECTORY names another */
	WRITES_IN_PLACE,
	WRITES_ANEW, /* runs are made again beside themselves: into the folder that holds them */
};

struct command {
	const char *name;
	const char *summary; /* one line */
	const char *detail; /* a paragraph for --help, or NULL */
	const char *usage; /* stands in the usage before the operands, or NULL */
	struct command_operand operands[COMMAND_OPERANDS];
	const struct command_option
	    *options; /* ends with a NULL name, or NULL; --help is implied */
	enum command_writes writes;
	/*
	 * Runs while root still is root, and before anything that others wrote is read; may be NULL.
	 * Returns 0, or an exit_status after a message.
	 */
	int (*before)(int argc, char **argv);
	int (*run)(int argc, char **argv); /* argv[0] is the subcommand; returns an exit_status */
};

/* Reads the arguments of one command; the state is the caller's and starts as { .command = … }. */
struct command_args {
	const struct command *command;
	int argc;
	char **argv;
	int at; /* after the last option: index of the first operand */
	unsigned counts[COMMAND_OPERANDS]; /* then: how many operands there are of each kind */
	const char *value; /* argument of the option just returned */
	/* ARG_WORD: index of the word; ARG_WORDS: the sum of 1 << index of each. */
	unsigned long choice;
};

enum { COMMAND_END = -1, COMMAND_ERROR = -2, COMMAND_HELP = -3 };

/*
 * The next option, as its index in the table; its argument has been checked.
 * COMMAND_END when only operands are left (argv[at..argc)) and they are what
 * the table asks for, COMMAND_ERROR after a message, COMMAND_HELP after the
 * help was printed.
 *
 * Where any number of operands is followed by others ("RUNDIR... QUERY..."),
 * paths that are there belong to the first and "--" ends them.
 */
int command_next(struct command_args *a);

/* The exit status for COMMAND_ERROR or COMMAND_HELP. */
int command_ended(int end);

/*
 * Write standard output out.  Returns 0; 1 when nobody reads it any more (a
 * pager was left, or head has its lines), which is no failure; -1 after a
 * message that names the command, unless that is NULL.  error: the errno of an
 * earlier write that failed, or 0.
 */
int command_flush(const char *command, int error);

void command_usage(const struct command *c, FILE *out);

/* Index of a word in a list that ends with NULL, whatever the case of its letters; -1: it is none. */
int command_word(const char *const *words, const char *word, size_t len);

/* A number with its bounds; prints a message that names the option, or the operand, and returns -1 when it is none. */
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
