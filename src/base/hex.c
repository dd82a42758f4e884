/* Pure: bytes as hexadecimal digits. */
#include "survey/buf.h"
#include "survey/hex.h"

bool
hex_parse(const char *s, size_t len, uint8_t *out, size_t n)
{
	if (len != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_value(s[2 * i]), lo = hex_value(s[2 * i + 1]);

		if (hi == -1 || lo == -1)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

void
hex_add(struct buf *b, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	buf_reserve(b, 2 * n);
	for (size_t i = 0; i < n; i++) {
		buf_addc(b, digits[p[i] >> 4]);
		buf_addc(b, digits[p[i] & 15]);
	}
}
