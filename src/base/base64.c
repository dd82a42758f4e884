/* Pure. */
#include "survey/base64.h"
#include "survey/buf.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(struct buf *out, const void *data, size_t len)
{
	const unsigned char *p = data;

	buf_reserve(out, len / 3 * 4 + 8);
	for (size_t i = 0; i < len; i += 3) {
		unsigned v = (unsigned)p[i] << 16;
		size_t n = len - i;

		if (n > 1)
			v |= (unsigned)p[i + 1] << 8;
		if (n > 2)
			v |= p[i + 2];
		buf_addc(out, digits[v >> 18]);
		buf_addc(out, digits[v >> 12 & 63]);
		buf_addc(out, n > 1 ? digits[v >> 6 & 63] : '=');
		buf_addc(out, n > 2 ? digits[v & 63] : '=');
	}
}

void
base64_fingerprint(struct buf *out, const uint8_t sha256[static 32])
{
	buf_adds(out, "SHA256:");
	base64_encode(out, sha256, 32);
	out->data[--out->len] = '\0'; /* 32 bytes are padded by one character */
}

/* By character: the value of a digit plus one; 0 for any other.  A table, as digits come in no order. */
static const uint8_t values[256] = {
	/* clang-format off */
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8,
	['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
	['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
	['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
	['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
	['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
	['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
	/* clang-format on */
};

bool
base64_decode(const char *text, size_t len, uint8_t *out, size_t *n)
{
	uint32_t bits = 0;
	int nbits = 0;

	*n = 0;
	if (len > 0 && len % 4 == 0) {
		for (int pad = 0; pad < 2 && text[len - 1] == '='; pad++)
			len--;
	}
	if (len % 4 == 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		uint8_t v = values[(unsigned char)text[i]];

		if (v == 0)
			return false;
		bits = bits << 6 | (v - 1U);
		nbits += 6;
		if (nbits >= 8) {
			nbits -= 8;
			out[(*n)++] = (uint8_t)(bits >> nbits);
		}
	}
	return (bits & ((1U << nbits) - 1)) == 0;
}
