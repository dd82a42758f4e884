/* Layer: io.  A JSON generator that writes as it goes and remembers its first error. */
#ifndef SURVEY_JSONW_H
#define SURVEY_JSONW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "survey/buf.h"

/*
 * Separators are the generator's business: call the functions in document
 * order.  Writes no white space.  With a stream the text is
 * passed on in large pieces and jsonw_flush() reports whether all of it was
 * taken; without one it stays in out.
 */
struct jsonw {
	FILE *f;
	struct buf out;
	bool comma;
	int error; /* errno of the first failed write */
};

void jsonw_init(struct jsonw *w, FILE *f); /* f is borrowed and may be NULL */
void jsonw_fini(struct jsonw *w);
int jsonw_flush(struct jsonw *w); /* 0, or -1 with errno set to the first error */

void jsonw_object(struct jsonw *w);
void jsonw_end_object(struct jsonw *w);
void jsonw_array(struct jsonw *w);
void jsonw_end_array(struct jsonw *w);
void jsonw_key(struct jsonw *w, const char *key); /* any text, escaped */
/* A key that is written in the source and needs no escapes, where there are millions of them. */
#define JSONW_KEY(w, key) jsonw_made_key(w, "\"" key "\":", sizeof("\"" key "\":") - 1)
void jsonw_made_key(struct jsonw *w, const char *text, size_t len); /* with its quotes and colon */
void jsonw_string(struct jsonw *w, const char *s);
void jsonw_stringn(struct jsonw *w, const char *s, size_t len);
void jsonw_int(struct jsonw *w, int64_t v);
void jsonw_uint(struct jsonw *w, uint64_t v);
void jsonw_double(struct jsonw *w, double v, int decimals);
void jsonw_bool(struct jsonw *w, bool v);
void jsonw_null(struct jsonw *w);
void jsonw_hex(struct jsonw *w, const uint8_t *p, size_t len); /* a string of hex digits */
void jsonw_raw(struct jsonw *w, const char *json, size_t len); /* a value that is JSON already */
/* Members or elements that are JSON already: many, with their commas, or a part of their text. */
void jsonw_part(struct jsonw *w, const char *json, size_t len);
/* A key with its value; NULL is null. */
void jsonw_member_string(struct jsonw *w, const char *key, const char *s);
void jsonw_member_known(struct jsonw *w, const char *key, bool known, uint64_t v); /* or null */
void jsonw_member_uint(struct jsonw *w, const char *key, uint64_t v);
/* End of a top-level value: a newline, and the next value starts afresh (NDJSON). */
void jsonw_newline(struct jsonw *w);

#endif
