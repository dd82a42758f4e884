/*
 * Append-only files of whole lines, safe to kill at any instant.
 *
 * A write reaches the kernel before spool_write() returns, whole or not at
 * all; a line torn by a crash of the machine is cut off at the next open.
 */
/* Layer: io */
#ifndef SURVEY_SPOOL_H
#define SURVEY_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "survey/buf.h"

struct spool {
	int fd;
	char *path;
	uint64_t size;
};

/*
 * Open path for appending, made with mode 0600 when it is missing.  What
 * follows its last newline is cut off, and put into torn unless that is NULL.
 * Returns 0, or -1 with errno set.
 */
int spool_open(struct spool *s, const char *path, struct buf *torn);
/* Append len bytes.  Returns 0; or -1 with errno set and the file as it was. */
int spool_write(struct spool *s, const void *data, size_t len);
/* Make what was written last.  Returns 0, or -1 with errno set. */
int spool_sync(struct spool *s);
void spool_close(
    struct spool *s); /* harmless on one that was never opened but is all zero with fd -1 */

#endif
