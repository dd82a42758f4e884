/* The records of hosts that may take no part, put aside for dodgy.json. */
/* Layer: output */
#ifndef SURVEY_RAW_LINES_H
#define SURVEY_RAW_LINES_H

#include "survey/buf.h"
#include "survey/output.h"

struct raw_lines {
	int fd; /* unlinked; -1: not open */
	struct output_line *lines;
	size_t n, cap;
	uint32_t *first, *last; /* by host: number plus one */
	size_t cap_first, cap_last;
	struct buf waiting; /* not yet in the file */
	uint64_t at;
	struct output_lines shown;
};

/* The file lies in dir.  Each returns 0, or -1 with errno set. */
int raw_lines_open(struct raw_lines *r, const char *dir);
int raw_lines_put(struct raw_lines *r, uint32_t host, const char *text, size_t len);
/* What was put aside of a host does not count any more. */
void raw_lines_forget(struct raw_lines *r, uint32_t host);
/* All is put aside; what dodgy.json needs for so many hosts is in r->shown. */
int raw_lines_end(struct raw_lines *r, uint32_t nhosts);
void raw_lines_close(struct raw_lines *r);

#endif
