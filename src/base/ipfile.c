#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/ip.h"
#include "survey/mem.h"

#define MAX_LINE 1024
#define MAX_TOLD 3 /* bad lines that the message quotes; the rest is a number */

/* Why text is no address, prefix or range; NULL after it was added to s. */
static const char *
add_entry(struct ipset *s, const char *text, size_t len)
{
	const char *dash = memchr(text, '-', len), *slash = memchr(text, '/', len);
	size_t left = dash != NULL ? (size_t)(dash - text) : len, skip;
	struct cidr c;
	struct ip lo, hi;

	if (dash == NULL) {
		if (cidr_parse(text, len, &c)) {
			ipset_add_cidr(s, &c);
			return NULL;
		}
		if (slash != NULL && cidr_parse(text, (size_t)(slash - text), &c))
			return "bits are set to the right of the prefix length, or it is too long";
		return "no address, prefix or range";
	}
	while (left > 0 && text[left - 1] == ' ')
		left--;
	for (skip = (size_t)(dash - text) + 1; skip < len && text[skip] == ' ';)
		skip++;
	if (!ip_parse(text, left, &lo) || !ip_parse(text + skip, len - skip, &hi))
		return "no address, prefix or range";
	if (lo.family != hi.family || ip_cmp(&lo, &hi) > 0)
		return "the range ends before it starts";
	ipset_add_range(s, &lo, &hi);
	return NULL;
}

/* One line as read, n bytes of it. */
static const char *
add_line(struct ipset *s, char *line, size_t n)
{
	size_t start = 0, len = strcspn(line, "#;\r\n");

	if (memchr(line, '\0', n) != NULL)
		return "a NUL byte";
	if (n > MAX_LINE)
		return "too long";
	while (start < len && (line[start] == ' ' || line[start] == '\t'))
		start++;
	while (len > start && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	line[len] = '\0';
	memmove(line, line + start, len - start + 1);
	return len > start ? add_entry(s, line, len - start) : NULL;
}

int
ipset_read_file(struct ipset *s, const char *path, char **error)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *f = is_stdin ? stdin : fopen(path, "re");
	struct ipset got;
	struct buf bad;
	char *line = NULL;
	size_t cap = 0, number = 0, nbad = 0;
	ssize_t n;

	*error = NULL;
	if (f == NULL) {
		*error = xasprintf("%s: %m", path);
		return -1;
	}
	ipset_init(&got);
	buf_init(&bad);
	while ((n = getline(&line, &cap, f)) != -1) {
		size_t bom = number == 0 && strncmp(line, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
		const char *why = add_line(&got, line + bom, (size_t)n - bom);

		number++;
		if (why != NULL && nbad++ < MAX_TOLD)
			buf_printf(&bad, "%s%s:%zu: \"%.60s\": %s", nbad > 1 ? "; " : "", path,
			    number, line + bom, why);
	}
	if (ferror(f))
		*error = xasprintf("%s: %m", path);
	else if (nbad > MAX_TOLD)
		buf_printf(&bad, "; and %zu more bad lines", nbad - MAX_TOLD);
	if (*error == NULL && nbad > 0)
		*error = buf_steal(&bad);
	if (*error == NULL) {
		ipset_add_set(s, &got);
		ipset_normalise(s);
	}
	buf_fini(&bad);
	ipset_fini(&got);
	free(line);
	if (!is_stdin)
		fclose(f);
	return *error == NULL ? 0 : -1;
}
