#include <string.h>

#include "survey/jsontext.h"
#include "survey/slice.h"

static const char *
skip_space(const char *p, const char *end)
{
	return p + jsontext_skip_blanks(p, (size_t)(end - p), 0);
}

struct slice_iter
slice_members(const char *text, size_t len)
{
	struct slice_iter it = { text, text + len };

	it.p = skip_space(it.p, it.end);
	if (it.p < it.end && *it.p == '{')
		it.p++;
	else
		it.p = it.end;
	return it;
}

bool
slice_next(struct slice_iter *it, struct slice *key, struct slice *value)
{
	const char *p, *end = it->end;

	p = skip_space(it->p, end);
	if (p < end && *p == ',')
		p = skip_space(p + 1, end);
	it->p = end;
	if (p >= end || *p != '"')
		return false;
	key->s = p + 1;
	p += jsontext_skip_string(p, (size_t)(end - p), 0);
	key->len = (size_t)(p - key->s) - (p > key->s ? 1 : 0);
	p = skip_space(p, end);
	if (p >= end || *p != ':')
		return false;
	p = skip_space(p + 1, end);
	value->s = p;
	p += jsontext_skip_value(p, (size_t)(end - p), 0);
	it->p = p;
	while (p > value->s && (p[-1] == ' ' || p[-1] == '\t' || p[-1] == '\n' || p[-1] == '\r'))
		p--;
	value->len = (size_t)(p - value->s);
	return value->len > 0;
}

struct slice
slice_get(const char *text, size_t len, const char *key)
{
	struct slice_iter it = slice_members(text, len);
	struct slice k, v;
	size_t n = strlen(key);

	while (slice_next(&it, &k, &v)) {
		if (k.len == n && memcmp(k.s, key, n) == 0)
			return v;
	}
	return (struct slice){ NULL, 0 };
}
