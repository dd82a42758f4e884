/* The directory of one run: made or found, locked, with its own copy of config and databases. */
#ifndef LIVE_CHOOSE_H
#define LIVE_CHOOSE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "survey/config.h"
#include "survey/run.h"

#include "survey/rundir.h"

struct rundir {
	char *path; /* "." when the absolute one cannot be walked without privileges */
	char *shown; /* the absolute path, for messages */
	int lock; /* descriptor, -1 = not locked */
	int choice; /* descriptor of run.directory, held while a run is chosen, or -1 */
	bool resumed; /* the directory holds the beginning of this run */
};

/*
 * Find the unfinished run of this config, or make a new directory, owned by
 * uid and gid.  Says which in a message.  Returns 0, or an exit_status after a message.
 */
int rundir_choose(
    struct rundir *d, const struct config *c, const struct run_options *o, uid_t uid, gid_t gid);
/* The directory has its run.json: others may choose theirs. */
void rundir_chosen(struct rundir *d);
/* Take the lock.  Returns 0, or an exit_status after a message. */
int run_directory_lock(struct rundir *d);
/*
 * The config that the run was started with against the one of now: copied in
 * when the run is new, else compared.  Returns 0, or an exit_status after a message with a diff.
 */
int rundir_config(struct rundir *d, const struct config *c, bool force, char digest[65]);
/*
 * Keep the run's own copy of what source, an open database, holds, unless a
 * resumed run has it.  A hard link would not do: whoever cuts the file short
 * would end the run with SIGBUS.  Returns 0, or -1 with errno set.
 */
int rundir_keep(const struct rundir *d, int source, const char *copy);
/* Point DIR/../latest at it. */
void rundir_latest(const struct rundir *d, const struct config *c);
void rundir_fini(struct rundir *d);

#endif
