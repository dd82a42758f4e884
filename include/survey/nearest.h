/* Layer: base.  Which of several words somebody may have meant. */
#ifndef SURVEY_NEAREST_H
#define SURVEY_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *typed; /* borrowed */
	const char *word; /* the nearest candidate so far, NULL when none is near */
	size_t distance; /* only what is nearer than this replaces word */
};

/* A word of n letters may be wrong in about a third of them. */
void nearest_init(struct nearest *n, const char *typed);

/*
 * Offer a candidate (borrowed).  What counts is the number of edits: a letter
 * more, less or another, or two neighbours swapped (optimal string alignment);
 * a candidate that begins with the word is one edit away.
 */
void nearest_try(struct nearest *n, const char *candidate);

#endif
