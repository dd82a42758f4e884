/*
 * The frames of a zstd file and their blocks, by their headers alone: nothing
 * is unpacked (RFC 8878, 3.1).  A file that was cut off somewhere shows where.
 */
/* Layer: io */
#ifndef SURVEY_FRAMES_H
#define SURVEY_FRAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "survey/buf.h"

enum frames_piece {
	FRAMES_DAMAGED = -2, /* what stands there is no zstd */
	FRAMES_ERROR = -1, /* errno */
	FRAMES_END, /* of the file */
	FRAMES_CUT, /* the file ends within what begins here */
	FRAMES_HEADER, /* of a frame */
	FRAMES_BLOCK,
	FRAMES_CHECKSUM,
	FRAMES_SKIPPED /* a frame that is none */
};

/* The largest block, with its header. */
#define FRAMES_BLOCK_MAX (3 + (128 << 10))

struct frames {
	int fd;
	off_t at; /* where the next piece begins */
	off_t size; /* of the file */
	bool within; /* a frame: its last block has not come */
	bool checksum, checksum_due;
	bool stream; /* as packers of streams write it: it tells neither size nor checksum */
};

/* fd is a regular file of size bytes; at: where a frame begins. */
void frames_init(struct frames *f, int fd, off_t at, off_t size);
/* The next piece; f->at is behind it then, and stays where it was for all up to FRAMES_CUT. */
enum frames_piece frames_next(struct frames *f);

/* How a file ends. */
struct frames_end {
	off_t whole; /* frames that are whole end here */
	off_t block; /* the last whole block ends here; whole, unless a frame is open */
	off_t rest; /* bytes behind that */
	off_t text_at, text_end; /* the last whole frame that holds text; equal where none does */
	bool stream; /* what is there of a further frame is a stream's, or too little to tell */
	bool damaged; /* behind that something stands that is no zstd */
};

/* Returns 0, or -1 with errno set. */
int frames_find_end(int fd, struct frames_end *e);

/* How a file of lines ends. */
struct frames_lines {
	off_t
	    keep; /* the last whole line ends here, and so does a block; all before can be unpacked */
	bool open; /* within a frame, which FRAMES_LAST ends there */
	bool unended; /* the text before keep lacks its last newline, as other packers leave it */
};

/*
 * The frame that is open is unpacked for it, or else the last one.  What follows the last
 * newline in an open frame, as far as it can be unpacked, is added to torn, unless that is
 * NULL.  Returns 0, or -1 with errno set: EBADMSG when it is another damage than an end that
 * is missing.
 */
int frames_find_lines(int fd, struct frames_lines *l, struct buf *torn);

/* What ends a stream's frame after any of its blocks: a last one that is empty. */
#define FRAMES_LAST "\x01\0\0"
#define FRAMES_LAST_LEN 3
/* As strerror(3), of what these functions set. */
const char *frames_strerror(int error);

#endif
