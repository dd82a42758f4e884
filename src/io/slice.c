#include <string.h>

#include "survey/slice.h"

static const char *
skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

/* p is just past an opening quote; returns just past the closing one, or end. */
static const char *
skip_string(const char *p, const char *end)
{
	while (p < end) {
		if (*p == '"')
			return p + 1;
		p += *p == '\\' && p + 1 < end ? 2 : 1;
	}
	return end;
}

static const char *
skip_value(const char *p, const char *end)
{
	size_t depth = 0;

	while (p < end) {
		switch (*p) {
		case '"':
			p = skip_string(p + 1, end);
			break;
		case '{':
		case '[':
			depth++;
			p++;
			break;
		case '}':
		case ']':
			if (depth == 0)
				return p;
			depth--;
			p++;
			break;
		case ',':
			if (depth == 0)
				return p;
			p++;
			break;
		default:
			p++;
			continue;
		}
		if (depth == 0)
			return p;
	}
	return end;
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
	p = skip_string(p + 1, end);
	key->len = (size_t)(p - key->s) - (p > key->s ? 1 : 0);
	p = skip_space(p, end);
	if (p >= end || *p != ':')
		return false;
	p = skip_space(p + 1, end);
	value->s = p;
	p = skip_value(p, end);
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
