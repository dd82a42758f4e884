/* The list of those who asked to be left alone, and the log of who asked. */
/* Layer: io */
#ifndef SURVEY_OPTOUT_H
#define SURVEY_OPTOUT_H

#include <stddef.h>
#include <stdint.h>

#include "survey/ip.h"

/* More addresses than this are a slip: whoever has them would write by letter. */
#define OPTOUT_MAX (UINT64_C(1) << 24)

/* What is kept of a request; texts may be NULL. */
struct optout_note {
	const char *who, *proof; /* who asked, and how it is known that the addresses are theirs */
	const char *by; /* who wrote it down */
	int64_t at; /* seconds since 1970 */
};

/*
 * Add ranges to the file at path, which need not be there, and the request to its log, path.log,
 * which is its owner's alone.  The file is replaced as a whole and keeps its mode (0644 when it
 * is new: run.user reads it, too).  One call at a time writes.  Returns the number of ranges that
 * were not in it yet, or -1 with *error, a sentence that the caller frees.
 */
int optout_add(const char *path, const struct ip_range *r, size_t n, const struct optout_note *note,
    char **error);

/* The whole list, normalised.  Returns 0, or -1 as above, when there is no such file, too. */
int optout_read(const char *path, struct ipset *s, char **error);

/* The last request in the log for exactly this range, if the log can be read: its time, else 0; *who is freed by the caller. */
int64_t optout_asked(const char *path, const char *prefix, char **who);

#endif
