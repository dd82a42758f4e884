/* The levels of a product tree, in memory or, past a budget, in an unnamed file. */
#ifndef WEAK_LEVELS_H
#define WEAK_LEVELS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "nat.h"

struct level {
	mp_limb_t *limbs; /* NULL: in the file, or gone */
	uint32_t *size; /* limbs in use, by node */
	size_t nlimbs; /* room of all nodes */
	off_t at; /* place in the file */
	bool kept; /* counted in level_store.held */
};

struct level_store {
	const char *dir; /* where the file is made; borrowed */
	int fd; /* -1: no file yet */
	off_t end;
	size_t budget, held; /* bytes that levels in memory may take, and take */
};

void level_store_init(struct level_store *s, const char *dir, size_t budget);
void level_store_fini(struct level_store *s);

void level_init(struct level *l, size_t nlimbs, size_t nnodes);
void level_fini(struct level_store *s, struct level *l);
/*
 * The level is complete and will be read again later: keep it in memory if the
 * budget allows, else write it into the file.  Nothing in it is secret: products
 * of public keys.  Returns 0, or -1 with errno set.
 */
int level_keep(struct level_store *s, struct level *l);
/* n limbs from limb at on: a pointer into memory, or a copy in room.  NULL with errno set. */
const mp_limb_t *level_read(
    const struct level_store *s, const struct level *l, size_t at, size_t n, mp_limb_t *room);

#endif
