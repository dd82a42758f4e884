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

/* Code points that will never be characters (Unicode 15.0, 23.7); cairo refuses a text with one. */
static bool
is_noncharacter(uint32_t cp)
{
	return (cp >= 0xfdd0 && cp <= 0xfdef) || (cp & 0xfffe) == 0xfffe;
}

bool
utf8_shown(uint32_t cp)
{
	return !is_control(cp) && !is_deceptive(cp) && !is_noncharacter(cp);
}

void
escape_terminal(struct buf *out, const char *s, size_t len)
{
	uint32_t cp;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_decode(s + i, len - i, &cp);
		if (n == 0)
			n = 1;
		else if (utf8_shown(cp)) {
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
		} else if (is_control(cp) || is_noncharacter(cp) || cp == 0x2028 || cp == 0x2029) {
			if (cp > 0xffff) /* two halves (RFC 8259, 7) */
				buf_printf(out, "\\u%04x", (unsigned)(0xd7c0 + (cp >> 10)));
			buf_printf(
			    out, "\\u%04x", (unsigned)(cp > 0xffff ? 0xdc00 | (cp & 0x3ff) : cp));
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
		if (n == 0 || (!utf8_shown(cp) && cp != '\n')) {
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
		if (n == 0 || !utf8_shown(cp)) {
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
	/* A spreadsheet takes a cell that starts so for a formula; an apostrophe of the text's own
	 * gets one, too, so that taking away one from whatever begins with it restores all. */
	if (len > 0 && strchr("=+-@\t\r'", s[0]) != NULL && s[0] != '\0')
		buf_addc(out, '\'');
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_decode(s + i, len - i, &cp);
		if (n == 0 || !utf8_shown(cp)) {
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

/*
 * Letters and signs that pdflatex sets with no package: its letters with
 * accents, and what Unicode has of its dashes, quotes and dots.
 */
static bool
latex_has(uint32_t cp)
{
	if (cp >= 0xc0 && cp <= 0xff)
		return cp != 0xd0 && cp != 0xd7 && cp != 0xde && cp != 0xf0 && cp != 0xf7 &&
		       cp != 0xfe;
	return cp < 0x7f || cp == 0x2013 || cp == 0x2014 || cp == 0x2018 || cp == 0x2019 ||
	       cp == 0x201c || cp == 0x201d || cp == 0x2026;
}

static const char *
latex_command(uint32_t cp)
{
	static const struct {
		char c;
		const char *tex;
	} table[] = {
		{ '\\', "\\textbackslash{}" },
		{ '~', "\\textasciitilde{}" },
		{ '^', "\\textasciicircum{}" },
		{ '<', "\\textless{}" },
		{ '>', "\\textgreater{}" },
		{ '|', "\\textbar{}" },
		{ '{', "\\{" },
		{ '}', "\\}" },
		{ '#', "\\#" },
		{ '$', "\\$" },
		{ '%', "\\%" },
		{ '&', "\\&" },
		{ '_', "\\_" },
	};

	for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++) {
		if (cp == (unsigned char)table[k].c)
			return table[k].tex;
	}
	return NULL;
}

void
escape_latex(struct buf *out, const char *s, size_t len)
{
	uint32_t cp;

	for (size_t i = 0, n; i < len; i += n) {
		const char *tex;

		n = utf8_decode(s + i, len - i, &cp);
		if (n == 0 || !utf8_shown(cp) || cp == 0xfffd) {
			buf_addc(out, '?');
			n = n == 0 ? 1 : n;
		} else if ((tex = latex_command(cp)) != NULL) {
			buf_adds(out, tex);
		} else if (i == 0 && (cp == '[' || cp == '*')) {
			/* At the start of a row \\ would take it for its argument. */
			buf_printf(out, "{%c}", (char)cp);
		} else if (latex_has(cp)) {
			buf_add(out, s + i, n);
		} else {
			buf_printf(out, ESCAPE_LATEX_LETTER "{%.*s}", (int)n, s + i);
		}
	}
}
