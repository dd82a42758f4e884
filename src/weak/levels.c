#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/mem.h"

#include "levels.h"

#define PIECE ((size_t)64 << 20) /* bytes of one system call; Linux takes up to 2 GiB */

void
level_store_init(struct level_store *s, const char *dir, size_t budget)
{
	*s = (struct level_store){ .dir = dir, .fd = -1, .budget = budget };
}

void
level_store_fini(struct level_store *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
}

void
level_init(struct level *l, size_t nlimbs, size_t nnodes)
{
	l->nlimbs = nlimbs;
	l->limbs = xreallocarray(NULL, nlimbs, sizeof(*l->limbs));
	l->size = xcalloc(nnodes, sizeof(*l->size));
	l->at = -1;
	l->kept = false;
}

static size_t
level_bytes(const struct level *l)
{
	return l->nlimbs * sizeof(*l->limbs);
}

void
level_fini(struct level_store *s, struct level *l)
{
	if (l->kept)
		s->held -= level_bytes(l);
	l->kept = false;
	free(l->limbs);
	free(l->size);
	l->limbs = NULL;
	l->size = NULL;
}

/* A file that no name leads to, so that nothing of it is left whatever happens. */
static int
open_file(struct level_store *s)
{
	if (s->dir == NULL) {
		errno = ENOSPC;
		return -1;
	}
	s->fd = file_unnamed(s->dir);
	return s->fd == -1 ? -1 : 0;
}

static int
write_all(int fd, const char *data, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, data, len < PIECE ? len : PIECE, at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? ENOSPC : errno;
			return -1;
		}
		data += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

static int
read_all(int fd, char *data, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t n = pread(fd, data, len < PIECE ? len : PIECE, at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return -1;
		}
		data += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

int
level_keep(struct level_store *s, struct level *l)
{
	size_t bytes = level_bytes(l);

	if (s->held + bytes <= s->budget) {
		s->held += bytes;
		l->kept = true;
		return 0;
	}
	if ((s->fd == -1 && open_file(s) == -1) ||
	    write_all(s->fd, (const char *)l->limbs, bytes, s->end) == -1)
		return -1;
	l->at = s->end;
	s->end += (off_t)bytes;
	free(l->limbs);
	l->limbs = NULL;
	return 0;
}

const mp_limb_t *
level_read(const struct level_store *s, const struct level *l, size_t at, size_t n, mp_limb_t *room)
{
	if (l->limbs != NULL)
		return l->limbs + at;
	if (read_all(s->fd, (char *)room, n * sizeof(*room), l->at + (off_t)(at * sizeof(*room))) ==
	    -1)
		return NULL;
	return room;
}
