/* Pure: session secrets taken out of JSON text. */
#include <stdbool.h>
#include <string.h>

#include "survey/buf.h"

#include "secrets.h"

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t
skip_space(const char *s, size_t i, size_t len)
{
	while (i < len && is_space(s[i]))
		i++;
	return i;
}

/* i is at an opening quote; returns the index after the closing one. */
static size_t
skip_string(const char *s, size_t i, size_t len)
{
	for (i++; i < len && s[i] != '"'; i++) {
		if (s[i] == '\\')
			i++;
	}
	return i < len ? i + 1 : len;
}

static size_t
skip_value(const char *s, size_t i, size_t len)
{
	size_t depth = 0;

	while (i < len) {
		char c = s[i];

		if (c == '"') {
			i = skip_string(s, i, len);
			if (depth == 0)
				return i;
			continue;
		}
		if (depth == 0 && (c == ',' || c == '}' || c == ']'))
			return i;
		if (c == '{' || c == '[')
			depth++;
		i++;
		if ((c == '}' || c == ']') && --depth == 0)
			return i;
	}
	return len;
}

static bool
is_secret(const char *s, size_t len)
{
	static const char *const names[] = { "key_material", "client_private" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (len == strlen(names[i]) && memcmp(s, names[i], len) == 0)
			return true;
	}
	return false;
}

/* One of the two commas around a dropped member must go. */
static size_t
drop_comma(const char *s, size_t i, size_t len, struct buf *out)
{
	size_t next = skip_space(s, i, len);

	if (next < len && s[next] == ',')
		return next + 1;
	while (out->len > 0 && is_space(out->data[out->len - 1]))
		out->data[--out->len] = '\0';
	if (out->len > 0 && out->data[out->len - 1] == ',')
		out->data[--out->len] = '\0';
	return i;
}

void
secrets_drop(const char *json, size_t len, struct buf *out)
{
	size_t i = 0, from = 0;

	while (i < len) {
		size_t start = i, end, colon;

		if (json[i] != '"') {
			i++;
			continue;
		}
		end = skip_string(json, i, len);
		colon = skip_space(json, end, len);
		i = end;
		if (colon >= len || json[colon] != ':' ||
		    !is_secret(json + start + 1, end - start - 2))
			continue;
		buf_add(out, json + from, start - from);
		i = skip_value(json, skip_space(json, colon + 1, len), len);
		i = from = drop_comma(json, i, len, out);
	}
	buf_add(out, json + from, len - from);
}
