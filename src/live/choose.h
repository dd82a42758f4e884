/* The directory of one run: found or made, locked, with its own copy of the config. */
#ifndef LIVE_CHOOSE_H
#define LIVE_CHOOSE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "survey/config.h"
#include "survey/digest.h"
#include "survey/identity.h"
#include "survey/run.h"
#include "survey/rundir.h"

struct rundir {
	char *path; /* "." when the absolute one cannot be walked without privileges */
	char *shown; /* the absolute path, for messages */
	int fd; /* of the directory; -1: it is not there yet */
	int parent; /* of the directory in which it lies or will lie; -1: not known yet */
	int lock; /* descriptor, -1 = not locked */
	int choice; /* descriptor of run.directory, held while a run is chosen, or -1 */
	bool resumed; /* the directory holds the beginning of this run */
	struct manifest_earlier
	    earlier; /* the last complete run of this config, of those looked at */
};

/* All descriptors -1. */
void rundir_init(struct rundir *d);
void rundir_fini(struct rundir *d);
/*
 * Find the unfinished run of this config, or a name for a new one: d->fd is -1
 * then.  As root, only where nobody but root and run.user decides what lies
 * where (trust.h), and what run.user may have written is read by a child that
 * is run.user.  Returns 0, or an exit_status after a message.
 */
int rundir_find(struct rundir *d, const struct config *c, const struct run_options *o,
    const struct identity *id);
/* Make the directory, run.user's, unless it is there.  Returns 0, or an exit_status after a message. */
int rundir_make(struct rundir *d, const struct run_options *o, const struct identity *id);
/* Point run.directory/latest at it, or with --shard latest-I-of-N, if it lies there. */
void rundir_latest(const struct rundir *d, const struct config *c, const struct run_options *o,
    const struct identity *id);
/* The directory has its run.json: others may choose theirs. */
void rundir_chosen(struct rundir *d);
/* Take the lock.  Returns 0, or an exit_status after a message. */
int run_directory_lock(struct rundir *d);
/*
 * The config that the run was started with against the one of now: copied in
 * when the run is new, else compared.  digest: config_digest().  Returns 0, or an exit_status after
 * a message with a diff.
 */
int rundir_config(
    struct rundir *d, const struct config *c, bool force, char digest[static DIGEST_SIZE]);

#endif
