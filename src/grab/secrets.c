/* Pure: session secrets taken out of JSON text. */
#include <stdbool.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/jsontext.h"

#include "secrets.h"

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
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
	size_t next = jsontext_skip_blanks(s, len, i);

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
		end = jsontext_skip_string(json, len, i);
		colon = jsontext_skip_blanks(json, len, end);
		i = end;
		if (colon >= len || json[colon] != ':' ||
		    !is_secret(json + start + 1, end - start - 2))
			continue;
		buf_add(out, json + from, start - from);
		i = jsontext_skip_value(json, len, jsontext_skip_blanks(json, len, colon + 1));
		i = from = drop_comma(json, i, len, out);
	}
	buf_add(out, json + from, len - from);
}
