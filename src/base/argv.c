/* Pure: a command line that grows. */
#include <stdarg.h>
#include <stdlib.h>

#include "survey/argv.h"
#include "survey/buf.h"
#include "survey/mem.h"

static void
push(struct argv *a, char *owned)
{
	mem_grow(&a->v, &a->cap, a->n + 2, sizeof(*a->v));
	a->v[a->n++] = owned;
	a->v[a->n] = NULL;
}

void
argv_add(struct argv *a, const char *word, ...)
{
	va_list ap;

	va_start(ap, word);
	for (; word != NULL; word = va_arg(ap, const char *))
		push(a, xstrdup(word));
	va_end(ap);
}

void
argv_printf(struct argv *a, const char *fmt, ...)
{
	struct buf b;
	va_list ap;

	buf_init(&b);
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	push(a, buf_steal(&b));
}

void
argv_free(char **v)
{
	for (size_t i = 0; v != NULL && v[i] != NULL; i++)
		free(v[i]);
	free(v);
}
