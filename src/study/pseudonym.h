/* Pseudonyms of a study's texts. */
#ifndef STUDY_PSEUDONYM_H
#define STUDY_PSEUDONYM_H

#include <stdbool.h>

#include "survey/study.h"

#define PSEUDONYM_KEY 32 /* bytes */

/* HMAC-SHA-256 (RFC 2104) of kind, a NUL byte and the text. */
void pseudonym_hash(const unsigned char key[PSEUDONYM_KEY], const char *kind, const char *text,
    unsigned char out[32]);

/* Read DIR/anonymise.key, or make it.  Returns 0, or -1 after a message. */
int pseudonym_key(const char *dir, unsigned char key[PSEUDONYM_KEY]);

/*
 * Replace every text of st by its pseudonym; a text that only hosts of the
 * kept ASes show stays.  Software names and unknown algorithm names go.
 */
void pseudonym_study(struct study *st, const unsigned char key[PSEUDONYM_KEY],
    const uint32_t *keep_as, size_t nkeep_as);

#endif
