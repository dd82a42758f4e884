/* Layer: base.  Each distinct text once. */
#ifndef SURVEY_STRPOOL_H
#define SURVEY_STRPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "survey/hashtab.h"
#include "survey/mem.h"

struct strpool {
	struct arena text;
	const char **v;
	size_t n, cap;
	struct hashtab numbers; /* in v */
};

void strpool_init(struct strpool *p);
void strpool_fini(struct strpool *p);
/* The pool's copy of s[0..len), NUL-terminated; equal texts give equal pointers.  len < 4 GiB, no NUL within. */
const char *strpool_put(struct strpool *p, const char *s, size_t len);

#endif
