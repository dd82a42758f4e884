/*
 * Validated reading of one JSON document at the speed that record files need.
 *
 * The implementation is simdjson's DOM.  The whole document is checked before
 * simd_parse() returns: UTF-8, structure, strings (no lone surrogates) and
 * numbers, nesting to SIMD_MAX_DEPTH.  A number past 64 bits or past a double, which
 * RFC 8259 allows, is read as a string of the same characters.
 * Nothing here throws, and no C++ type crosses this header.
 */
/* Layer: io */
#ifndef SURVEY_SIMD_H
#define SURVEY_SIMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SIMD_PADDING 64 /* readable bytes that must follow a document */
#define SIMD_MAX_DEPTH 1024 /* levels of arrays and objects */

enum simd_error {
	SIMD_OK,
	SIMD_EMPTY, /* nothing but white space */
	SIMD_TOO_LONG, /* over the parser's limit */
	SIMD_TOO_DEEP, /* over SIMD_MAX_DEPTH */
	SIMD_NOT_UTF8,
	SIMD_BAD_NUMBER, /* 01, 1., .5, 0x10 and the like */
	SIMD_BAD_STRING, /* bad escape, lone surrogate, control character */
	SIMD_TRUNCATED, /* ends inside a string, an array or an object */
	SIMD_SYNTAX,
	SIMD_NERRORS
};

enum simd_type {
	SIMD_NONE, /* no such member */
	SIMD_NULL,
	SIMD_BOOL,
	SIMD_INT, /* fits int64_t */
	SIMD_UINT, /* past INT64_MAX */
	SIMD_DOUBLE,
	SIMD_STRING,
	SIMD_ARRAY,
	SIMD_OBJECT
};

/* A value of the parser's current document; valid until its next parse. */
struct simd_node {
	const void *doc; /* NULL: no value */
	size_t at;
};

/* A string of the current document.  A NUL byte follows it; there may be more in it. */
struct simd_text {
	const char *s; /* NULL: not a string */
	size_t len;
};

/* Walks an array's or an object's values in document order. */
struct simd_iter {
	const void *doc;
	size_t at, end;
	bool object;
};

/* A name to look for, with its length: SIMD_KEY("port").  A path ends with { NULL, 0 }. */
struct simd_key {
	const char *s;
	size_t len;
};
#define SIMD_KEY(literal)                    \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

struct simd_parser; /* one per thread */

struct simd_parser *simd_parser_new(size_t max_len); /* bytes of a document */
void simd_parser_free(struct simd_parser *p);

/*
 * Parse buf[0..len) as one document.  len + SIMD_PADDING bytes must be
 * readable; the text must stay as it is only during the call.  On SIMD_OK
 * *root is the document's value.
 */
enum simd_error simd_parse(
    struct simd_parser *p, const char *buf, size_t len, struct simd_node *root);
/* The same for text without padding, which is copied first. */
enum simd_error simd_parse_copy(
    struct simd_parser *p, const char *buf, size_t len, struct simd_node *root);
const char *simd_error_name(enum simd_error e); /* "not-utf8": for counters and messages */

enum simd_type simd_type(struct simd_node n);

/* Each reads nothing but its own type: false, or a NULL text, for any other. */
bool simd_bool(struct simd_node n, bool *v);
bool simd_int(struct simd_node n, int64_t *v);
bool simd_uint(struct simd_node n, uint64_t *v);
struct simd_text simd_string(struct simd_node n);

/* Member of an object (the first of that name), or a node of type SIMD_NONE. */
struct simd_node simd_get(struct simd_node object, const char *key);
/* The same along "a.b.c"; no array indices, keys without dots. */
struct simd_node simd_path(struct simd_node object, const char *dotted);

/* The same along a path; for what is looked up in every line. */
struct simd_node simd_at(struct simd_node object, const struct simd_key *path);
/* Several members in one pass: value[i] is that of key[i], as simd_get() would find it. */
void simd_get_all(
    struct simd_node object, const struct simd_key *key, size_t n, struct simd_node *value);

/* Iteration over an array or object; over anything else it ends at once. */
struct simd_iter simd_iterate(struct simd_node n);
/* Next value, and its key in *key (NULL may be passed) for an object; false at the end. */
bool simd_next(struct simd_iter *it, struct simd_text *key, struct simd_node *value);

/*
 * Each line of a file that is JSON, in order; lines that are none, or longer than max_line bytes, are
 * passed over, and with having, which may be NULL, those in which that text is not.  Never waits for
 * a FIFO.  Returns 0, or -1 with errno set when the file cannot be opened or read.
 */
int simd_each_line(const char *path, size_t max_line, const char *having,
    void (*fn)(struct simd_node root, void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif
