#include <string.h>

#include "survey/csvline.h"

/* Unquote the field at *p in place; *p ends on its separator or NUL. */
static int
unquote(char **p)
{
	char *in = *p + 1, *out = *p;

	for (;; in++) {
		if (*in == '\0')
			return -1;
		if (*in == '"') {
			if (in[1] != '"')
				break;
			in++;
		}
		*out++ = *in;
	}
	in++;
	while (*in == ' ')
		in++;
	if (*in != ',' && *in != '\0')
		return -1;
	*p = in;
	*out = '\0';
	return 0;
}

int
csvline_split(char *line, char **fields, int max)
{
	char *p = line, sep;
	int n = 0;

	p[strcspn(p, "\r\n")] = '\0';
	while (n < max) {
		char *start = p;

		p += strspn(p, " ");
		if (*p == '"') {
			start = p;
			if (unquote(&p) == -1)
				return -1;
			sep = *p;
		} else {
			p = start + strcspn(start, ",");
			sep = *p;
			*p = '\0';
		}
		fields[n++] = start;
		if (sep == '\0')
			break;
		p++;
	}
	return n;
}
