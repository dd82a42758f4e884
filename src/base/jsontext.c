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
