/* Whom root becomes for a command, and which directories are other users'. */
#ifndef PLACES_H
#define PLACES_H

#include "survey/command.h"

/*
 * Before a command runs: as root, take on the identity of whoever owns the
 * directory that it writes into; without one, of the directories that it reads,
 * if they have one owner.  Other users' directories are named to foreign.h.
 * Commands with a config file are left alone: that says whom root becomes.
 * Returns 0; an exit_status after a message; or PLACES_DONE when the help was
 * asked for and printed.
 */
enum { PLACES_DONE = -1 };
int places_enter(const struct command *c, int argc, char **argv);

#endif
