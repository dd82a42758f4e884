/* Keys that are known to be bad, made anew for each run, so that it shows whether it finds them. */
#ifndef WEAK_PLANTS_H
#define WEAK_PLANTS_H

#include <gmp.h>
#include <stdint.h>

#include "survey/weak.h"

#include "lists.h"

#define NPLANTS 20

struct plant {
	const char *what; /* for the message, should it not be found */
	uint32_t expected; /* kinds as bits: exactly these must be found */
	int partner; /* number of the plant that it must be grouped with, or -1 */
	struct weak_key key;
};

struct plants {
	struct plant plants[NPLANTS];
	uint32_t n;
	mpz_t known; /* the prime that one of them has and that counts as known */
	struct fp_list rows, text; /* lists with one of them each */
	uint8_t row[LIST_ROW];
	uint8_t *bytes; /* of their numbers; wiped at the end */
	size_t used, cap;
};

void plants_init(struct plants *p);
void plants_fini(struct plants *p);

/*
 * Do the planted keys, which are first and the following in the result, have exactly the
 * findings that they must have?  Returns NULL, or what is wrong; the caller frees it.
 */
char *plants_check(const struct plants *p, uint32_t first, const struct findings *result);

#endif
