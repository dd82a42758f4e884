/* Pseudonyms of what identifies hosts, networks, names and keys. */
/* Layer: study */
#ifndef SURVEY_PSEUDONYM_H
#define SURVEY_PSEUDONYM_H

#include "survey/ip.h"

struct buf;

#define PSEUDONYM_KEY 32 /* bytes */
#define PSEUDONYM_BYTES 10 /* of hosts, names and networks: 80 bits never merge */

/* HMAC-SHA-256 (RFC 2104) of kind, a NUL byte and the data. */
void pseudonym_hash(const unsigned char key[PSEUDONYM_KEY], const char *kind, const void *data,
    size_t len, unsigned char out[32]);
/* Append prefix and the hexadecimal digits of PSEUDONYM_BYTES of the hash of a text. */
void pseudonym_text(const unsigned char key[PSEUDONYM_KEY], const char *kind, const char *prefix,
    const char *text, struct buf *out);
/* The pseudonym that stands in an address's place. */
struct ip pseudonym_address(const unsigned char key[PSEUDONYM_KEY], const struct ip *ip);

/*
 * Read DIR/anonymise.key, or make it.  A link, or a file that others own or have
 * rights to, is not read: a new key takes its place, or serves this once
 * where everybody may write and another user's file has the name.  Returns 0, or
 * -1 after a message.
 */
int pseudonym_key(const char *dir, unsigned char key[PSEUDONYM_KEY]);

#endif
