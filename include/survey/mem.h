/* Layer: base.  Allocation that cannot fail: out of memory aborts with a message. */
#ifndef SURVEY_MEM_H
#define SURVEY_MEM_H

#include <stddef.h>

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
/* The same for what is read before it is written: pages are written at once, not mapped twice. */
void *xcleared(size_t n, size_t size);
void *xreallocarray(void *p, size_t n, size_t size);
void *xaligned(size_t size); /* to 64 bytes; free() as usual */
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Grow the array *p of elements of size bytes so that it holds at least need; *cap is its room. */
void mem_grow(void *p, size_t *cap, size_t need, size_t size);

/*
 * A region of memory that is freed as a whole.  Strings and arrays that live
 * as long as a run go here: no header and no free list per object.
 */
struct arena {
	struct arena_block *head;
	size_t used; /* bytes given out, for cost accounting */
};

void arena_init(struct arena *a);
void arena_fini(struct arena *a);
void arena_reset(struct arena *a); /* empty again, with one block kept for what comes next */
void *arena_alloc(struct arena *a, size_t size); /* aligned for any type, not cleared */
char *arena_strndup(struct arena *a, const char *s, size_t len);

#endif
