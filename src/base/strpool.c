#include <stdlib.h>
#include <string.h>

#include "survey/hash.h"
#include "survey/strpool.h"

#define FIRST_SLOTS 1024

void
strpool_init(struct strpool *p)
{
	memset(p, 0, sizeof(*p));
	arena_init(&p->text);
	p->seed = hash_seed();
}

void
strpool_fini(struct strpool *p)
{
	arena_fini(&p->text);
	free(p->slot);
	free(p->hash);
	memset(p, 0, sizeof(*p));
}

static void
grow(struct strpool *p)
{
	size_t nslots = p->nslots == 0 ? FIRST_SLOTS : p->nslots * 2;
	const char **slot = xcalloc(nslots, sizeof(*slot));
	uint32_t *hash = xcalloc(nslots, sizeof(*hash));

	for (size_t i = 0; i < p->nslots; i++) {
		size_t at;

		if (p->slot[i] == NULL)
			continue;
		for (at = p->hash[i] & (nslots - 1); slot[at] != NULL; at = (at + 1) & (nslots - 1))
			;
		slot[at] = p->slot[i];
		hash[at] = p->hash[i];
	}
	free(p->slot);
	free(p->hash);
	p->slot = slot;
	p->hash = hash;
	p->nslots = nslots;
}

const char *
strpool_put(struct strpool *p, const char *s, size_t len)
{
	uint32_t h = hash_text(p->seed, s, len);
	size_t at;

	if (p->n * 4 >= p->nslots * 3)
		grow(p);
	for (at = h & (p->nslots - 1); p->slot[at] != NULL; at = (at + 1) & (p->nslots - 1)) {
		if (p->hash[at] == h && strncmp(p->slot[at], s, len) == 0 &&
		    p->slot[at][len] == '\0')
			return p->slot[at];
	}
	p->slot[at] = arena_strndup(&p->text, s, len);
	p->hash[at] = h;
	p->n++;
	return p->slot[at];
}

size_t
strpool_bytes(const struct strpool *p)
{
	return p->text.used + p->nslots * (sizeof(*p->slot) + sizeof(*p->hash));
}
