/* Layer: base.  A text cut into lines, none of them longer than a bound. */
#ifndef SURVEY_LINES_H
#define SURVEY_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct lines {
	char *buf;
	size_t cap, at, end; /* what is not read yet is buf[at..end) */
	size_t max; /* bytes of a line */
	unsigned long number; /* of the line given last, from 1 */
	bool skipping; /* inside a line that is too long */
	bool ended; /* there is no more text */
};

enum lines_got {
	LINES_LINE,
	LINES_TOO_LONG, /* a line that was passed over; it counts */
	LINES_MORE, /* the text at hand is used up */
	LINES_END,
	LINES_ERROR, /* errno says which; reading may be tried again */
};

void lines_init(struct lines *l, size_t max_line);
void lines_fini(struct lines *l);

/*
 * Add len bytes of text.  With len 0 the text ends, and its last line may lack
 * a newline.  Lines given before are no longer valid.
 */
void lines_feed(struct lines *l, const char *text, size_t len);

/*
 * The next line, without its line end (LF or CR LF) and without the byte order
 * mark of a text that begins with one.  It is NUL-terminated, may be written
 * to, and is valid until the next call.  It may hold NUL bytes.
 */
enum lines_got lines_next(struct lines *l, char **line, size_t *len);

/* lines_next() over a file, which is read when more text is wanted: never LINES_MORE. */
enum lines_got lines_read(struct lines *l, int fd, char **line, size_t *len);

#endif
