/* Layer: base.  What a reader of lines refused: the first lines by number and reason, the rest as a count. */
#ifndef SURVEY_REFUSALS_H
#define SURVEY_REFUSALS_H

#include <stddef.h>
#include <stdint.h>

#define REFUSALS_TOLD 20 /* lines that are named */

struct refusals {
	uint64_t n; /* all of them */
	char *told[REFUSALS_TOLD]; /* "FILE:3: "the line": the reason" */
};

/* All zero is none. */
void refusals_fini(struct refusals *r);

/* text is the line, or as much of it as tells which it is; at most 60 bytes of it are kept.  It may be NULL. */
void refusals_add(struct refusals *r, const char *file, unsigned long line, const char *text,
    size_t len, const char *why);

/* One message a line that is named, then one with the number of the others. */
void refusals_log(
    const struct refusals *r, void (*log)(const char *, ...) __attribute__((format(printf, 1, 2))));

#endif
