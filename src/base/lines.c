#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/lines.h"
#include "survey/mem.h"

#define READ_SIZE (64 << 10)

void
lines_init(struct lines *l, size_t max_line)
{
	memset(l, 0, sizeof(*l));
	l->max = max_line;
}

void
lines_fini(struct lines *l)
{
	free(l->buf);
	lines_init(l, l->max);
}

/* Room for len more bytes and a NUL behind what is not read yet, which moves to the front. */
static void
make_room(struct lines *l, size_t len)
{
	if (l->at > 0)
		memmove(l->buf, l->buf + l->at, l->end - l->at);
	l->end -= l->at;
	l->at = 0;
	mem_grow(&l->buf, &l->cap, l->end + len + 1, 1);
}

void
lines_feed(struct lines *l, const char *text, size_t len)
{
	make_room(l, len);
	if (len == 0)
		l->ended = true;
	else
		memcpy(l->buf + l->end, text, len);
	l->end += len;
}

/* A piece of a line, and no end of it: kept until the rest comes, unless it is too long already. */
static enum lines_got
unfinished(struct lines *l)
{
	if (l->skipping || l->end - l->at > l->max) {
		l->skipping = true;
		l->at = l->end;
	}
	return LINES_MORE;
}

enum lines_got
lines_next(struct lines *l, char **line, size_t *len)
{
	size_t left = l->end - l->at, n;
	char *from = left > 0 ? l->buf + l->at : l->buf, *nl;

	nl = left > 0 ? memchr(from, '\n', left) : NULL;
	if (nl == NULL && !l->ended)
		return unfinished(l);
	if (nl == NULL && left == 0 && !l->skipping)
		return LINES_END;
	n = nl != NULL ? (size_t)(nl - from) : left;
	l->at += n + (nl != NULL);
	l->number++;
	if (l->skipping || n > l->max) {
		l->skipping = false;
		return LINES_TOO_LONG;
	}
	if (l->number == 1 && n >= 3 && memcmp(from, "\xef\xbb\xbf", 3) == 0) {
		from += 3;
		n -= 3;
	}
	if (n > 0 && from[n - 1] == '\r')
		n--;
	from[n] = '\0';
	*line = from;
	*len = n;
	return LINES_LINE;
}

enum lines_got
lines_read(struct lines *l, int fd, char **line, size_t *len)
{
	enum lines_got got;

	while ((got = lines_next(l, line, len)) == LINES_MORE) {
		ssize_t n;

		make_room(l, READ_SIZE);
		if ((n = read(fd, l->buf + l->end, READ_SIZE)) == -1)
			return LINES_ERROR;
		l->end += (size_t)n;
		l->ended = n == 0;
	}
	return got;
}
