/* Lists of known keys, by fingerprint. */
#ifndef WEAK_LISTS_H
#define WEAK_LISTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/weak.h"

#define LIST_ROW 16 /* bytes: 15 of a SHA-256, and a number */

/*
 * Two kinds.  Rows, as badkeys has them: sorted; 15 bytes of the SHA-256 over a
 * key's number (RSA modulus, EC x, an Ed25519 key as a big-endian number) in the
 * fewest bytes, and the number of the list they come from, whose name is in
 * badkeysdata.json beside the file.  Text: a fingerprint of an SSH host key or of
 * an SPKI a line, as 64 hex digits (with or without colons) or as SHA256: and
 * base64; after it, what one likes; lines with # are comments, of which
 * "# name: " and "# note: " give the list its own.
 */
struct fp_list {
	const uint8_t *rows; /* rows of LIST_ROW, or NULL */
	uint8_t (*fps)[KEY_LEN]; /* of a text, sorted, or NULL */
	size_t n;
	void *map; /* NULL: rows are borrowed */
	size_t map_len;
};

struct fp_lists {
	struct fp_list *lists;
	struct finding_list *info; /* of the same numbers */
	size_t n;
};

/* Read the files of specs ("PATH" or "NAME=PATH"); one that cannot be used has an error in info. */
void fp_lists_open(struct fp_lists *l, const char *const *specs, size_t n);
/* info is the caller's from now on. */
struct finding_list *fp_lists_close(struct fp_lists *l);

/* Does the list have a key with this fingerprint, or whose number has this SHA-256?  part: the row's. */
bool fp_list_has(const struct fp_list *l, const uint8_t fp[static KEY_LEN],
    const uint8_t number[static 32], uint8_t *part);

/* Put a list of text lines into order; exposed for the self-check. */
void fp_list_sort(struct fp_list *l);

/* One line of a text: 1 a fingerprint, 0 nothing (blank, comment), -1 neither. */
int fp_parse_line(const char *line, size_t len, uint8_t fp[static KEY_LEN]);

#endif
