/* Pure: bytes as hexadecimal digits. */
#include "survey/buf.h"
#include "survey/hex.h"

bool
hex_parse(const char *s, size_t len, uint8_t *out, size_t n)
{
	int all = 0; /* negative once a character is no digit */

	if (len != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_value(s[2 * i]), lo = hex_value(s[2 * i + 1]);

		all |= hi | lo;
		out[i] = (uint8_t)((unsigned)hi << 4 | (unsigned)lo);
	}
	return all >= 0;
}

void
hex_format(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

void
hex_add(struct buf *b, const uint8_t *p, size_t n)
{
	buf_reserve(b, 2 * n);
	hex_format(p, n, b->data + b->len);
	b->len += 2 * n;
}
