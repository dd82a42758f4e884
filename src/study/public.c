/* Public keys of a study that is built, in a temporary file until survey.db has them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/publickey.h"

#include "build.h"

#define SPOOL_AT ((size_t)1 << 20)

static int
spool_flush(struct study_builder *b)
{
	size_t done = 0;

	while (done < b->spooled.len) {
		ssize_t n = write(b->spool, b->spooled.data + done, b->spooled.len - done);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			b->spool_error = n == 0 ? ENOSPC : errno;
			return -1;
		}
		done += (size_t)n;
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

static int
read_at(int fd, void *to, size_t len, uint64_t at)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, (char *)to + got, len - got, (off_t)(at + got));

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return -1;
		}
		got += (size_t)n;
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
	size_t all, at = 0;
	uint32_t lens[PUBLIC_PARTS];

	*k = (struct public_key){ .type = (enum public_type)sk->type,
		.bits = sk->bits,
		.curve = study_text(st, sk->curve) };
	if (read_at(fd, lens, sizeof(lens), sk->public_at) == -1)
		return -1;
	all = 0;
	for (size_t i = 0; i < PUBLIC_PARTS; i++)
		all += lens[i];
	buf_clear(scratch);
	buf_reserve(scratch, all + 1);
	if (read_at(fd, scratch->data, all, sk->public_at + sizeof(lens)) == -1)
		return -1;
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
