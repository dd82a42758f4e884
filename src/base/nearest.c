/* Pure. */
#include <string.h>

#include "survey/nearest.h"

#define LETTERS_MAX 62 /* longer words are near to none */

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t
distance(const char *a, const char *b)
{
	size_t rows[3][LETTERS_MAX + 2], la = strlen(a), lb = strlen(b);
	size_t *before = rows[0], *above = rows[1], *row = rows[2], *spare;

	if (la > LETTERS_MAX || lb > LETTERS_MAX)
		return LETTERS_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		spare = before;
		before = above;
		above = row;
		row = spare;
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			row[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = least(row[j], least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return row[lb];
}

void
nearest_init(struct nearest *n, const char *typed)
{
	size_t len = strlen(typed);

	*n = (struct nearest){ .typed = typed, .distance = least(len / 3 + 2, len) };
}

void
nearest_try(struct nearest *n, const char *candidate)
{
	size_t len = strlen(n->typed);
	size_t d = len >= 2 && strncmp(candidate, n->typed, len) == 0
		       ? 1
		       : distance(n->typed, candidate);

	if (d < n->distance) {
		n->distance = d;
		n->word = candidate;
	}
}
