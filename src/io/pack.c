#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "survey/file.h"
#include "survey/mem.h"
#include "survey/pack.h"

#define OUT_SIZE ((size_t)1 << 17)
#define GZIP_WINDOW (15 + 16) /* deflateInit2(): gzip's header */

struct packer {
	int fd;
	enum pack_kind kind;
	z_stream z;
	ZSTD_CStream *zstd;
	unsigned char out[OUT_SIZE];
};

enum pack_kind
pack_kind_of(const char *name)
{
	size_t len = strlen(name);

	if (len > 3 && strcmp(name + len - 3, ".gz") == 0)
		return PACK_GZIP;
	return len > 4 && strcmp(name + len - 4, ".zst") == 0 ? PACK_ZSTD : PACK_NONE;
}

struct packer *
packer_open(int fd, enum pack_kind kind)
{
	struct packer *p = xcalloc(1, sizeof(*p));

	p->fd = fd;
	p->kind = kind;
	if (kind == PACK_GZIP && deflateInit2(&p->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW,
				     8, Z_DEFAULT_STRATEGY) != Z_OK)
		goto fail;
	if (kind == PACK_ZSTD && ((p->zstd = ZSTD_createCStream()) == NULL ||
				     ZSTD_isError(ZSTD_initCStream(p->zstd, 0))))
		goto fail;
	return p;
fail:
	ZSTD_freeCStream(p->zstd);
	free(p);
	errno = ENOMEM;
	return NULL;
}

static int
put_gzip(struct packer *p, const void *data, size_t len, int flush)
{
	int rc = Z_OK;

	/* zlib counts in unsigned int; whoever writes more writes it in parts. */
	p->z.next_in = (unsigned char *)(uintptr_t)data;
	p->z.avail_in = (unsigned)len;
	do {
		p->z.next_out = p->out;
		p->z.avail_out = OUT_SIZE;
		rc = deflate(&p->z, flush);
		if (file_write_fd(p->fd, p->out, OUT_SIZE - p->z.avail_out) == -1)
			return -1;
	} while (p->z.avail_in > 0 || (flush == Z_FINISH && rc != Z_STREAM_END));
	return 0;
}

static int
put_zstd(struct packer *p, const void *data, size_t len, ZSTD_EndDirective end)
{
	ZSTD_inBuffer in = { data, len, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { p->out, OUT_SIZE, 0 };

		left = ZSTD_compressStream2(p->zstd, &out, &in, end);
		if (ZSTD_isError(left)) {
			errno = ENOMEM;
			return -1;
		}
		if (file_write_fd(p->fd, p->out, out.pos) == -1)
			return -1;
	} while (in.pos < in.size || (end == ZSTD_e_end && left > 0));
	return 0;
}

int
packer_write(struct packer *p, const void *data, size_t len)
{
	const char *at = data;

	if (p->kind == PACK_NONE)
		return file_write_fd(p->fd, data, len);
	if (p->kind == PACK_ZSTD)
		return put_zstd(p, data, len, ZSTD_e_continue);
	while (len > 0) {
		size_t n = len < OUT_SIZE ? len : OUT_SIZE;

		if (put_gzip(p, at, n, Z_NO_FLUSH) == -1)
			return -1;
		at += n;
		len -= n;
	}
	return 0;
}

int
packer_close(struct packer *p)
{
	int rc = 0, saved;

	if (p == NULL)
		return 0;
	if (p->kind == PACK_GZIP) {
		rc = put_gzip(p, NULL, 0, Z_FINISH);
		deflateEnd(&p->z);
	} else if (p->kind == PACK_ZSTD) {
		rc = put_zstd(p, NULL, 0, ZSTD_e_end);
		ZSTD_freeCStream(p->zstd);
	}
	saved = errno;
	free(p);
	errno = saved;
	return rc;
}
