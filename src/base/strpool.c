#include <stdlib.h>
#include <string.h>

#include "survey/strpool.h"

void
strpool_init(struct strpool *p)
{
	memset(p, 0, sizeof(*p));
	arena_init(&p->text);
	hashtab_init(&p->numbers);
}

void
strpool_fini(struct strpool *p)
{
	arena_fini(&p->text);
	hashtab_fini(&p->numbers);
	free(p->v);
	memset(p, 0, sizeof(*p));
}

const char *
strpool_put(struct strpool *p, const char *s, size_t len)
{
	uint32_t h = hashtab_hash(&p->numbers, s, len), i;
	size_t at;

	for (i = hashtab_first(&p->numbers, h, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&p->numbers, h, &at)) {
		if (strncmp(p->v[i], s, len) == 0 && p->v[i][len] == '\0')
			return p->v[i];
	}
	mem_grow(&p->v, &p->cap, p->n + 1, sizeof(*p->v));
	p->v[p->n] = arena_strndup(&p->text, s, len);
	hashtab_put(&p->numbers, h, (uint32_t)p->n);
	return p->v[p->n++];
}
