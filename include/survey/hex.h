/* Layer: base.  Bytes as hexadecimal digits. */
#ifndef SURVEY_HEX_H
#define SURVEY_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* The value of a digit in either case, or -1. */
static inline int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Exactly n bytes of 2 n digits in either case; false when s is anything else. */
bool hex_parse(const char *s, size_t len, uint8_t *out, size_t n);
/* Append n bytes in lower case. */
void hex_add(struct buf *b, const uint8_t *p, size_t n);

#endif
