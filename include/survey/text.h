/* Layer: base.  Remote text cut to size for people to read. */
#ifndef SURVEY_TEXT_H
#define SURVEY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/*
 * Append at most max characters of s as well-formed UTF-8 on one line.
 * Control characters, invalid bytes and characters that reorder or hide text
 * become U+FFFD; what is cut off is shown by an ellipsis.
 */
void text_plain(struct buf *out, const char *s, size_t len, size_t max);

/* The columns of a terminal that well-formed UTF-8 fills: a character is one. */
size_t text_width(const char *s);
void text_pad(struct buf *out, size_t n); /* n blanks */

/* 12,345: digits in groups of three. */
void text_count(struct buf *out, unsigned long long n);
/* "1 host", "12,345 hosts": the number, and the word for one or for many. */
void text_counted(struct buf *out, unsigned long long n, const char *one, const char *many);

/* The same; with more, of which nobody knows how many: "at least 3 ASes", "unknown ASes". */
void text_known(
    struct buf *out, unsigned long long n, bool more, const char *one, const char *many);

/* The word for one or for many: "host", "hosts". */
const char *text_noun(unsigned long long n, const char *one, const char *many);

/* "4G", "512M", "1048576": bytes, with K, M, G or T as powers of 1,024; false: it is none, or 0. */
bool text_parse_bytes(const char *s, uint64_t *bytes);

/* "1h05m", "3m20s", "12s"; returns buf. */
const char *text_duration(double seconds, char *buf, size_t size);

#endif
