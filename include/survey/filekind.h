/*
 * What a JSON or CSV file of ours, or of a tool of ours, is, told by its first bytes: for
 * commands that were given the wrong one.
 */
/* Layer: model */
#ifndef SURVEY_FILEKIND_H
#define SURVEY_FILEKIND_H

#include <stdbool.h>
#include <stddef.h>

#define FILEKIND_BYTES ((size_t)64 << 10) /* of a file that are looked at, if it has as many */

struct filekind {
	const char *first, *second; /* members that only this kind has; second may be NULL */
	bool hosts; /* fingerprints.json and its like: collisions.json is one, too */
	const char *what; /* what it is and which command wants it; continues "FILE is " */
};

/* The kind of the file that begins with text, or NULL: it may hold records, or is not known. */
const struct filekind *filekind_tell(const char *text, size_t len);
/* The kind of the object that opens at text[at]; the text may end within it. */
const struct filekind *filekind_of_object(const char *text, size_t len, size_t at);
/* Is the object that opens at text[at] a record: has it ports, data or services? */
bool filekind_is_record(const char *text, size_t len, size_t at);

#endif
