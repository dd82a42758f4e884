/* Pure. */
#include <string.h>

#include "survey/jsontext.h"

size_t
jsontext_skip_blanks(const char *s, size_t len, size_t at)
{
	while (at < len && memchr(" \t\r\n", s[at], 4) != NULL)
		at++;
	return at;
}

size_t
jsontext_skip_string(const char *s, size_t len, size_t at)
{
	for (at++; at < len && s[at] != '"'; at++)
		at += s[at] == '\\';
	return at < len ? at + 1 : len;
}

size_t
jsontext_skip_value(const char *s, size_t len, size_t at)
{
	size_t depth = 0;

	while (at < len) {
		char c = s[at];

		if (depth == 0 && (c == ',' || c == '}' || c == ']'))
			return at;
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		at = c == '"' ? jsontext_skip_string(s, len, at) : at + 1;
		if (depth == 0 && (c == '"' || c == '}' || c == ']'))
			return at;
	}
	return len;
}
