/*
 * Remote text made harmless for where it is going to stand.
 *
 * Input is any bytes.  Invalid UTF-8 becomes U+FFFD in all of them except
 * escape_terminal(), which shows the bytes.  Control characters, and code
 * points that are no characters, are shown or dropped as each target requires;
 * none of them ever passes through.
 */
/* Layer: base */
#ifndef SURVEY_ESCAPE_H
#define SURVEY_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/*
 * Decode one code point of s[0..len).  Returns the bytes taken (1 to 4), or 0
 * when the bytes there are not well-formed UTF-8 (RFC 3629: no overlong forms,
 * no surrogates, nothing past U+10FFFF).
 */
size_t utf8_decode(const char *s, size_t len, uint32_t *cp);
bool utf8_valid(const char *s, size_t len);
/* Can it be shown?  No: control characters, those that hide or reorder text, U+FDD0, U+FFFE and their like. */
bool utf8_shown(uint32_t cp);

void escape_terminal(struct buf *out, const char *s, size_t len); /* \xNN; also bidi marks */
void escape_json(struct buf *out, const char *s, size_t len); /* without the quotes */
void escape_xml(
    struct buf *out, const char *s, size_t len); /* SVG and HTML, text and "attribute" */
void escape_dot(
    struct buf *out, const char *s, size_t len); /* inside "…"; no \N, \G, \L escapes survive */
/* A whole cell, formulas defused: a cell that begins with an apostrophe has one more than the text. */
void escape_csv(struct buf *out, const char *s, size_t len);
/*
 * A cell of a tabular, at the start of a row, too.  Letters that pdflatex
 * cannot set without further packages are the argument of a command of this
 * name, which ESCAPE_LATEX_PREAMBLE defines.
 */
void escape_latex(struct buf *out, const char *s, size_t len);
#define ESCAPE_LATEX_LETTER "\\surveyletter"
/* XeLaTeX and LuaLaTeX show them, pdflatex a question mark. */
#define ESCAPE_LATEX_PREAMBLE \
	"\\providecommand" ESCAPE_LATEX_LETTER "[1]{\\ifdefined\\Umathchar#1\\else?\\fi}\n"

#endif
