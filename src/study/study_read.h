/* The readers of the files of a run directory. */
#ifndef STUDY_READ_H
#define STUDY_READ_H

#include <stddef.h>
#include <stdint.h>

#include "survey/simd.h"
#include "survey/study.h"

/* First character of a key that the file only implies; no fingerprint starts so. */
#define STUDY_UNNAMED '?'

/*
 * Call each() with every object of the JSON array in text, whatever the white
 * space between them; a trailing comma, as old files have it, does not
 * matter.  What is no object or does not parse is counted in st->bad.  One
 * object is in memory at a time.
 */
void study_elements(struct study *st, const char *text, size_t len,
    void (*each)(struct study *, struct simd_node, void *), void *arg);

void study_read_clusters(struct study *st, const char *text, size_t len);
/* Hosts, pairs, keys, facts and names of collisions.json; makes the clusters. */
void study_read_collisions(struct study *st, const char *text, size_t len);
/* Hosts, keys, facts and names of all-key-fingerprints.json. */
void study_read_hosts(struct study *st, const char *text, size_t len);
void study_read_verdicts(struct study *st, const char *text, size_t len, bool names);

/* Versions and software of ports that are known already; after study_finish(). */
void study_read_db(struct study *st, const char *path);

#endif
