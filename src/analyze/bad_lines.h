/*
 * records.bad: the lines that could not be used, each with its reason.
 *
 * What a running survey put there stays, what an earlier analysis put there
 * does not.  Lines are cut and the file is bounded: an input that is nothing but bad lines
 * must not fill the disk.  What no longer fits is counted.
 */
#ifndef ANALYZE_BAD_LINES_H
#define ANALYZE_BAD_LINES_H

#include "survey/file.h"
#include "survey/record.h"

struct bad_lines {
	struct outfile out;
	bool open;
	uint64_t bytes; /* written */
	uint64_t over; /* lines that did not fit any more */
};

/* Each returns 0, or -1 with errno set. */
int bad_lines_open(struct bad_lines *b, const char *dir);
int bad_lines_put(struct bad_lines *b, const char *source, const struct record_line *line);
/* All is in the file, which is whole but for its name. */
int bad_lines_end(struct bad_lines *b);
void bad_lines_abort(struct bad_lines *b);

#endif
