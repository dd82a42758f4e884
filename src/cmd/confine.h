/* Before a command reads what others wrote, it gives up all that it does not need. */
#ifndef CMD_CONFINE_H
#define CMD_CONFINE_H

#include <stdbool.h>

#define NO_SANDBOX_OPTION                                                                  \
	{                                                                                  \
		"no-sandbox", 0, NULL, "do without the sandbox (see SANDBOX in survey(1))" \
	}

/*
 * Enter SANDBOX_OFFLINE, unless off.  read: files and directories that are
 * read.  write: directories that are changed and files that are made or
 * replaced; directories must be there.  output: files that are open, and
 * directories of write, which get these names later (outfile_commit(),
 * rename(2)).  All are lists that end with NULL and may be NULL themselves.
 * Returns 0, or -1 after a message.
 */
int confine(bool off, const char *const *read, const char *const *write, const char *const *output);

/*
 * The same for a command that draws what path holds into output, a directory
 * that is made, or, when it is NULL, into path or beside it.  made: what takes
 * output's place when that is a copy (copy_begin()), else NULL.  also: one more
 * that is read, or NULL.
 */
int confine_drawing(
    bool off, const char *path, const char *also, const char *output, const char *made);

/* Make a directory and its parents.  Returns 0, or -1 after a message. */
int confine_make(const char *dir);

#endif
