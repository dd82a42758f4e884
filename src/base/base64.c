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

/* Value of a digit; -1 for any other character. */
static int
value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

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
		int v = value(text[i]);

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		nbits += 6;
		if (nbits >= 8) {
			nbits -= 8;
			out[(*n)++] = (uint8_t)(bits >> nbits);
		}
	}
	return (bits & ((1U << nbits) - 1)) == 0;
}
