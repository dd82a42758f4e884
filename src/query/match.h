/* Two studies beside each other: hosts by address, keys by fingerprint, never by number. */
#ifndef QUERY_MATCH_H
#define QUERY_MATCH_H

#include <stdbool.h>

#include "survey/study.h"

/* a and b are borrowed. */
struct match {
	const struct study *a, *b;
	uint32_t *host_b, *host_a; /* by host of a (b): the same address in b (a), or STUDY_NONE */
	uint32_t *key_b, *key_a; /* likewise by key */
};

void match_init(struct match *m, const struct study *a, const struct study *b);
void match_fini(struct match *m);

/*
 * Are two grabs of one port and one type of key?  An SSH server that is asked for another
 * type of key shows another key, and changed nothing.
 */
bool match_same_type(const struct study *a, const struct study_grab *x, const struct study *b,
    const struct study_grab *y);

#endif
