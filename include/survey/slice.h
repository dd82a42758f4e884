/*
 * The text of an object's members, byte for byte.
 *
 * For passing on parts of a document untouched, which a parsed tree cannot do.
 * The text must be known to be valid JSON (simd_parse() accepted it): these
 * functions find where values end, they do not check them.  On other text
 * they stay within bounds and stop early.
 */
/* Layer: io */
#ifndef SURVEY_SLICE_H
#define SURVEY_SLICE_H

#include <stdbool.h>
#include <stddef.h>

struct slice {
	const char *s;
	size_t len;
};

struct slice_iter {
	const char *p, *end;
};

/* Start at the object that text holds; any other value has no members. */
struct slice_iter slice_members(const char *text, size_t len);
/* Next member: key without its quotes, escapes as written; value without white space around it. */
bool slice_next(struct slice_iter *it, struct slice *key, struct slice *value);
/* The first member of that name (compared as written), or {NULL, 0}. */
struct slice slice_get(const char *text, size_t len, const char *key);

#endif
