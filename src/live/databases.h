/* The geo databases of a run: taken from where the config names them, kept in the run directory. */
#ifndef LIVE_DATABASES_H
#define LIVE_DATABASES_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "survey/config.h"
#include "survey/digest.h"
#include "survey/georanges.h"
#include "survey/identity.h"
#include "survey/ip.h"

/* Those of two keys, and the CSV files of a third. */
#define NDATABASES (GEO_NKINDS + GEO_CSV_FILES)

struct databases {
	char *path[NDATABASES]; /* for messages; NULL: the config names none */
	int fd[NDATABASES]; /* what it held when it was taken, in memory; -1: none */
	char digest[NDATABASES][DIGEST_SIZE]; /* of that */
};

/* How the record of a run's target lists names each of them. */
extern const char *const database_names[NDATABASES];

void databases_init(struct databases *d);
void databases_fini(struct databases *d);

/*
 * Take what the config names, with the eyes of run.user: where root goes, links
 * could have been planted.  Returns 0, or -1 with the reason in *error (the
 * caller frees it).
 */
int databases_take(
    struct databases *d, const struct config *c, const struct identity *id, char **error);

/*
 * Take the run's own copies below dir.  They are run.user's: what they are worth
 * says their digest.  Returns 0, or -1 when they are not all there.
 */
int databases_take_kept(struct databases *d, const struct config *c, int dir);

/*
 * Make the run's own copies below dir, as run.user: those that it lacks, or all
 * of them.  Returns 0, or -1 with the reason in *error (the caller frees it).
 */
int databases_keep(
    const struct databases *d, int dir, const struct identity *id, bool all, char **error);

/*
 * The networks that a query asks for (geo_list()), found by a child that can do
 * nothing else and whose answer is checked.  stop ends it; errno is EINTR then.
 */
int databases_ranges(const struct databases *d, const struct geo_query *q, struct ipset *out,
    struct geo_stats *stats, const volatile sig_atomic_t *stop, char **error);

#endif
