/* Layer: base.  A command line that grows. */
#ifndef SURVEY_ARGV_H
#define SURVEY_ARGV_H

#include <stddef.h>

struct argv {
	char **v; /* ends with NULL once something was added */
	size_t n, cap;
};

/* Add a copy of each word up to a NULL. */
void argv_add(struct argv *a, const char *word, ...) __attribute__((sentinel));
/* Add one word. */
void argv_printf(struct argv *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The words and the array, a.v of a struct argv; NULL is fine. */
void argv_free(char **v);

#endif
