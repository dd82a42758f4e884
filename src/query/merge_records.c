/* The records of the runs, one after the other. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/frames.h"
#include "survey/mem.h"
#include "survey/pack.h"
#include "survey/source.h"

#include "merge.h"

#define PIECE ((size_t)256 << 10)

static const char *const records_name[] = { [RECORDS_PLAIN] = "records.fresh",
	[RECORDS_GZIP] = "records.fresh.gz",
	[RECORDS_ZSTD] = "records.fresh.zst" };

/* As a frame or member of its own. */
static int
put_frame(int to, enum pack_kind kind, const char *text, size_t len)
{
	struct packer *p = packer_open(to, kind);
	int rc = p != NULL ? packer_write(p, text, len) : -1;

	return packer_close(p) == -1 ? -1 : rc;
}

/* Frames follow each other as lines do.  Where a run was killed, a torn line stays one. */
static int
append_packed(int from, int to)
{
	off_t at = lseek(to, 0, SEEK_END), end = lseek(from, 0, SEEK_END);
	struct frames_lines l;
	struct buf torn;
	int rc = -1;

	buf_init(&torn);
	if (at != -1 && end != -1 && frames_find_lines(from, &l, &torn) == 0 &&
	    file_append(from, to) != -1 && ftruncate(to, at + l.keep) == 0 &&
	    lseek(to, 0, SEEK_END) != -1)
		rc = l.open ? file_write_fd(to, FRAMES_LAST, FRAMES_LAST_LEN) : 0;
	if (rc == 0 && l.keep < end)
		buf_adds(&torn, torn.len > 0 ? "\n" : "{\n");
	else if (rc == 0 && l.unended)
		buf_addc(&torn, '\n');
	if (rc == 0 && torn.len > 0)
		rc = put_frame(to, PACK_ZSTD, torn.data, torn.len);
	buf_fini(&torn);
	return rc;
}

/* Members follow each other as lines do, too.  They must be unpacked to see how they end. */
static int
append_gzip(const char *path, int from, int to, char **error)
{
	struct source *s = source_open(path, NULL, error);
	char *piece = xmalloc(PIECE), last = '\n';
	long n = -1;
	int rc = -1;

	while (s != NULL && (n = source_read(s, piece, PIECE, error)) > 0)
		last = piece[n - 1];
	if (n == 0 && file_append(from, to) != -1)
		rc = last != '\n' ? put_frame(to, PACK_GZIP, "\n", 1) : 0;
	source_close(s);
	free(piece);
	return rc;
}

/* Records that are packed otherwise, or not at all.  *error may be set. */
static int
pack_anew(const char *path, int to, char **error)
{
	struct source *s = source_open(path, NULL, error);
	struct packer *p = s != NULL ? packer_open(to, PACK_ZSTD) : NULL;
	char *piece = xmalloc(PIECE), last = '\n';
	long n = p != NULL ? 0 : -1;
	int rc;

	while (p != NULL && (n = source_read(s, piece, PIECE, error)) > 0) {
		if (packer_write(p, piece, (size_t)n) == -1) {
			n = -1;
			break;
		}
		last = piece[n - 1];
	}
	rc = n == -1 || (last != '\n' && packer_write(p, "\n", 1) == -1) ? -1 : 0;
	if (packer_close(p) == -1)
		rc = -1;
	source_close(s);
	free(piece);
	return rc;
}

static int
append(
    const struct merge_source *src, enum merge_records kind, const char *path, int to, char **error)
{
	int from, rc;

	if (src->records != kind)
		return pack_anew(path, to, error);
	if ((from = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	if (kind == RECORDS_ZSTD)
		rc = append_packed(from, to);
	else if (kind == RECORDS_GZIP)
		rc = append_gzip(path, from, to, error);
	else if ((rc = file_append(from, to)) == 1) /* the last line lacks its end */
		rc = file_write_fd(to, "\n", 1);
	close(from);
	return rc;
}

/* In the same way as all of them are packed, else in zstd. */
static enum merge_records
joined_kind(const struct merge *m)
{
	enum merge_records kind = m->sources[0].records;

	for (size_t i = 1; i < m->nsources; i++)
		kind = m->sources[i].records == kind ? kind : RECORDS_ZSTD;
	return kind;
}

int
merge_records(struct merge *m, char **error)
{
	enum merge_records kind = joined_kind(m);
	struct outfile *out;
	int rc;

	out = merge_begin_file(m, records_name[kind]);
	rc = out != NULL ? 0 : -1;
	for (size_t i = 0; i < m->nsources && rc == 0; i++) {
		const struct merge_source *src = &m->sources[i];
		char *path = path_join(src->path, records_name[src->records]);

		rc = append(src, kind, path, fileno(out->f), error);
		if (rc == -1 && *error == NULL)
			*error = xasprintf("%s: %s", path, frames_strerror(errno));
		free(path);
	}
	if (rc == -1 && *error == NULL)
		*error = xasprintf("%s/%s: %s", m->made, records_name[kind], strerror(errno));
	return rc;
}

/* What append_packed() makes of a line that was being written: bytes, or -1. */
static int
torn_bytes(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), n = -1;
	struct frames_lines l;
	struct buf torn;

	buf_init(&torn);
	if (fd != -1 && frames_find_lines(fd, &l, &torn) == 0)
		n = l.keep == lseek(fd, 0, SEEK_END) ? 0 : torn.len > 0 ? (int)torn.len + 1 : 2;
	buf_fini(&torn);
	if (fd != -1)
		close(fd);
	return n;
}

int
merge_records_bytes(const struct merge *m, size_t source, uint64_t *n, char **error)
{
	const struct merge_source *src = &m->sources[source];
	bool as_is = src->records == joined_kind(m);
	char *path = path_join(src->path, records_name[src->records]), *piece = xmalloc(PIECE);
	struct source *s = source_open(path, NULL, error);
	uint64_t all = 0, lines = 0; /* bytes, and those up to the last line feed */
	long got = s != NULL ? 0 : -1;
	int torn = 0;

	while (s != NULL && (got = source_read(s, piece, PIECE, error)) > 0) {
		const char *end = memrchr(piece, '\n', (size_t)got);

		lines = end != NULL ? all + (uint64_t)(end + 1 - piece) : lines;
		all += (uint64_t)got;
	}
	if (got == 0 && as_is && src->records == RECORDS_ZSTD && (torn = torn_bytes(path)) == -1) {
		*error = xasprintf("%s: %s", path, strerror(errno));
		got = -1;
	}
	*n += torn > 0 ? lines + (uint64_t)torn : all + (all > lines);
	source_close(s);
	free(piece);
	free(path);
	return got == 0 ? 0 : -1;
}
