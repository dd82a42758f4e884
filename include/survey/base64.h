/* Layer: base.  Base64 (RFC 4648, section 4). */
#ifndef SURVEY_BASE64_H
#define SURVEY_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* Append the text of len bytes, padded with '='. */
void base64_encode(struct buf *out, const void *data, size_t len);

/* Append a SHA-256 as `ssh-keygen -lf` prints it: "SHA256:" and base64 without padding. */
void base64_fingerprint(struct buf *out, const uint8_t sha256[static 32]);

#define BASE64_ROOM(chars) ((chars) / 4 * 3 + 3) /* bytes that base64_decode() may need */

/*
 * The bytes of a text of len characters; *n gets their number.  out has BASE64_ROOM(len)
 * bytes.  The padding may be missing.  False: another character, a length that no bytes
 * have, or bits set where none may be.
 */
bool base64_decode(const char *text, size_t len, uint8_t *out, size_t *n);

#endif
