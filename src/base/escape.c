#include <stdio.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/escape.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

size_t
utf8_decode(const char *text, size_t len, uint32_t *cp)
{
	const unsigned char *s = (const unsigned char *)text;
	uint32_t c, least;
	size_t n;

	if (len == 0)
		return 0;
	if (s[0] < 0x80) {
		*cp = s[0];
		return 1;
	} else if ((s[0] & 0xe0) == 0xc0) {
		n = 2, c = s[0] & 0x1f, least = 0x80;
	} else if ((s[0] & 0xf0) == 0xe0) {
		n = 3, c = s[0] & 0x0f, least = 0x800;
	} else if ((s[0] & 0xf8) == 0xf0) {
		n = 4, c = s[0] & 0x07, least = 0x10000;
	} else {
		return 0;
	}
	if (len < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*cp = c;
	return n;
}

bool
utf8_valid(const char *s, size_t len)
{
	uint32_t cp;

	for (size_t i = 0, n; i < len; i += n) {
		if ((n = utf8_decode(s + i, len - i, &cp)) == 0)
			return false;
	}
	return true;
}

/* Characters that reorder or hide text: bidi controls, zero-width, line and paragraph separators. */
static bool
is_deceptive(uint32_t cp)
{
	return (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2060 && cp <= 0x206f) || cp == 0x061c || cp == 0xfeff;
}

static bool
is_control(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
}

void
escape_terminal(struct buf *out, const char *s, size_t len)
{
	uint32_t cp;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_decode(s + i, len - i, &cp);
		if (n == 0)
			n = 1;
		else if (!is_control(cp) && !is_deceptive(cp)) {
			buf_add(out, s + i, n);
			continue;
		}
		for (size_t k = 0; k < n; k++)
			buf_printf(out, "\\x%02x", (unsigned char)s[i + k]);
	}
}

void
escape_json(struct buf *out, const char *s, size_t len)
{
	uint32_t cp;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_decode(s + i, len - i, &cp);
		if (n == 0) {
			buf_adds(out, REPLACEMENT);
			n = 1;
		} else if (cp == '"' || cp == '\\') {
			buf_addc(out, '\\');
			buf_addc(out, s[i]);
		} else if (is_control(cp) || cp == 0x2028 || cp == 0x2029) {
			buf_printf(out, "\\u%04x", (unsigned)cp);
		} else {
			buf_add(out, s + i, n);
		}
	}
}

void
escape_xml(struct buf *out, const char *s, size_t len)
{
	uint32_t cp;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_decode(s + i, len - i, &cp);
		if (n == 0 || (is_control(cp) && cp != '\n') || is_deceptive(cp) || cp == 0xfffe ||
		    cp == 0xffff) {
			buf_adds(out, REPLACEMENT);
			n = n == 0 ? 1 : n;
			continue;
		}
		switch (cp) {
		case '&':
			buf_adds(out, "&amp;");
			break;
		case '<':
			buf_adds(out, "&lt;");
			break;
		case '>':
			buf_adds(out, "&gt;");
			break;
		case '"':
			buf_adds(out, "&quot;");
			break;
		case '\'':
			buf_adds(out, "&#39;");
			break;
		default:
			buf_add(out, s + i, n);
		}
	}
}

void
escape_dot(struct buf *out, const char *s, size_t len)
{
	uint32_t cp;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_decode(s + i, len - i, &cp);
		if (n == 0 || is_control(cp) || is_deceptive(cp)) {
			buf_adds(out, REPLACEMENT);
			n = n == 0 ? 1 : n;
		} else if (cp == '"' || cp == '\\') {
			buf_addc(out, '\\');
			buf_addc(out, s[i]);
		} else {
			buf_add(out, s + i, n);
		}
	}
}

void
escape_csv(struct buf *out, const char *s, size_t len)
{
	uint32_t cp;

	buf_addc(out, '"');
	/* A spreadsheet takes a cell that starts so for a formula. */
	if (len > 0 && strchr("=+-@\t\r", s[0]) != NULL && s[0] != '\0')
		buf_addc(out, '\'');
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_decode(s + i, len - i, &cp);
		if (n == 0 || is_control(cp) || is_deceptive(cp)) {
			buf_adds(out, REPLACEMENT);
			n = n == 0 ? 1 : n;
			continue;
		}
		if (cp == '"')
			buf_addc(out, '"');
		buf_add(out, s + i, n);
	}
	buf_addc(out, '"');
}

void
escape_latex(struct buf *out, const char *s, size_t len)
{
	static const struct {
		char c;
		const char *tex;
	} table[] = {
		{ '\\', "\\textbackslash{}" },
		{ '~', "\\textasciitilde{}" },
		{ '^', "\\textasciicircum{}" },
		{ '{', "\\{" },
		{ '}', "\\}" },
		{ '#', "\\#" },
		{ '$', "\\$" },
		{ '%', "\\%" },
		{ '&', "\\&" },
		{ '_', "\\_" },
	};
	uint32_t cp;

	for (size_t i = 0, n; i < len; i += n) {
		const char *tex = NULL;

		n = utf8_decode(s + i, len - i, &cp);
		if (n == 0 || is_control(cp) || is_deceptive(cp)) {
			buf_addc(out, '?');
			n = n == 0 ? 1 : n;
			continue;
		}
		for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++) {
			if (cp == (unsigned char)table[k].c)
				tex = table[k].tex;
		}
		if (tex != NULL)
			buf_adds(out, tex);
		else
			buf_add(out, s + i, n);
	}
}
