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
	unsigned digit = (unsigned char)c - (unsigned)'0';
	unsigned letter = ((unsigned char)c | 0x20u) - (unsigned)'a';

	return digit < 10 ? (int)digit : letter < 6 ? (int)letter + 10 : -1;
}

/* Exactly n bytes of 2 n digits in either case; false when s is anything else, and out is of no use. */
bool hex_parse(const char *s, size_t len, uint8_t *out, size_t n);
/* n bytes as 2 n digits in lower case, and a NUL. */
void hex_format(const uint8_t *p, size_t n, char *out);
/* Append them. */
void hex_add(struct buf *b, const uint8_t *p, size_t n);

#endif
