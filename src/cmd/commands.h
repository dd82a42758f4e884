/* The subcommands; each is defined in its own cmd_NAME.c. */
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
	X(graph)    \
	X(report)   \
	X(stats)

#define X(name) extern const struct command command_##name;
COMMANDS(X)
#undef X

#endif
