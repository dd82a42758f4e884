/*
 * Append-only files of whole lines, safe to kill at any instant.
 *
 * A write reaches the kernel before spool_write() returns, whole or not at
 * all; a line torn by a crash of the machine is cut off at the next open.
 *
 * A file whose name ends with ".zst" is packed as it is written: each write is
 * one or more whole blocks, so that it can be unpacked as far as it goes at any time, and a
 * frame ends every few megabytes.
 */
/* Layer: io */
#ifndef SURVEY_SPOOL_H
#define SURVEY_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "survey/buf.h"

struct spool_packing;

struct spool {
	int fd;
	char *path;
	uint64_t size; /* of the file */
	uint64_t cut; /* bytes that spool_open() took off */
	struct spool_packing *packing; /* NULL: lines as they are */
};

/*
 * Open path for appending, made with mode 0600 when it is missing.  What
 * follows its last newline is cut off, and put into torn unless that is NULL
 * (of a packed file as far as it can be unpacked).
 * Returns 0, or -1 with errno set; EBADMSG: a packed file is damaged in another way.
 */
int spool_open(struct spool *s, const char *path, struct buf *torn);
/* Append len bytes, whole lines.  Returns 0; or -1 with errno set and the file as it was. */
int spool_write(struct spool *s, const void *data, size_t len);
/* Make what was written last.  Returns 0, or -1 with errno set. */
int spool_sync(struct spool *s);
void spool_close(
    struct spool *s); /* harmless on one that was never opened but is all zero with fd -1 */

#endif
