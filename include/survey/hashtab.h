/*
 * The one hash table: numbers of things that lie in an array of the caller's.
 *
 * What is hashed comes from outside, so the hash is keyed (SipHash, with a key
 * by chance): nobody can prepare texts that collide.  The order of slots must
 * not show anywhere.  Look for an equal thing, then put the new one:
 *
 *	uint32_t h = hashtab_hash(t, s, len), i;
 *	size_t at;
 *
 *	for (i = hashtab_first(t, h, &at); i != HASHTAB_NONE; i = hashtab_next(t, h, &at))
 *		if (equal(i, s, len))
 *			return i;
 *	hashtab_put(t, h, n);
 */
/* Layer: base */
#ifndef SURVEY_HASHTAB_H
#define SURVEY_HASHTAB_H

#include <stddef.h>
#include <stdint.h>

#include "survey/hash.h"

#define HASHTAB_NONE UINT32_MAX

struct hashtab_slot {
	uint32_t hash;
	uint32_t number; /* plus one; 0: free */
};

struct hashtab {
	struct hashtab_slot *slots; /* a power of two, linear probing */
	size_t nslots, n;
	struct hash_key key;
};

void hashtab_init(struct hashtab *t);
void hashtab_fini(struct hashtab *t);
uint32_t hashtab_hash(const struct hashtab *t, const void *data, size_t len);
/* Number may stand in the table already; it is then there twice. */
void hashtab_put(struct hashtab *t, uint32_t hash, uint32_t number);

/* The next number of that hash from slot *at on, or HASHTAB_NONE. */
static inline uint32_t
hashtab_scan(const struct hashtab *t, uint32_t hash, size_t *at)
{
	for (size_t mask = t->nslots - 1;; *at = (*at + 1) & mask) {
		const struct hashtab_slot *s = &t->slots[*at];

		if (s->number == 0)
			return HASHTAB_NONE;
		if (s->hash == hash)
			return s->number - 1;
	}
}

static inline uint32_t
hashtab_first(const struct hashtab *t, uint32_t hash, size_t *at)
{
	*at = hash & (t->nslots - 1);
	return hashtab_scan(t, hash, at);
}

static inline uint32_t
hashtab_next(const struct hashtab *t, uint32_t hash, size_t *at)
{
	*at = (*at + 1) & (t->nslots - 1);
	return hashtab_scan(t, hash, at);
}

#endif
