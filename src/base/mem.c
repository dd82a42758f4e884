#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"

#define ARENA_BLOCK (256U * 1024)

struct arena_block {
	struct arena_block *next;
	size_t used;
	size_t size;
	_Alignas(max_align_t) char data[];
};

static _Noreturn void
out_of_memory(size_t n, size_t size)
{
	fprintf(stderr, "survey: out of memory (%zu x %zu bytes)\n", n, size);
	abort();
}

void *
xmalloc(size_t size)
{
	return xreallocarray(NULL, 1, size);
}

void *
xcalloc(size_t n, size_t size)
{
	void *p = calloc(n != 0 ? n : 1, size != 0 ? size : 1);

	if (p == NULL)
		out_of_memory(n, size);
	return p;
}

void *
xcleared(size_t n, size_t size)
{
	void *p = xreallocarray(NULL, n, size);

	memset(p, 0, n * size);
	return p;
}

void *
xreallocarray(void *p, size_t n, size_t size)
{
	if (n == 0 || size == 0)
		n = size = 1;
	if ((p = reallocarray(p, n, size)) == NULL)
		out_of_memory(n, size);
	return p;
}

void *
xaligned(size_t size)
{
	void *p;

	if (posix_memalign(&p, 64, size != 0 ? size : 1) != 0)
		out_of_memory(1, size);
	return p;
}

char *
xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *
xstrndup(const char *s, size_t len)
{
	char *p = xmalloc(len + 1);

	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) == -1)
		out_of_memory(1, 0);
	va_end(ap);
	return s;
}

void
mem_grow(void *p, size_t *cap, size_t need, size_t size)
{
	void **array = p;
	size_t room = *cap;

	if (need <= room)
		return;
	if (room < 8)
		room = 8;
	while (room < need) {
		if (room > SIZE_MAX / 2)
			out_of_memory(need, size);
		room *= 2;
	}
	*array = xreallocarray(*array, room, size);
	*cap = room;
}

void
arena_init(struct arena *a)
{
	a->head = NULL;
	a->used = 0;
}

void
arena_fini(struct arena *a)
{
	struct arena_block *next;

	for (struct arena_block *b = a->head; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	arena_init(a);
}

void
arena_reset(struct arena *a)
{
	struct arena_block *keep = NULL, *next;

	for (struct arena_block *b = a->head; b != NULL; b = next) {
		next = b->next;
		if (keep == NULL && b->size == ARENA_BLOCK)
			keep = b;
		else
			free(b);
	}
	if (keep != NULL) {
		keep->next = NULL;
		keep->used = 0;
	}
	a->head = keep;
	a->used = 0;
}

static void *
arena_take(struct arena *a, size_t size, size_t align)
{
	struct arena_block *b = a->head;
	size_t at = b != NULL ? (b->used + align - 1) & ~(align - 1) : 0;

	if (b == NULL || at > b->size || size > b->size - at) {
		size_t room = size > ARENA_BLOCK / 4 ? size : ARENA_BLOCK;

		b = xmalloc(sizeof(*b) + room);
		b->size = room;
		b->used = at = 0;
		/* A block made for one large object goes second: the head keeps its free room. */
		if (room != ARENA_BLOCK && a->head != NULL) {
			b->next = a->head->next;
			a->head->next = b;
		} else {
			b->next = a->head;
			a->head = b;
		}
	}
	b->used = at + size;
	a->used += size;
	return b->data + at;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	return arena_take(a, size, _Alignof(max_align_t));
}

char *
arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *p = arena_take(a, len + 1, 1);

	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}
