#include <gmp.h>
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"

#include "secret.h"

/*
 * Larger blocks hold products and are not worth the time: no key that is
 * tested, and so no factor of one, comes near.
 */
#define WIPE_MAX ((size_t)1 << 20)
#define STACK_BYTES ((size_t)192 << 10) /* GMP puts up to 64 KiB a function there */

static void *
allocate(size_t size)
{
	return xmalloc(size);
}

static void
release(void *p, size_t size)
{
	if (size <= WIPE_MAX)
		explicit_bzero(p, size);
	free(p);
}

static void *
reallocate(void *p, size_t from, size_t to)
{
	void *moved;

	if (from > WIPE_MAX)
		return xreallocarray(p, 1, to);
	moved = xmalloc(to);
	memcpy(moved, p, from < to ? from : to);
	release(p, from);
	return moved;
}

void
secret_init(void)
{
	mp_set_memory_functions(allocate, reallocate, release);
}

__attribute__((noinline)) void
secret_wipe_stack(void)
{
	char below[STACK_BYTES];

	explicit_bzero(below, sizeof(below));
}
