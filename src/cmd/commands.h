/* The subcommands; each is defined in its own file. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "survey/command.h"

/* One row a command, in the order of --help; a new command adds its row here. */
#define COMMANDS(X) \
	X(run)      \
	X(status)   \
	X(doctor)   \
	X(geo)      \
	X(dns)      \
	X(analyze)  \
	X(weak)     \
	X(graph)    \
	X(report)   \
	X(stats)    \
	X(find)     \
	X(cluster)  \
	X(compare)  \
	X(export)   \
	X(notify)   \
	X(impact)   \
	X(recheck)  \
	X(merge)    \
	X(purge)    \
	X(optout)   \
	X(help)

#define X(name) extern const struct command command_##name;
COMMANDS(X)
#undef X

/* All of them; ends with NULL. */
extern const struct command *const commands[];
/* The command of that name, or NULL. */
const struct command *command_named(const char *name);
/* The same, or NULL after a message that names what may have been meant. */
const struct command *command_wanted(const char *name);

/* What survey says of itself. */
void print_help(FILE *out);

/*
 * Completion: print what the word at `at` of words (words[0] is the program)
 * may be, for the scripts in config/completion, which say how it is read.
 * Returns an exit_status.
 */
int complete(int nwords, char **words, int at);

#endif
