#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "survey/file.h"
#include "survey/frames.h"
#include "survey/mem.h"
#include "survey/source.h"

#define PACKED_SIZE ((size_t)256 << 10)
#define ZSTD_MAGIC_LEN 4
#define LOOK_MS 200 /* how often a wait looks at the stop flag */

struct source {
	int fd;
	bool waits; /* for somebody to write: no file on a disk */
	const volatile sig_atomic_t *stop;
	const char *name;
	long (*read)(struct source *, char *, size_t, char **);
	unsigned char *packed; /* bytes read and not yet unpacked: packed[at..len) */
	size_t at, len;
	bool eof;
	bool between; /* gzip members or zstd frames: the file may end here */
	bool torn; /* it ended within a line that could not be unpacked */
	z_stream z;
	bool z_ready;
	ZSTD_DStream *zstd;
};

/* read(2), again after a signal that is not to stop it. */
static ssize_t
read_some(struct source *s, char *buf, size_t cap, char **error)
{
	struct pollfd ready = { .fd = s->fd, .events = POLLIN };
	ssize_t n;

	while (s->waits && poll(&ready, 1, LOOK_MS) <= 0) {
		if (s->stop != NULL && *s->stop != 0)
			return 0;
	}
	do
		n = read(s->fd, buf, cap);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		*error = xasprintf("%s: %s", s->name, strerror(errno));
	return n;
}

static int
fill(struct source *s, char **error)
{
	ssize_t n;

	if (s->at < s->len || s->eof)
		return 0;
	if ((n = read_some(s, (char *)s->packed, PACKED_SIZE, error)) == -1)
		return -1;
	s->at = 0;
	s->len = (size_t)n;
	s->eof = n == 0;
	return 0;
}

static long
read_plain(struct source *s, char *buf, size_t cap, char **error)
{
	ssize_t n;

	if (s->at < s->len) { /* what the look at the first bytes read */
		n = s->len - s->at < cap ? (ssize_t)(s->len - s->at) : (ssize_t)cap;
		memcpy(buf, s->packed + s->at, (size_t)n);
		s->at += (size_t)n;
		return n;
	}
	return read_some(s, buf, cap, error);
}

static long
damaged(struct source *s, const char *how, const char *what, char **error)
{
	*error = xasprintf("%s: %s data %s; the lines before that were read", s->name, how, what);
	return -1;
}

static long
read_gzip(struct source *s, char *buf, size_t cap, char **error)
{
	int rc;

	s->z.next_out = (Bytef *)buf;
	s->z.avail_out = (uInt)cap;
	while (s->z.avail_out > 0) {
		if (fill(s, error) == -1)
			return -1;
		if (s->at == s->len) {
			if (s->between || s->z.avail_out < cap)
				break;
			return damaged(s, "gzip", "ends too early", error);
		}
		/* Zero padding after the last member, as tar and tape tools leave it. */
		if (s->between && s->packed[s->at] == 0) {
			s->at++;
			continue;
		}
		s->between = false;
		s->z.next_in = s->packed + s->at;
		s->z.avail_in = (uInt)(s->len - s->at);
		rc = inflate(&s->z, Z_NO_FLUSH);
		s->at = s->len - s->z.avail_in;
		if (rc == Z_STREAM_END) {
			s->between = true;
			inflateReset(&s->z);
		} else if (rc != Z_OK && rc != Z_BUF_ERROR) {
			if (s->z.avail_out < cap)
				break; /* the text before the damage first */
			return damaged(s, "gzip", "is damaged", error);
		}
	}
	return (long)(cap - s->z.avail_out);
}

/* A frame without end, as a survey leaves it that runs or was killed, and nothing worse? */
static bool
is_left_open(struct source *s)
{
	struct frames_end e;

	if (s->waits || frames_find_end(s->fd, &e) == -1 || !e.stream || e.damaged)
		return false;
	s->torn = e.rest > 0;
	s->between = true;
	return true;
}

static long
read_zstd(struct source *s, char *buf, size_t cap, char **error)
{
	ZSTD_outBuffer out = { buf, cap, 0 };
	size_t rc;

	while (out.pos < out.size) {
		ZSTD_inBuffer in;
		size_t had = out.pos;

		if (fill(s, error) == -1)
			return -1;
		if (s->at == s->len && s->between)
			break;
		/* Of a frame without end the unpacker may hold text when all input has gone in. */
		in = (ZSTD_inBuffer){ s->packed, s->len, s->at };
		rc = ZSTD_decompressStream(s->zstd, &out, &in);
		if (s->at == s->len && out.pos == had && !ZSTD_isError(rc)) {
			if (out.pos > 0 || is_left_open(s))
				break;
			return damaged(s, "zstd", "ends too early", error);
		}
		s->at = in.pos;
		if (ZSTD_isError(rc)) {
			if (out.pos > 0)
				break;
			return damaged(s, "zstd", "is damaged", error);
		}
		s->between = rc == 0;
	}
	return (long)out.pos;
}

/* A frame, or one to be skipped, as pzstd puts it first (RFC 8878, 3.1.1 and 3.1.2). */
static bool
is_zstd(const unsigned char *p, size_t len)
{
	static const unsigned char frame[ZSTD_MAGIC_LEN] = { 0x28, 0xb5, 0x2f, 0xfd },
				   skippable[ZSTD_MAGIC_LEN] = { 0x50, 0x2a, 0x4d, 0x18 };

	if (len < ZSTD_MAGIC_LEN)
		return false;
	return memcmp(p, frame, ZSTD_MAGIC_LEN) == 0 ||
	       ((p[0] & 0xf0) == skippable[0] &&
		   memcmp(p + 1, skippable + 1, ZSTD_MAGIC_LEN - 1) == 0);
}

struct source *
source_open(const char *path, const volatile sig_atomic_t *stop, char **error)
{
	static const unsigned char gzip_magic[] = { 0x1f, 0x8b };
	struct source *s = xcalloc(1, sizeof(*s));
	struct stat st;
	ssize_t n;

	s->packed = xmalloc(PACKED_SIZE);
	s->name = strcmp(path, "-") == 0 ? "standard input" : path;
	s->fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : file_open(path, O_RDONLY, 0);
	if (s->fd == -1 || fstat(s->fd, &st) == -1) {
		*error = xasprintf("%s: %s", s->name, strerror(errno));
		goto fail;
	}
	s->waits = !S_ISREG(st.st_mode);
	s->stop = stop;
	/* A pipe may hand over its first bytes one by one. */
	while (s->len < ZSTD_MAGIC_LEN) {
		n = read_some(s, (char *)s->packed + s->len, PACKED_SIZE - s->len, error);
		if (n == -1)
			goto fail;
		if (n == 0)
			break;
		s->len += (size_t)n;
	}
	s->read = read_plain;
	if (s->len >= sizeof(gzip_magic) &&
	    memcmp(s->packed, gzip_magic, sizeof(gzip_magic)) == 0) {
		if (inflateInit2(&s->z, 15 + 16) != Z_OK) {
			*error = xasprintf(
			    "%s: zlib: %s", s->name, s->z.msg != NULL ? s->z.msg : "no memory");
			goto fail;
		}
		s->z_ready = true;
		s->read = read_gzip;
	} else if (is_zstd(s->packed, s->len)) {
		if ((s->zstd = ZSTD_createDStream()) == NULL) {
			*error = xasprintf("%s: zstd: no memory", s->name);
			goto fail;
		}
		s->read = read_zstd;
	}
	return s;
fail:
	source_close(s);
	return NULL;
}

const char *
source_name(const struct source *s)
{
	return s->name;
}

void
source_close(struct source *s)
{
	if (s == NULL)
		return;
	if (s->z_ready)
		inflateEnd(&s->z);
	ZSTD_freeDStream(s->zstd);
	if (s->fd != -1)
		close(s->fd);
	free(s->packed);
	free(s);
}

bool
source_is_torn(const struct source *s)
{
	return s->torn;
}

long
source_read(struct source *s, char *buf, size_t cap, char **error)
{
	return s->read(s, buf, cap, error);
}
