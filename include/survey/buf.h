/* Layer: base.  A byte string that grows; data is always NUL-terminated and never NULL. */
#ifndef SURVEY_BUF_H
#define SURVEY_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

struct buf {
	char *data;
	size_t len;
	size_t cap;
};

void buf_init(struct buf *b);
void buf_fini(struct buf *b);
void buf_clear(struct buf *b);
void buf_grow(struct buf *b, size_t more); /* what buf_reserve() does where room is short */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void buf_drop(struct buf *b, size_t len); /* remove len bytes from the front */
char *buf_steal(struct buf *b); /* the caller frees the string; b is empty again */

/* Room for more bytes and a NUL. */
static inline void
buf_reserve(struct buf *b, size_t more)
{
	if (b->cap - b->len <= more)
		buf_grow(b, more);
}

static inline void
buf_add(struct buf *b, const void *data, size_t len)
{
	buf_reserve(b, len);
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

static inline void
buf_addc(struct buf *b, char c)
{
	buf_reserve(b, 1);
	b->data[b->len++] = c;
	b->data[b->len] = '\0';
}

static inline void
buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

#endif
