/* Public keys of a study that is built, in a temporary file until survey.db has them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/publickey.h"

#include "build.h"

#define SPOOL_AT ((size_t)1 << 20)
#define MOST_KEYS 1024 /* bytes that most keys take: read at once */

static int
spool_flush(struct study_builder *b)
{
	if (file_write_fd(b->spool, b->spooled.data, b->spooled.len) == -1) {
		b->spool_error = errno;
		return -1;
	}
	b->spool_at += b->spooled.len;
	buf_clear(&b->spooled);
	return 0;
}

/* Lengths of modulus, exponent, point and generator, then their bytes. */
int
spool_put(struct study_builder *b, uint32_t key, const struct public_key *k)
{
	const struct octets *parts[PUBLIC_PARTS] = { &k->modulus, &k->exponent, &k->point,
		&k->generator };
	uint32_t lens[PUBLIC_PARTS];

	if (b->spool == -1 || b->spool_error != 0) {
		errno = b->spool_error;
		return -1;
	}
	b->st->keys[key].public_at = b->spool_at + b->spooled.len;
	for (size_t i = 0; i < PUBLIC_PARTS; i++)
		lens[i] = (uint32_t)parts[i]->len;
	buf_add(&b->spooled, (const char *)lens, sizeof(lens));
	for (size_t i = 0; i < PUBLIC_PARTS; i++) {
		if (lens[i] > 0)
			buf_add(&b->spooled, (const char *)parts[i]->data, lens[i]);
	}
	return b->spooled.len >= SPOOL_AT ? spool_flush(b) : 0;
}

/* Append up to len bytes; at the end of the file there are fewer. */
static int
read_at(int fd, struct buf *to, size_t len, uint64_t at)
{
	size_t end = to->len + len;

	buf_reserve(to, len);
	while (to->len < end) {
		ssize_t n = pread(fd, to->data + to->len, end - to->len, (off_t)at);

		if (n == 0)
			break;
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0) {
			to->len += (size_t)n;
			at += (uint64_t)n;
		}
	}
	return 0;
}

static int
spool_get(const struct study *st, uint32_t key, struct public_key *k, struct buf *scratch)
{
	const struct study_key *sk = &st->keys[key];
	int fd = *(const int *)st->public_source;
	struct octets *parts[PUBLIC_PARTS] = { &k->modulus, &k->exponent, &k->point,
		&k->generator };
	uint32_t lens[PUBLIC_PARTS];
	size_t at = sizeof(lens), all = at;

	*k = (struct public_key){ .type = (enum public_type)sk->type,
		.bits = sk->bits,
		.curve = study_text(st, sk->curve) };
	buf_clear(scratch);
	if (read_at(fd, scratch, MOST_KEYS, sk->public_at) == -1)
		return -1;
	if (scratch->len >= at) {
		memcpy(lens, scratch->data, at);
		for (size_t i = 0; i < PUBLIC_PARTS; i++)
			all += lens[i];
		if (all > scratch->len &&
		    read_at(fd, scratch, all - scratch->len, sk->public_at + scratch->len) == -1)
			return -1;
	}
	if (scratch->len < all) {
		errno = EIO;
		return -1;
	}
	for (size_t i = 0; i < PUBLIC_PARTS; i++) {
		*parts[i] = (struct octets){
			lens[i] > 0 ? (const uint8_t *)scratch->data + at : NULL, lens[i]
		};
		at += lens[i];
	}
	return 0;
}

static void
spool_close(struct study *st)
{
	close(*(int *)st->public_source);
	free(st->public_source);
	st->public_source = NULL;
}

int
spool_give(struct study_builder *b, struct study *st)
{
	int *fd;

	if (b->spool == -1)
		return 0;
	if (b->spool_error != 0 || spool_flush(b) == -1) {
		errno = b->spool_error;
		return -1;
	}
	fd = xmalloc(sizeof(*fd));
	*fd = b->spool;
	b->spool = -1;
	st->public_source = fd;
	st->public_get = spool_get;
	st->public_close = spool_close;
	return 0;
}
