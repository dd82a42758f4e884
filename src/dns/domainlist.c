#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "survey/domainlist.h"
#include "survey/iplist.h"
#include "survey/lines.h"
#include "survey/mem.h"
#include "survey/name.h"

#define FIELDS 8 /* of a record that are looked at */
#define SHOWN 60

struct reading {
	const char *shown;
	void (*fn)(const char *name, void *arg);
	void *arg;
	struct refusals *bad;
	struct lines lines;
	struct iplist *list;
	/* Of a zone file: */
	char origin[NAME_SIZE], owner[NAME_SIZE], last[NAME_SIZE]; /* last: given last */
	bool has_origin, has_owner; /* owner: the last record's, which a blank one repeats */
	const char *owner_fault; /* why that one is no name */
	unsigned depth; /* parentheses that are open */
	bool quoted; /* a string that goes on in the next line */
};

static void
refuse(struct reading *r, const char *line, size_t len, const char *why)
{
	refusals_add(r->bad, r->shown, r->lines.number, line, len < SHOWN ? len : SHOWN, why);
}

static const char *fault_of(enum name_class class)
{
	switch (class) {
	case NAME_NODOT:
		return "a name without a dot";
	case NAME_WILDCARD:
		return "a wildcard";
	case NAME_LOCAL:
	case NAME_EXAMPLE:
		return "a name that is not on the Internet";
	case NAME_ADDRESS:
		return "an address";
	default:
		return "no valid name";
	}
}

/* ---- a list ---- */

static void
list_line(struct reading *r, char *line, size_t len)
{
	char name[NAME_SIZE], kept[SHOWN];
	size_t n = len < SHOWN ? len : SHOWN;
	enum name_class class;
	struct iplist_entry e;

	memcpy(kept, line, n); /* parsing writes to the line */
	iplist_line(r->list, line, len, &e);
	if (e.kind == IPLIST_NAME) {
		class = name_normalise(e.name, strlen(e.name), name);
		if (class == NAME_OK)
			r->fn(name, r->arg);
		else
			e.why = fault_of(class);
	} else if (e.kind == IPLIST_RANGE) {
		e.why = "an address";
	}
	if (e.why != NULL)
		refuse(r, kept, n, e.why);
}

/* ---- a zone file ---- */

struct field {
	const char *s;
	size_t len;
};

/*
 * The fields of a line, without comments and parentheses, which may go on; how deep they
 * are at its end is remembered.  A quoted string counts as part of a field.
 */
static size_t
split(struct reading *r, const char *line, size_t len, struct field fields[FIELDS])
{
	size_t n = 0, at = 0;

	while (at < len) {
		size_t start;

		if (!r->quoted && strchr(" \t\r()", line[at]) != NULL) {
			if (line[at] == '(')
				r->depth++;
			else if (line[at] == ')' && r->depth > 0)
				r->depth--;
			at++;
			continue;
		}
		if (!r->quoted && line[at] == ';')
			break;
		for (start = at; at < len; at++) {
			if (line[at] == '\\' && at + 1 < len)
				at++;
			else if (line[at] == '"')
				r->quoted = !r->quoted;
			else if (!r->quoted && strchr(" \t\r();", line[at]) != NULL)
				break;
		}
		if (n < FIELDS)
			fields[n++] = (struct field){ line + start, at - start };
	}
	return n;
}

static bool
is_word(const struct field *f, const char *word)
{
	return f->len == strlen(word) && strncasecmp(f->s, word, f->len) == 0;
}

static bool
is_class(const struct field *f)
{
	return is_word(f, "IN") || is_word(f, "CH") || is_word(f, "HS") || is_word(f, "CLASS1");
}

/* "3600", "1h30m" */
static bool
is_ttl(const struct field *f)
{
	for (size_t i = 0; i < f->len; i++)
		if (strchr("0123456789smhdwSMHDW", f->s[i]) == NULL)
			return false;
	return f->len > 0 && f->s[0] >= '0' && f->s[0] <= '9';
}

/* A name of the file as a whole one.  Returns NULL, or why it is none. */
static const char *
absolute(const struct reading *r, const struct field *f, char out[NAME_SIZE])
{
	char text[4 * NAME_SIZE];
	size_t len = f->len;
	enum name_class class;

	if (len == 1 && f->s[0] == '@') {
		if (!r->has_origin)
			return "@ without an $ORIGIN";
		memcpy(out, r->origin, strlen(r->origin) + 1);
		return NULL;
	}
	if (len >= sizeof(text) - NAME_SIZE - 1)
		return "no valid name";
	memcpy(text, f->s, len);
	if (len > 0 && text[len - 1] != '.') {
		if (!r->has_origin)
			return "a name without its last dot, and no $ORIGIN";
		if (r->origin[0] != '\0') {
			text[len++] = '.';
			memcpy(text + len, r->origin, strlen(r->origin));
			len += strlen(r->origin);
		}
	}
	if (len == 1) {
		out[0] = '\0'; /* the root */
		return NULL;
	}
	class = memchr(text, '*', len) != NULL ? NAME_WILDCARD : name_canonical(text, len, out);
	return class == NAME_OK ? NULL : fault_of(class);
}

static void
directive(struct reading *r, const struct field *f, size_t n, const char *line, size_t len)
{
	const char *why = NULL;
	char name[NAME_SIZE];

	if (is_word(&f[0], "$TTL"))
		return;
	if (is_word(&f[0], "$ORIGIN")) {
		why = n < 2 ? "no name behind $ORIGIN" : absolute(r, &f[1], name);
		if (why == NULL) {
			memcpy(r->origin, name, sizeof(name));
			r->has_origin = true;
		}
	} else {
		why = "this directive is not followed";
	}
	if (why != NULL)
		refuse(r, line, len, why);
}

/* An apex of one label, as "ie", takes no mail that anybody counts: it is passed over. */
static void
zone_name(struct reading *r, const char *line, size_t len)
{
	char name[NAME_SIZE];
	enum name_class class;

	if (r->owner_fault != NULL) {
		refuse(r, line, len, r->owner_fault);
		return;
	}
	class = name_normalise(r->owner, strlen(r->owner), name);
	if (class == NAME_NODOT || class == NAME_EMPTY)
		return;
	if (class != NAME_OK) {
		refuse(r, line, len, fault_of(class));
	} else if (strcmp(name, r->last) != 0) { /* records of a name stand together */
		r->fn(name, r->arg);
		memcpy(r->last, name, sizeof(name));
	}
}

static void
zone_line(struct reading *r, const char *line, size_t len)
{
	bool goes_on = r->depth > 0 || r->quoted;
	bool blank = len > 0 && (line[0] == ' ' || line[0] == '\t');
	struct field f[FIELDS];
	size_t n, at = 0;

	if (memchr(line, '\0', len) != NULL) {
		refuse(r, line, len, "a NUL byte");
		return;
	}
	n = split(r, line, len, f);
	if (n == 0 || goes_on)
		return;
	if (f[0].s[0] == '$' && !blank) {
		directive(r, f, n, line, len);
		return;
	}
	if (!blank) {
		r->owner_fault = absolute(r, &f[0], r->owner);
		r->has_owner = true;
		at = 1;
	} else if (!r->has_owner) {
		refuse(r, line, len, "no record before this one");
		return;
	}
	while (at < n && (is_class(&f[at]) || is_ttl(&f[at])))
		at++;
	if (at == n)
		refuse(r, line, len, "no record");
	else if (is_word(&f[at], "NS") || is_word(&f[at], "MX"))
		zone_name(r, line, len);
}

/* A directive, or a class or a well-known type behind a name. */
static bool
looks_like_zone(const char *line, size_t len)
{
	static const char *const types[] = { "SOA", "NS", "MX", "DS", "RRSIG", "NSEC3" };
	struct reading scratch = { .depth = 0 };
	struct field f[FIELDS];
	size_t n = split(&scratch, line, len, f);

	if (n > 0 && (is_word(&f[0], "$ORIGIN") || is_word(&f[0], "$TTL")))
		return true;
	for (size_t i = 1; i < n && i < 4; i++) {
		if (is_word(&f[i], "IN"))
			return true;
		for (size_t k = 0; k < sizeof(types) / sizeof(types[0]); k++)
			if (is_word(&f[i], types[k]) && i + 1 < n)
				return true;
	}
	return false;
}

static bool
says_nothing(const char *line, size_t len)
{
	size_t i = 0;

	while (i < len && strchr(" \t\r", line[i]) != NULL)
		i++;
	return i == len || line[i] == ';' || line[i] == '#';
}

int
domainlist_read(int fd, const char *shown, void (*fn)(const char *name, void *arg), void *arg,
    struct refusals *bad)
{
	struct reading r = { .shown = shown, .fn = fn, .arg = arg, .bad = bad };
	enum { UNKNOWN, LIST, ZONE } kind = UNKNOWN;
	enum lines_got got;
	int error = 0;
	size_t len;
	char *line;

	lines_init(&r.lines, IPLIST_LINE_MAX);
	r.list = iplist_new(IPLIST_NAMES);
	while (error == 0 && (got = lines_read(&r.lines, fd, &line, &len)) != LINES_END) {
		if (got == LINES_ERROR) {
			error = errno;
			continue;
		}
		if (got == LINES_TOO_LONG) {
			refuse(&r, NULL, 0, "too long");
			continue;
		}
		if (kind == UNKNOWN && !says_nothing(line, len))
			kind = looks_like_zone(line, len) ? ZONE : LIST;
		if (kind == ZONE)
			zone_line(&r, line, len);
		else
			list_line(&r, line, len);
	}
	iplist_free(r.list);
	lines_fini(&r.lines);
	errno = error;
	return error == 0 ? 0 : -1;
}
