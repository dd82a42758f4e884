#include <string.h>

#include "survey/filekind.h"
#include "survey/jsontext.h"

#include "form.h"

#define UTF8_BOM "\xef\xbb\xbf"

#define UTF16 "UTF-16 text; records are UTF-8: iconv -f UTF-16 -t UTF-8 makes it that"

/* Files that are no text, by their first bytes. */
static const struct magic {
	const char *bytes;
	size_t len;
	const char *what;
} magics[] = {
	{ "\xff\xfe\0\0", 4,
	    "UTF-32 text; records are UTF-8: iconv -f UTF-32 -t UTF-8 makes it that" },
	{ "\0\0\xfe\xff", 4,
	    "UTF-32 text; records are UTF-8: iconv -f UTF-32 -t UTF-8 makes it that" },
	{ "\xff\xfe", 2, UTF16 },
	{ "\xfe\xff", 2, UTF16 },
	{ "{\0", 2, UTF16 },
	{ "\0{", 2, UTF16 },
	{ "[\0", 2, UTF16 },
	{ "\0[", 2, UTF16 },
	{ "\xfd"
	  "7zXZ",
	    5, "packed with xz; unpack it: xz -dc FILE | survey analyze - -o DIR" },
	{ "BZh", 3, "packed with bzip2; unpack it: bzip2 -dc FILE | survey analyze - -o DIR" },
	{ "\x04\x22\x4d\x18", 4,
	    "packed with lz4; unpack it: lz4 -dc FILE | survey analyze - -o DIR" },
	{ "PK\x03\x04", 4, "a zip archive; unpack it: unzip -p FILE | survey analyze - -o DIR" },
	{ "SQLite format 3", 16,
	    "a database. survey graph, report, stats, find, cluster, compare and export read a "
	    "survey.db; survey analyze reads the "
	    "records that it was made from" },
	{ "PAR1", 4, "a Parquet file; records are JSON, one object a line" },
	{ "Obj\x01", 4, "an Avro file; records are JSON, one object a line" },
	{ "%PDF", 4, "a PDF; records are JSON, one object a line" },
	{ "\x89PNG", 4, "a picture; records are JSON, one object a line" },
};

/*
 * Does the object that opens at s[at] go on in the next line?  Its line ends within it, and
 * the next one does not begin another: a line that was torn is followed by a whole one.
 */
static bool
spans_lines(const char *s, size_t len, size_t at)
{
	const char *nl = memchr(s + at, '\n', len - at);
	size_t end = nl != NULL ? (size_t)(nl - s) : len, depth = 0, next;

	if (nl == NULL)
		return false;
	for (size_t i = at; i < end;) {
		if (s[i] == '"') {
			i = jsontext_skip_string(s, len, i);
			if (i > end)
				return false;
			continue;
		}
		depth += s[i] == '{' || s[i] == '[';
		if ((s[i] == '}' || s[i] == ']') && --depth == 0)
			return false;
		i++;
	}
	next = jsontext_skip_blanks(s, len, end);
	return next < len && s[next] != '{';
}

static const char *
known_text(const char *s, size_t len)
{
	const char *nl = memchr(s, '\n', len);
	size_t n = nl != NULL ? (size_t)(nl - s) : len;
	const char *slash;
	struct ip ip;

	while (n > 0 && memchr(" \t\r", s[n - 1], 3) != NULL)
		n--;
	if (n > 0 && s[0] == '<')
		return "HTML or XML; records are JSON, one object a line";
	if ((slash = memchr(s, '/', n)) != NULL)
		n = (size_t)(slash - s);
	if (ip_parse(s, n, &ip))
		return "a list of addresses; records are JSON, one object a line. A survey takes a "
		       "list as "
		       "scan.list";
	return NULL;
}

enum record_form
form_tell(const char *text, size_t len, const char **what)
{
	const struct filekind *kind;
	size_t at = 0;

	*what = NULL;
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		if (len >= magics[i].len && memcmp(text, magics[i].bytes, magics[i].len) == 0) {
			*what = magics[i].what;
			return RECORD_OTHER;
		}
	}
	if ((kind = filekind_tell(text, len)) != NULL) {
		*what = kind->what;
		return RECORD_OTHER;
	}
	if (len >= 3 && memcmp(text, UTF8_BOM, 3) == 0)
		at = 3;
	at = jsontext_skip_blanks(text, len, at);
	if (at == len)
		return RECORD_LINES;
	if (text[at] == '[')
		return RECORD_ARRAY;
	if (text[at] != '{' && (*what = known_text(text + at, len - at)) != NULL)
		return RECORD_OTHER;
	return text[at] == '{' && spans_lines(text, len, at) ? RECORD_TEXTS : RECORD_LINES;
}
