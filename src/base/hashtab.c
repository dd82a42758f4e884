/* Pure. */
#include <stdlib.h>
#include <string.h>

#include "survey/hashtab.h"
#include "survey/mem.h"

#define FIRST_SLOTS 64

void
hashtab_init(struct hashtab *t)
{
	t->nslots = FIRST_SLOTS;
	t->n = 0;
	t->slots = xcleared(t->nslots, sizeof(*t->slots));
	hash_key_make(&t->key);
}

void
hashtab_fini(struct hashtab *t)
{
	free(t->slots);
	memset(t, 0, sizeof(*t));
}

uint32_t
hashtab_hash(const struct hashtab *t, const void *data, size_t len)
{
	return hash_bytes(&t->key, data, len);
}

static void
place(struct hashtab_slot *slots, size_t nslots, struct hashtab_slot s)
{
	size_t at = s.hash & (nslots - 1);

	while (slots[at].number != 0)
		at = (at + 1) & (nslots - 1);
	slots[at] = s;
}

static void
grow(struct hashtab *t)
{
	size_t nslots = t->nslots * 2;
	struct hashtab_slot *slots = xcleared(nslots, sizeof(*slots));

	for (size_t i = 0; i < t->nslots; i++) {
		if (t->slots[i].number != 0)
			place(slots, nslots, t->slots[i]);
	}
	free(t->slots);
	t->slots = slots;
	t->nslots = nslots;
}

void
hashtab_put(struct hashtab *t, uint32_t hash, uint32_t number)
{
	if ((t->n + 1) * 3 > t->nslots * 2)
		grow(t);
	place(t->slots, t->nslots, (struct hashtab_slot){ hash, number + 1 });
	t->n++;
}
