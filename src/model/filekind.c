/* Pure. */
#include <string.h>

#include "survey/filekind.h"
#include "survey/jsontext.h"

#define NAMES_MAX 64 /* members of an object that are looked at */
#define SIZES "clusternum,size" /* first line of clustersizes.csv */
#define UTF8_BOM "\xef\xbb\xbf"

#define RESULT ", which an analysis has written. "
#define READ_DIR                                                                                  \
	"survey graph, report, stats, find, cluster, compare and export read the directory that " \
	"it is in"
#define READ_RECORDS "; survey analyze reads the records (records.fresh of a run)"
#define HOSTS                                                                                   \
	"a list of hosts with their keys, as fingerprints.json, all-key-fingerprints.json and " \
	"collisions.json are" RESULT READ_DIR ", or a collisions.json alone" READ_RECORDS

static const struct filekind kinds[] = {
	{ "fprints", NULL, true, HOSTS },
	{ "clusternum", NULL, true, HOSTS },
	{ "hosts", "keys", false,
	    "the clusters of a study, a clusters.json" RESULT READ_DIR READ_RECORDS },
	{ "verdict", "ip_record", false,
	    "what was found of host names, a verdicts.ndjson" RESULT READ_DIR READ_RECORDS },
	{ "findings", "checks", false,
	    "weak keys, a weak.json" RESULT READ_DIR ", and survey weak writes it" READ_RECORDS },
	{ "answers", "outcome", false,
	    "a dns.ndjson: answers to names, not records. survey analyze takes it beside records, "
	    "with --dns-file" },
	{ "reason", "text", false,
	    "a records.bad: lines that could not be read. Each text in it is one of them" },
	{ "0", NULL, false,
	    "an object of numbered records, as dodgy.json is: jq -c '.[]' FILE | survey analyze - "
	    "-o DIR reads them" },
	{ "config_sha256", NULL, false,
	    "a run.json; name its directory: survey analyze RUNDIR, survey graph RUNDIR" },
	{ "state", "analysis", false,
	    "a run.json; name its directory: survey analyze RUNDIR, survey graph RUNDIR" },
	/* a host whose names are many */
	{ "analysis", NULL, true, HOSTS },
	{ "statuses", NULL, false,
	    "ZGrab2's summary of its run; the records are what it wrote as output" },
	{ "saddr", NULL, false,
	    "a list of addresses that ZMap found, without keys; a survey takes it as scan.list" },
	{ "ports", "timestamp", false,
	    "a list of addresses that masscan found, without keys; a survey takes it as "
	    "scan.list" },
};
static const struct filekind sizes = { NULL, NULL, false,
	"the sizes of clusters, a clustersizes.csv" RESULT READ_DIR READ_RECORDS };

/* Names of the members of an object, as written. */
struct names {
	struct {
		const char *s;
		size_t len;
	} v[NAMES_MAX];
	size_t n;
};

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
			end = jsontext_skip_string(s, len, at);
			colon = jsontext_skip_blanks(s, len, end);
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

bool
filekind_is_record(const char *s, size_t len, size_t at)
{
	struct names names;

	read_names(s, len, at, &names);
	return has_port(&names) || has(&names, "data") || has(&names, "services");
}

const struct filekind *
filekind_of_object(const char *s, size_t len, size_t at)
{
	struct names names;

	if (filekind_is_record(s, len, at))
		return NULL;
	read_names(s, len, at, &names);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (has(&names, kinds[i].first) &&
		    (kinds[i].second == NULL || has(&names, kinds[i].second)))
			return &kinds[i];
	}
	return NULL;
}

const struct filekind *
filekind_tell(const char *s, size_t len)
{
	size_t at = len >= 3 && memcmp(s, UTF8_BOM, 3) == 0 ? 3 : 0, n;
	const char *nl;

	at = jsontext_skip_blanks(s, len, at);
	if (at < len && s[at] == '[')
		at = jsontext_skip_blanks(s, len, at + 1);
	if (at < len && s[at] == '{')
		return filekind_of_object(s, len, at);
	nl = memchr(s + at, '\n', len - at);
	n = nl != NULL ? (size_t)(nl - s) - at : len - at;
	while (n > 0 && memchr(" \t\r", s[at + n - 1], 3) != NULL)
		n--;
	return n == strlen(SIZES) && memcmp(s + at, SIZES, n) == 0 ? &sizes : NULL;
}
