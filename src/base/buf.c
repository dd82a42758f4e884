#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/mem.h"

static char empty[1];

void
buf_init(struct buf *b)
{
	b->data = empty;
	b->len = b->cap = 0;
}

void
buf_fini(struct buf *b)
{
	if (b->cap != 0)
		free(b->data);
	buf_init(b);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->cap != 0)
		b->data[0] = '\0';
}

void
buf_grow(struct buf *b, size_t more)
{
	char *p = b->cap != 0 ? b->data : NULL;

	mem_grow(&p, &b->cap, b->len + more + 1, 1);
	b->data = p;
	b->data[b->len] = '\0';
}

void
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	if (n > 0) {
		buf_reserve(b, (size_t)n);
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void
buf_drop(struct buf *b, size_t len)
{
	if (len == 0)
		return;
	memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
	b->data[b->len] = '\0';
}

char *
buf_steal(struct buf *b)
{
	char *s = b->cap != 0 ? b->data : xstrdup("");

	buf_init(b);
	return s;
}
