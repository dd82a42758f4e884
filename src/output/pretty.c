/* Pure. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/pretty.h"

#define LEVEL_MAX 1024 /* as simdjson, which has read the text */

struct piece {
	const char *key, *value; /* key NULL in an array */
	size_t key_len, value_len;
	size_t number; /* equal keys stay in order */
};

static const char *
skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

/* Behind the value that begins at p. */
static const char *
skip_value(const char *p, const char *end)
{
	size_t depth = 0;

	for (; p < end; p++) {
		if (*p == '"') {
			for (p++; p < end && *p != '"'; p++) {
				if (*p == '\\')
					p++;
			}
		} else if (*p == '{' || *p == '[') {
			depth++;
		} else if (*p == '}' || *p == ']') {
			if (depth == 0)
				return p;
			depth--;
		} else if (depth == 0 && (*p == ',' || *p == ':')) {
			return p;
		}
	}
	return end;
}

static size_t
without_blanks(const char *from, const char *to)
{
	while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\n' || to[-1] == '\r'))
		to--;
	return (size_t)(to - from);
}

static int
by_key(const void *pa, const void *pb)
{
	const struct piece *a = pa, *b = pb;
	size_t n = a->key_len < b->key_len ? a->key_len : b->key_len;
	int c = memcmp(a->key, b->key, n);

	if (c == 0 && a->key_len != b->key_len)
		return a->key_len < b->key_len ? -1 : 1;
	return c != 0 ? c : (a->number < b->number ? -1 : a->number > b->number);
}

static void
new_line(struct buf *out, unsigned level)
{
	buf_addc(out, '\n');
	for (unsigned i = 0; i < level; i++)
		buf_adds(out, "  ");
}

void
json_pretty(struct buf *out, const char *text, size_t len, unsigned level)
{
	const char *p = skip_blanks(text, text + len), *end = text + len;
	bool object = p < end && *p == '{';
	struct piece *v = NULL;
	size_t n = 0, cap = 0;

	if (p == end || (*p != '{' && *p != '[') || level > LEVEL_MAX) {
		buf_add(out, p, without_blanks(p, end));
		return;
	}
	for (p = skip_blanks(p + 1, end); p < end && *p != '}' && *p != ']';) {
		struct piece one = { .number = n };
		const char *to;

		if (object) {
			to = skip_value(p, end);
			one.key = p;
			one.key_len = without_blanks(p, to);
			p = skip_blanks(to < end ? to + 1 : end, end);
		}
		to = skip_value(p, end);
		one.value = p;
		one.value_len = without_blanks(p, to);
		mem_grow(&v, &cap, n + 1, sizeof(*v));
		v[n++] = one;
		p = to < end && *to == ',' ? skip_blanks(to + 1, end) : to;
	}
	if (object && n > 1)
		qsort(v, n, sizeof(*v), by_key);
	buf_addc(out, object ? '{' : '[');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_addc(out, ',');
		new_line(out, level + 1);
		if (object) {
			buf_add(out, v[i].key, v[i].key_len);
			buf_adds(out, ": ");
		}
		json_pretty(out, v[i].value, v[i].value_len, level + 1);
	}
	if (n > 0)
		new_line(out, level);
	buf_addc(out, object ? '}' : ']');
	free(v);
}
