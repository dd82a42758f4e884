/*
 * Remote text made harmless for where it is going to stand.
 *
 * Input is any bytes.  Invalid UTF-8 becomes U+FFFD in all of them except
 * escape_terminal(), which shows the bytes.  Control characters are shown
 * or dropped as each target requires; none of them ever passes through.
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

void escape_terminal(struct buf *out, const char *s, size_t len); /* \xNN; also bidi marks */
void escape_json(struct buf *out, const char *s, size_t len); /* without the quotes */
void escape_xml(
    struct buf *out, const char *s, size_t len); /* SVG and HTML, text and "attribute" */
void escape_dot(
    struct buf *out, const char *s, size_t len); /* inside "…"; no \N, \G, \L escapes survive */
void escape_csv(struct buf *out, const char *s, size_t len); /* a whole cell, formulas defused */
void escape_latex(struct buf *out, const char *s, size_t len);

#endif
