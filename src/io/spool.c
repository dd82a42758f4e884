#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "survey/file.h"
#include "survey/frames.h"
#include "survey/mem.h"
#include "survey/pack.h"
#include "survey/spool.h"

#define LOOK_BACK 65536
/* Longer frames pack no better: their window is 2 MB. */
#define FRAME_TEXT ((size_t)8 << 20)

struct spool_packing {
	ZSTD_CCtx *z;
	struct buf out;
	size_t text; /* in the frame that is open; 0: none is */
	bool undone; /* the frame in the file is open, but z does not know what stands in it */
};

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

/* Both set s->size and s->cut. */
static int
cut_torn(struct spool *s, off_t size, struct buf *torn)
{
	off_t keep = last_line_end(s->fd, size);

	if (keep == -1)
		return -1;
	s->size = (uint64_t)keep;
	if (keep == size)
		return 0;
	s->cut = (uint64_t)(size - keep);
	if (torn != NULL) {
		size_t len = (size_t)s->cut;

		buf_reserve(torn, len);
		if (pread(s->fd, torn->data + torn->len, len, keep) == (ssize_t)len) {
			torn->len += len;
			torn->data[torn->len] = '\0';
		}
	}
	return ftruncate(s->fd, keep);
}

/* len bytes of the file itself, all or none. */
static int
write_whole(struct spool *s, const void *data, size_t len)
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

/* Packed lines; a frame that was left open is ended. */
static int
cut_torn_packed(struct spool *s, off_t size, struct buf *torn)
{
	struct frames_lines l;

	if (frames_find_lines(s->fd, &l, torn) == -1)
		return -1;
	s->size = (uint64_t)l.keep;
	s->cut = (uint64_t)(size - l.keep);
	if (s->cut > 0 && ftruncate(s->fd, l.keep) == -1)
		return -1;
	return l.open ? write_whole(s, FRAMES_LAST, FRAMES_LAST_LEN) : 0;
}

static struct spool_packing *
packing_new(void)
{
	struct spool_packing *p = xcalloc(1, sizeof(*p));

	buf_init(&p->out);
	/* Without a size in their header frames can be ended anywhere. */
	if ((p->z = ZSTD_createCCtx()) == NULL ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(p->z, ZSTD_c_contentSizeFlag, 0))) {
		ZSTD_freeCCtx(p->z);
		free(p);
		errno = ENOMEM;
		return NULL;
	}
	return p;
}

static void
packing_free(struct spool_packing *p)
{
	if (p == NULL)
		return;
	ZSTD_freeCCtx(p->z);
	buf_fini(&p->out);
	free(p);
}

int
spool_open(struct spool *s, const char *path, struct buf *torn)
{
	bool packed = pack_kind_of(path) == PACK_ZSTD;
	struct stat st;
	int saved;

	s->path = NULL;
	s->size = s->cut = 0;
	s->packing = NULL;
	if ((s->fd = file_open(path, O_RDWR | O_CREAT | O_APPEND, 0600)) == -1)
		return -1;
	if (fstat(s->fd, &st) == -1)
		goto fail;
	if ((packed ? cut_torn_packed : cut_torn)(s, st.st_size, torn) == -1 ||
	    (packed && (s->packing = packing_new()) == NULL))
		goto fail;
	s->path = xstrdup(path);
	return 0;
fail:
	saved = errno;
	close(s->fd);
	s->fd = -1;
	errno = saved;
	return -1;
}

/* data packed, as blocks that are whole, goes to the end of p->out. */
static int
pack(struct spool_packing *p, const void *data, size_t len, ZSTD_EndDirective end)
{
	ZSTD_inBuffer in = { data, len, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out;

		buf_reserve(&p->out, ZSTD_CStreamOutSize());
		out = (ZSTD_outBuffer){ p->out.data + p->out.len, ZSTD_CStreamOutSize(), 0 };
		left = ZSTD_compressStream2(p->z, &out, &in, end);
		if (ZSTD_isError(left)) {
			errno = ENOMEM;
			return -1;
		}
		p->out.len += out.pos;
	} while (left > 0);
	return 0;
}

static int
write_packed(struct spool *s, const void *data, size_t len)
{
	struct spool_packing *p = s->packing;
	bool open = p->text > 0 || p->undone, ends = p->text + len >= FRAME_TEXT;
	int saved;

	buf_clear(&p->out);
	if (p->undone)
		buf_add(&p->out, FRAMES_LAST, FRAMES_LAST_LEN);
	if (pack(p, data, len, ends ? ZSTD_e_end : ZSTD_e_flush) == 0 &&
	    write_whole(s, p->out.data, p->out.len) == 0) {
		p->text = ends ? 0 : p->text + len;
		p->undone = false;
		return 0;
	}
	/* z has gone on, the file has not. */
	saved = errno;
	ZSTD_CCtx_reset(p->z, ZSTD_reset_session_only);
	p->text = 0;
	p->undone = open;
	errno = saved;
	return -1;
}

int
spool_write(struct spool *s, const void *data, size_t len)
{
	if (len == 0)
		return 0;
	return s->packing != NULL ? write_packed(s, data, len) : write_whole(s, data, len);
}

int
spool_sync(struct spool *s)
{
	return fdatasync(s->fd);
}

void
spool_close(struct spool *s)
{
	/* A frame that cannot be ended, the next open ends. */
	if (s->packing != NULL && (s->packing->text > 0 || s->packing->undone))
		(void)write_whole(s, FRAMES_LAST, FRAMES_LAST_LEN);
	packing_free(s->packing);
	s->packing = NULL;
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	free(s->path);
	s->path = NULL;
}
