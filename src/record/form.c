#include <string.h>

#include "survey/ip.h"

#include "form.h"

#define NAMES_MAX 64 /* members of an object that are looked at */
#define SIZES "clusternum,size" /* first line of clustersizes.csv */
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
	    "a database. survey graph, report and stats read a survey.db; survey analyze reads the "
	    "records that it was made from" },
	{ "PAR1", 4, "a Parquet file; records are JSON, one object a line" },
	{ "Obj\x01", 4, "an Avro file; records are JSON, one object a line" },
	{ "%PDF", 4, "a PDF; records are JSON, one object a line" },
	{ "\x89PNG", 4, "a picture; records are JSON, one object a line" },
};

#define RESULTS                                                                                    \
	"a result of an analysis, not what it was made from. survey graph, report and stats read " \
	"it with its directory; survey analyze reads the records (records.fresh of a run)"

/* Objects that are no records, by members that only they have. */
static const struct kind {
	const char *first, *second; /* both are there; second may be NULL */
	const char *what;
} kinds[] = {
	{ "fprints", NULL, RESULTS },
	{ "clusternum", NULL, RESULTS },
	{ "hosts", "keys", RESULTS },
	{ "verdict", "ip_record", RESULTS },
	{ "findings", "checks", RESULTS },
	{ "answers", "outcome",
	    "a dns.ndjson: answers to names, not records. survey analyze takes it beside records, "
	    "with --dns-file" },
	{ "reason", "text",
	    "a records.bad: lines that could not be read. Each text in it is one of them" },
	{ "0", NULL,
	    "an object of numbered records, as dodgy.json is: jq -c '.[]' FILE | survey analyze - "
	    "-o "
	    "DIR reads them" },
	{ "config_sha256", NULL, "a run.json; name its directory: survey analyze RUNDIR" },
	{ "state", "analysis", "a run.json; name its directory: survey analyze RUNDIR" },
	{ "statuses", NULL,
	    "ZGrab2's summary of its run; the records are what it wrote as output" },
	{ "saddr", NULL,
	    "a list of addresses that ZMap found, without keys; a survey takes it as scan.list" },
	{ "ports", "timestamp",
	    "a list of addresses that masscan found, without keys; a survey takes it as "
	    "scan.list" },
};

/* Names of the members of an object, as written. */
struct names {
	struct {
		const char *s;
		size_t len;
	} v[NAMES_MAX];
	size_t n;
};

static size_t
skip_blanks(const char *s, size_t len, size_t at)
{
	while (at < len && memchr(" \t\r\n", s[at], 4) != NULL)
		at++;
	return at;
}

/* Just past the string whose opening quote is at s[at], or len. */
static size_t
skip_string(const char *s, size_t len, size_t at)
{
	for (at++; at < len && s[at] != '"'; at++)
		at += s[at] == '\\';
	return at < len ? at + 1 : len;
}

/* The members of the object that opens at s[at]; the text may end within it. */
static void
read_names(const char *s, size_t len, size_t at, struct names *names)
{
	size_t depth = 0, end, colon;

	names->n = 0;
	while (at < len && names->n < NAMES_MAX) {
		switch (s[at]) {
		case '{':
		case '[':
			depth++;
			at++;
			break;
		case '}':
		case ']':
			at++;
			if (--depth == 0)
				return;
			break;
		case '"':
			end = skip_string(s, len, at);
			colon = skip_blanks(s, len, end);
			if (depth == 1 && colon < len && s[colon] == ':') {
				names->v[names->n].s = s + at + 1;
				names->v[names->n++].len = end - at - 2;
			}
			at = end;
			break;
		default:
			at++;
		}
	}
}

static bool
has(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++) {
		if (names->v[i].len == strlen(name) &&
		    memcmp(names->v[i].s, name, names->v[i].len) == 0)
			return true;
	}
	return false;
}

/* "p25": a port of a record. */
static bool
has_port(const struct names *names)
{
	for (size_t i = 0; i < names->n; i++) {
		const char *s = names->v[i].s;
		size_t len = names->v[i].len, digits = 0;

		while (1 + digits < len && s[1 + digits] >= '0' && s[1 + digits] <= '9')
			digits++;
		if (len > 1 && s[0] == 'p' && 1 + digits == len)
			return true;
	}
	return false;
}

/* NULL: the object that opens at s[at] may be a record. */
static const char *
known_kind(const char *s, size_t len, size_t at)
{
	struct names names;

	read_names(s, len, at, &names);
	if (has_port(&names) || has(&names, "data") || has(&names, "services"))
		return NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (has(&names, kinds[i].first) &&
		    (kinds[i].second == NULL || has(&names, kinds[i].second)))
			return kinds[i].what;
	}
	return NULL;
}

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
			i = skip_string(s, len, i);
			if (i > end)
				return false;
			continue;
		}
		depth += s[i] == '{' || s[i] == '[';
		if ((s[i] == '}' || s[i] == ']') && --depth == 0)
			return false;
		i++;
	}
	next = skip_blanks(s, len, end);
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
	if (n == strlen(SIZES) && memcmp(s, SIZES, n) == 0)
		return RESULTS;
	return NULL;
}

enum record_form
form_tell(const char *text, size_t len, const char **what)
{
	size_t at = 0;

	*what = NULL;
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		if (len >= magics[i].len && memcmp(text, magics[i].bytes, magics[i].len) == 0) {
			*what = magics[i].what;
			return RECORD_OTHER;
		}
	}
	if (len >= 3 && memcmp(text, UTF8_BOM, 3) == 0)
		at = 3;
	at = skip_blanks(text, len, at);
	if (at == len)
		return RECORD_LINES;
	if (text[at] == '[') {
		size_t first = skip_blanks(text, len, at + 1);

		if (first < len && text[first] == '{')
			*what = known_kind(text, len, first);
		return *what != NULL ? RECORD_OTHER : RECORD_ARRAY;
	}
	*what = text[at] == '{' ? known_kind(text, len, at) : known_text(text + at, len - at);
	if (*what != NULL)
		return RECORD_OTHER;
	return text[at] == '{' && spans_lines(text, len, at) ? RECORD_TEXTS : RECORD_LINES;
}
