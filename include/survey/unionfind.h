/* Disjoint sets of numbers: which of them hang together. */
/* Layer: base */
#ifndef SURVEY_UNIONFIND_H
#define SURVEY_UNIONFIND_H

#include <stdint.h>
#include <stdlib.h>

#include "survey/mem.h"

/* Of n numbers, each in a set of its own; free() it. */
static inline uint32_t *
unionfind_new(uint32_t n)
{
	uint32_t *parent = xcalloc((size_t)n + 1, sizeof(*parent));

	for (uint32_t i = 0; i < n; i++)
		parent[i] = i;
	return parent;
}

/* The lowest number of i's set. */
static inline uint32_t
unionfind_root(uint32_t *parent, uint32_t i)
{
	while (parent[i] != i) {
		parent[i] = parent[parent[i]];
		i = parent[i];
	}
	return i;
}

/* Make one set of two.  The lower root becomes the root. */
static inline void
unionfind_join(uint32_t *parent, uint32_t a, uint32_t b)
{
	a = unionfind_root(parent, a);
	b = unionfind_root(parent, b);
	if (a < b)
		parent[b] = a;
	else
		parent[a] = b;
}

#endif
