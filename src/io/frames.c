#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "survey/frames.h"
#include "survey/mem.h"

#define MAGIC_LEN 4
#define HEADER_MAX 18
#define BLOCK_HEADER 3
#define CHECKSUM_LEN 4
#define SKIPPED_HEADER 8
#define RLE 1
#define RESERVED 3
#define OPEN_MAX (16 << 20) /* a frame that is open is shorter: spools end theirs before */
#define LINE_MAX_BYTES ((size_t)64 << 20)

static uint32_t
little_endian(const unsigned char *p, size_t n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

void
frames_init(struct frames *f, int fd, off_t at, off_t size)
{
	*f = (struct frames){ .fd = fd, .at = at, .size = size };
}

/* Bytes at f->at, as many of want as there are; -1 with errno set. */
static ssize_t
look(const struct frames *f, unsigned char *buf, size_t want)
{
	ssize_t n;

	do
		n = pread(f->fd, buf, want, f->at);
	while (n == -1 && errno == EINTR);
	return n;
}

/* Pass over n bytes. */
static enum frames_piece
pass(struct frames *f, off_t n, enum frames_piece piece)
{
	if (n > f->size - f->at)
		return FRAMES_CUT;
	f->at += n;
	return piece;
}

static enum frames_piece
frame_header(struct frames *f)
{
	static const unsigned char magic[MAGIC_LEN] = { 0x28, 0xb5, 0x2f, 0xfd };
	static const off_t dictionary[] = { 0, 1, 2, 4 }, size[] = { 0, 2, 4, 8 };
	unsigned char h[HEADER_MAX];
	ssize_t n = look(f, h, sizeof(h));
	bool single;
	off_t len;

	if (n == -1)
		return FRAMES_ERROR;
	if (n < MAGIC_LEN)
		return memcmp(h, magic, (size_t)n) == 0 ? FRAMES_CUT : FRAMES_DAMAGED;
	if ((h[0] & 0xf0) == 0x50 && h[1] == 0x2a && h[2] == 0x4d && h[3] == 0x18)
		return n < SKIPPED_HEADER
			   ? FRAMES_CUT
			   : pass(f, SKIPPED_HEADER + (off_t)little_endian(h + MAGIC_LEN, 4),
				 FRAMES_SKIPPED);
	if (memcmp(h, magic, MAGIC_LEN) != 0)
		return FRAMES_DAMAGED;
	if (n == MAGIC_LEN)
		return FRAMES_CUT;
	single = (h[MAGIC_LEN] & 0x20) != 0;
	len = MAGIC_LEN + 1 + (single ? 0 : 1) + dictionary[h[MAGIC_LEN] & 3] +
	      (single && h[MAGIC_LEN] >> 6 == 0 ? 1 : size[h[MAGIC_LEN] >> 6]);
	if (len > f->size - f->at)
		return FRAMES_CUT;
	f->checksum = (h[MAGIC_LEN] & 4) != 0;
	f->stream = h[MAGIC_LEN] == 0;
	f->within = true;
	return pass(f, len, FRAMES_HEADER);
}

static enum frames_piece
block(struct frames *f)
{
	unsigned char h[BLOCK_HEADER];
	ssize_t n = look(f, h, sizeof(h));
	enum frames_piece got;
	uint32_t word, len;
	bool last;

	if (n == -1)
		return FRAMES_ERROR;
	if (n < BLOCK_HEADER)
		return FRAMES_CUT;
	word = little_endian(h, BLOCK_HEADER);
	last = (word & 1) != 0;
	len = word >> 3;
	/* Zeros would be an empty block, which no packer writes in the middle; a disk that lost power has them. */
	if ((word >> 1 & 3) == RESERVED || len > FRAMES_BLOCK_MAX - BLOCK_HEADER || word == 0)
		return FRAMES_DAMAGED;
	got = pass(f, BLOCK_HEADER + ((word >> 1 & 3) == RLE ? 1 : (off_t)len), FRAMES_BLOCK);
	if (got == FRAMES_BLOCK) {
		f->within = !last;
		f->checksum_due = last && f->checksum;
	}
	return got;
}

enum frames_piece
frames_next(struct frames *f)
{
	enum frames_piece got;

	if (f->within)
		return block(f);
	if (f->checksum_due) {
		got = pass(f, CHECKSUM_LEN, FRAMES_CHECKSUM);
		f->checksum_due = got != FRAMES_CHECKSUM;
		return got;
	}
	return f->at >= f->size ? FRAMES_END : frame_header(f);
}

int
frames_find_end(int fd, struct frames_end *e)
{
	off_t frame = 0, piece = 0; /* where they begin */
	bool text = false; /* in this frame */
	enum frames_piece got;
	struct frames f;
	struct stat st;

	*e = (struct frames_end){ .whole = 0 };
	if (fstat(fd, &st) == -1)
		return -1;
	frames_init(&f, fd, 0, st.st_size);
	for (; (got = frames_next(&f)) > FRAMES_CUT; piece = f.at) {
		if (got == FRAMES_HEADER) {
			frame = piece;
			text = false;
		} else if (got == FRAMES_BLOCK) {
			text = text || f.at - piece > BLOCK_HEADER;
			e->block = f.at;
		}
		if (f.within || f.checksum_due)
			continue;
		e->whole = e->block = f.at;
		if (text && got != FRAMES_SKIPPED) {
			e->text_at = frame;
			e->text_end = f.at;
		}
	}
	e->rest = st.st_size - e->block;
	e->stream = f.within ? f.stream : got == FRAMES_CUT && !f.checksum_due;
	e->damaged = got == FRAMES_DAMAGED;
	return got == FRAMES_ERROR ? -1 : 0;
}

/* Unpack a piece of the file; its text goes to the end of text.  False: it cannot be. */
static bool
unpack(ZSTD_DStream *z, int fd, off_t from, off_t to, unsigned char *scratch, struct buf *text)
{
	ZSTD_inBuffer in = { scratch, (size_t)(to - from), 0 };
	bool full = true;

	if (pread(fd, scratch, in.size, from) != (ssize_t)in.size)
		return false;
	while (in.pos < in.size || full) {
		ZSTD_outBuffer out;
		size_t rc;

		buf_reserve(text, ZSTD_BLOCKSIZE_MAX);
		out = (ZSTD_outBuffer){ text->data + text->len, ZSTD_BLOCKSIZE_MAX, 0 };
		rc = ZSTD_decompressStream(z, &out, &in);
		if (ZSTD_isError(rc))
			return false;
		text->len += out.pos;
		full = out.pos == out.size;
	}
	return true;
}

/* Does the text of the frames that are whole lack its last newline?  Yes if it cannot be unpacked. */
static bool
is_unended(int fd, const struct frames_end *e, ZSTD_DStream *z, unsigned char *scratch)
{
	bool good = true;
	char last = '\n';
	struct frames f;
	struct buf text;

	buf_init(&text);
	frames_init(&f, fd, e->text_at, e->text_end);
	for (off_t from = f.at; good && frames_next(&f) > FRAMES_CUT; from = f.at) {
		buf_clear(&text);
		good = unpack(z, fd, from, f.at, scratch, &text);
		last = text.len > 0 ? text.data[text.len - 1] : last;
	}
	buf_fini(&text);
	ZSTD_DCtx_reset(z, ZSTD_reset_session_only);
	return !good || last != '\n';
}

int
frames_find_lines(int fd, struct frames_lines *l, struct buf *torn)
{
	unsigned char *scratch;
	struct frames_end e;
	struct frames f;
	ZSTD_DStream *z;
	struct buf text;
	off_t from;

	if (frames_find_end(fd, &e) == -1)
		return -1;
	*l = (struct frames_lines){ .keep = e.whole };
	if (e.damaged || (e.block + e.rest > e.whole && !e.stream) ||
	    e.block - e.whole > OPEN_MAX) {
		errno = EBADMSG;
		return -1;
	}
	if (e.block == 0)
		return 0;
	if ((z = ZSTD_createDStream()) == NULL) {
		errno = ENOMEM;
		return -1;
	}
	scratch = xmalloc(FRAMES_BLOCK_MAX);
	buf_init(&text);
	frames_init(&f, fd, e.whole, e.block);
	for (from = e.whole; frames_next(&f) > FRAMES_CUT; from = f.at) {
		if (text.len > LINE_MAX_BYTES || !unpack(z, fd, from, f.at, scratch, &text))
			break;
		/* Whoever writes lines flushes each of them, so a block ends where a line does. */
		if (text.len > 0 && text.data[text.len - 1] == '\n') {
			l->keep = f.at;
			l->open = true;
			buf_clear(&text);
		}
	}
	l->unended = !l->open && is_unended(fd, &e, z, scratch);
	if (torn != NULL)
		buf_add(torn, text.data, text.len);
	buf_fini(&text);
	free(scratch);
	ZSTD_freeDStream(z);
	return 0;
}

const char *
frames_strerror(int error)
{
	return error == EBADMSG ? "its zstd data is damaged" : strerror(error);
}
