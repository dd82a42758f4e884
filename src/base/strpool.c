#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "survey/strpool.h"

#define FIRST_SLOTS 1024

/* FNV-1a's scheme over 8 bytes at a time, with a final mix. */
static uint32_t
hash_text(uint64_t seed, const char *s, size_t len)
{
	uint64_t h = seed ^ len, w;

	for (; len >= 8; s += 8, len -= 8) {
		memcpy(&w, s, 8);
		h = (h ^ w) * 0x9fb21c651e98df25ULL;
		h ^= h >> 29;
	}
	w = 0;
	memcpy(&w, s, len);
	h = (h ^ w) * 0x9fb21c651e98df25ULL;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return (uint32_t)(h >> 32);
}

uint64_t
hash_seed(void)
{
	uint64_t seed = 0xcbf29ce484222325ULL;

	(void)!getrandom(&seed, sizeof(seed), GRND_NONBLOCK);
	return seed;
}

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
