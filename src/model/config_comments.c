/* Pure */

#include <stdbool.h>
#include <string.h>

#include "survey/log.h"
#include "model/config_values.h"

static void
blank(char *from, const char *to)
{
	for (; from < to; from++) {
		if (*from != '\n')
			*from = ' ';
	}
}

/* After the closing quote of the string at p; NULL when the text ends before it. */
static char *
skip_string(char *p)
{
	char quote = *p++;

	while (*p != '\0' && *p != quote)
		p += *p == '\\' && p[1] != '\0' ? 2 : 1;
	return *p == '\0' ? NULL : p + 1;
}

/* After the comment at p; NULL when the text ends before it. */
static char *
skip_comment(char *p)
{
	char *end = strstr(p + 2, "*/");

	return end == NULL ? NULL : end + 2;
}

#define MAX_DEPTH 3 /* dns { upstream NAME { list = { */

/* Braces that are open, and the lines of the outermost of them. */
struct braces {
	size_t depth;
	size_t line[MAX_DEPTH];
};

static void
count_brace(struct braces *b, char c, size_t line)
{
	if (c == '{') {
		if (b->depth < MAX_DEPTH)
			b->line[b->depth] = line;
		b->depth++;
	} else if (c == '}' && b->depth > 0) {
		b->depth--;
	}
}

size_t
config_blank_comments(char *text, const char *path)
{
	struct braces braces = { 0 };
	size_t faults = 0, line = 1;
	bool inside = false; /* an unquoted word */

	for (char *p = text; *p != '\0';) {
		char *end = p + 1;

		if (*p == '"' || *p == '\'') {
			end = skip_string(p);
			inside = false;
			if (end == NULL) {
				log_error("%s:%zu: the string that begins here is not closed", path,
				    line);
				faults++;
				end = p + strlen(p);
			}
		} else if (*p == '#' && inside) {
			log_error("%s:%zu: a value with # in it needs quotes", path, line);
			faults++;
			end = p + strcspn(p, "\n");
		} else if (*p == '\\') {
			/* libConfuse would print it and go on. */
			log_error("%s:%zu: a backslash outside quotes", path, line);
			faults++;
		} else if (*p == '#' || (!inside && p[0] == '/' && p[1] == '/')) {
			end = p + strcspn(p, "\n");
			blank(p, end);
		} else if (!inside && p[0] == '/' && p[1] == '*') {
			end = skip_comment(p);
			if (end == NULL) {
				log_error("%s:%zu: the comment that begins here is not closed",
				    path, line);
				faults++;
				end = p + strlen(p);
			}
			blank(p, end);
		} else {
			inside = strchr(" \t\r\n={}(),", *p) == NULL;
			count_brace(&braces, *p, line);
		}
		for (; p < end; p++)
			line += *p == '\n';
	}
	if (braces.depth > 0) {
		log_error("%s:%zu: the brace of this line is not closed", path,
		    braces.line[(braces.depth < MAX_DEPTH ? braces.depth : MAX_DEPTH) - 1]);
		faults++;
	}
	return faults;
}
