#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/mem.h"
#include "survey/spool.h"

#define LOOK_BACK 65536

/* Offset just past the last newline before end; 0 when there is none, -1 with errno set. */
static off_t
last_line_end(int fd, off_t end)
{
	char *buf = xmalloc(LOOK_BACK);

	while (end > 0) {
		size_t want = end < LOOK_BACK ? (size_t)end : LOOK_BACK;
		ssize_t n = pread(fd, buf, want, end - (off_t)want);

		if (n != (ssize_t)want) {
			if (n >= 0)
				errno = EIO;
			free(buf);
			return -1;
		}
		for (size_t i = want; i > 0; i--) {
			if (buf[i - 1] == '\n') {
				free(buf);
				return end - (off_t)want + (off_t)i;
			}
		}
		end -= (off_t)want;
	}
	free(buf);
	return 0;
}

static int
cut_torn(int fd, off_t *size, struct buf *torn)
{
	off_t keep = last_line_end(fd, *size);

	if (keep == -1)
		return -1;
	if (keep == *size)
		return 0;
	if (torn != NULL) {
		size_t len = (size_t)(*size - keep);

		buf_reserve(torn, len);
		if (pread(fd, torn->data + torn->len, len, keep) == (ssize_t)len) {
			torn->len += len;
			torn->data[torn->len] = '\0';
		}
	}
	*size = keep;
	return ftruncate(fd, keep);
}

int
spool_open(struct spool *s, const char *path, struct buf *torn)
{
	struct stat st;
	off_t size;
	int saved;

	s->path = NULL;
	s->size = 0;
	if ((s->fd = file_open(path, O_RDWR | O_CREAT | O_APPEND, 0600)) == -1)
		return -1;
	if (fstat(s->fd, &st) == -1)
		goto fail;
	size = st.st_size;
	if (cut_torn(s->fd, &size, torn) == -1)
		goto fail;
	s->size = (uint64_t)size;
	s->path = xstrdup(path);
	return 0;
fail:
	saved = errno;
	close(s->fd);
	s->fd = -1;
	errno = saved;
	return -1;
}

int
spool_write(struct spool *s, const void *data, size_t len)
{
	const char *p = data;
	size_t left = len;
	int saved;

	while (left > 0) {
		ssize_t n = write(s->fd, p, left);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			goto undo;
		p += n;
		left -= (size_t)n;
	}
	s->size += len;
	return 0;
undo:
	saved = errno;
	if (left < len && ftruncate(s->fd, (off_t)s->size) == -1)
		saved = errno; /* the next open will cut it */
	errno = saved;
	return -1;
}

int
spool_sync(struct spool *s)
{
	return fdatasync(s->fd);
}

void
spool_close(struct spool *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	free(s->path);
	s->path = NULL;
}
