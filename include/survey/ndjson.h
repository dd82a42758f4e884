/* Layer: io.  A byte stream cut into lines. */
#ifndef SURVEY_NDJSON_H
#define SURVEY_NDJSON_H

#include <stddef.h>
#include <stdint.h>

#include "survey/buf.h"

/* A line without its newline; valid only during the call.  Not 0 stops the feed. */
typedef int (*ndjson_line_fn)(const char *line, size_t len, void *arg);

struct ndjson {
	struct buf partial;
	size_t max_line;
	ndjson_line_fn on_line;
	void *arg;
	int skipping; /* inside a line that is too long */
	uint64_t toolong;
};

void ndjson_init(struct ndjson *nd, size_t max_line, ndjson_line_fn on_line, void *arg);
void ndjson_fini(struct ndjson *nd);

/*
 * Split len bytes of child output into lines.
 *
 * on_line() gets each complete line without its newline; the text is valid
 * only during the call.  A line over max_line bytes is dropped whole and
 * counted in toolong.  Returns 0, or the first non-zero on_line() result,
 * in which case the rest of buf is discarded.
 */
int ndjson_feed(struct ndjson *nd, const char *buf, size_t len);

/* What came after the last newline, and forget it. 0 when nothing did. */
size_t ndjson_torn(struct ndjson *nd);

#endif
