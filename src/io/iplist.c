#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/iplist.h"
#include "survey/lines.h"
#include "survey/mem.h"
#include "survey/signals.h"
#include "survey/simd.h"
#include "survey/text.h"

#define MAX_COLUMNS 64

struct iplist {
	enum iplist_use use;
	bool begun; /* a line that is no comment has been seen */
	int column; /* of the header, -1: there was none */
	int success; /* ZMap's column of that name, or -1 */
	struct simd_parser *json; /* made for the first line that wants it */
};

struct iplist *
iplist_new(enum iplist_use use)
{
	struct iplist *l = xcalloc(1, sizeof(*l));

	l->use = use;
	l->column = l->success = -1;
	return l;
}

void
iplist_free(struct iplist *l)
{
	if (l == NULL)
		return;
	simd_parser_free(l->json);
	free(l);
}

static void
refuse(struct iplist_entry *e, const char *why)
{
	e->kind = IPLIST_REFUSED;
	e->why = why;
}

/* Is text one of the words, of which NULL is the last? */
static bool
is_word(const char *text, size_t len, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (strlen(*words) == len && strncasecmp(text, *words, len) == 0)
			return true;
	}
	return false;
}

static char *
trim(char *s, size_t *len)
{
	while (*len > 0 && (s[*len - 1] == ' ' || s[*len - 1] == '\t'))
		--*len;
	for (; *len > 0 && (*s == ' ' || *s == '\t'); s++)
		--*len;
	s[*len] = '\0';
	return s;
}

/* A text that stands alone: of a line, a column or a JSON member. */
static void
take_text(const struct iplist *l, const char *text, size_t len, struct iplist_entry *e)
{
	const char *why = ip_range_parse(text, len, &e->range);

	if (why == NULL) {
		e->kind = IPLIST_RANGE;
	} else if (why == ip_no_range && l->use == IPLIST_NAMES && len > 0) {
		e->kind = IPLIST_NAME;
		e->name = text;
	} else {
		refuse(e, why);
	}
}

/* Would text after an address change what the line means: another address, or "/8"? */
static bool
changes_meaning(const char *text, size_t len)
{
	struct ip_range r;

	return memchr(text, '/', len) != NULL || ip_range_parse(text, len, &r) != ip_no_range;
}

/* "192.0.2.1,25", "192.0.2.1 mail.example": an address with more behind it. */
static void
take_first(const struct iplist *l, char *text, size_t len, struct iplist_entry *e)
{
	size_t n = strcspn(text, " \t,");
	struct iplist_entry first = { .kind = IPLIST_NOTHING };

	take_text(l, text, len, e);
	if (n == len || e->kind == IPLIST_RANGE)
		return;
	take_text(l, text, n, &first);
	if (first.kind != IPLIST_RANGE)
		return;
	if (l->use == IPLIST_BLOCK) {
		refuse(e, "more behind the first address or prefix");
		return;
	}
	for (char *p = text + n; *p != '\0';) {
		size_t more;

		p += strspn(p, " \t,");
		more = strcspn(p, " \t,");
		if (more > 0 && changes_meaning(p, more)) {
			refuse(e, "more than one address or prefix on a line");
			return;
		}
		p += more;
	}
	*e = first;
}

/* masscan -oL: "open tcp 25 192.0.2.1 1690000000". */
static bool
take_masscan(const struct iplist *l, char *text, struct iplist_entry *e)
{
	static const char *const states[] = { "open", "closed", "banner", NULL };
	static const char *const protocols[] = { "tcp", "udp", "sctp", "icmp", "arp", NULL };
	char *word[4];
	size_t len[4];

	for (size_t i = 0; i < 4; i++) {
		word[i] = text + strspn(text, " \t");
		len[i] = strcspn(word[i], " \t");
		text = word[i] + len[i];
	}
	if (!is_word(word[0], len[0], states) || !is_word(word[1], len[1], protocols) ||
	    strspn(word[2], "0123456789") != len[2])
		return false;
	word[3][len[3]] = '\0';
	take_text(l, word[3], len[3], e);
	if (e->kind == IPLIST_NAME)
		refuse(e, ip_no_range);
	e->closed = is_word(word[0], len[0], (const char *const[]){ "closed", NULL });
	return true;
}

/* Does a scanner's object say that the port was not open? */
static bool
json_closed(struct simd_node object)
{
	struct simd_text status = simd_string(simd_path(object, "data.status"));
	struct simd_node value = simd_get(object, "success"), port;
	struct simd_iter it = simd_iterate(simd_get(object, "ports"));
	bool success = true, any = false, open = false;
	int64_t n;

	if (simd_int(value, &n))
		success = n != 0;
	else
		simd_bool(value, &success);
	while (simd_next(&it, NULL, &port)) {
		struct simd_text t = simd_string(simd_get(port, "status"));

		any |= t.s != NULL;
		open |= t.s != NULL && t.len == 4 && memcmp(t.s, "open", 4) == 0;
	}
	if (status.s != NULL && status.len == 6 && memcmp(status.s, "closed", 6) == 0)
		return true;
	return !success || (any && !open);
}

static void
take_json(struct iplist *l, char *text, size_t len, struct iplist_entry *e)
{
	static const char *const members[] = { "saddr", "ip", "name", "domain" };
	struct simd_text t = { 0 };
	struct simd_node root;

	if (l->json == NULL)
		l->json = simd_parser_new(IPLIST_LINE_MAX);
	while (len > 0 && (text[len - 1] == ',' || text[len - 1] == ' '))
		len--;
	if (simd_parse_copy(l->json, text, len, &root) != SIMD_OK) {
		refuse(e, "no JSON");
		return;
	}
	for (size_t i = 0; t.s == NULL && i < (l->use == IPLIST_NAMES ? 4 : 2); i++)
		t = simd_string(simd_get(root, members[i]));
	if (t.s == NULL || memchr(t.s, '\0', t.len) != NULL) {
		refuse(e, "JSON without an address: it has no member ip or saddr");
		return;
	}
	/* No escape makes a string longer, so the line has room for it. */
	memcpy(text, t.s, t.len);
	text[t.len] = '\0';
	take_text(l, text, t.len, e);
	e->closed = json_closed(root);
}

/* The fields of a CSV line, unquoted; at most MAX_COLUMNS. */
static int
split(char *text, char *field[MAX_COLUMNS])
{
	int n = 0;

	for (char *p = text; n < MAX_COLUMNS;) {
		char *comma = p + strcspn(p, ",");
		size_t len = (size_t)(comma - p);
		bool last = *comma == '\0';

		field[n] = trim(p, &len);
		if (len >= 2 && field[n][0] == '"' && field[n][len - 1] == '"') {
			field[n][len - 1] = '\0';
			field[n]++;
		}
		n++;
		if (last)
			break;
		p = comma + 1;
	}
	return n;
}

/* A header that names a column of addresses; *why when it means what we cannot follow. */
static bool
take_header(struct iplist *l, const char *text, struct iplist_entry *e)
{
	static const char *const columns[] = { "saddr", "ip", "ip_address", "address", "addr",
		"network", "cidr", "prefix", NULL };
	static const char *const names[] = { "name", "domain", "hostname", NULL };
	/* Columns without which that of the addresses says something else. */
	static const char *const partners[] = { "mask", "netmask", "prefixlen", "prefix_length",
		"bits", "end", "last", "to", NULL };
	static const char *const success[] = { "success", NULL };
	char *copy = xstrdup(text), *field[MAX_COLUMNS];
	int n = split(copy, field), name = -1;
	bool partner = false;

	for (int i = 0; i < n; i++) {
		size_t len = strlen(field[i]);

		if (l->column == -1 && is_word(field[i], len, columns))
			l->column = i;
		if (name == -1 && is_word(field[i], len, names))
			name = i;
		if (is_word(field[i], len, success))
			l->success = i;
		partner |= is_word(field[i], len, partners);
	}
	free(copy);
	if (l->column == -1 && l->use == IPLIST_NAMES && n > 1)
		l->column = name;
	if (l->column != -1 && partner) {
		refuse(e, "its columns of masks or last addresses are not read: write prefixes or "
			  "ranges");
		return true;
	}
	return l->column != -1;
}

static void
take_row(const struct iplist *l, char *text, struct iplist_entry *e)
{
	char *field[MAX_COLUMNS];
	int n = split(text, field);

	if (n <= l->column) {
		refuse(e, "fewer columns than the header");
		return;
	}
	take_text(l, field[l->column], strlen(field[l->column]), e);
	e->closed = l->success != -1 && l->success < n && strcmp(field[l->success], "0") == 0;
}

/* What stands around masscan's JSON objects. */
static bool
is_bracket(const char *text, size_t len)
{
	return strspn(text, "[], ") == len || strcmp(text, "{finished: 1}") == 0;
}

void
iplist_line(struct iplist *l, char *line, size_t len, struct iplist_entry *e)
{
	char *text = line;
	bool first = !l->begun;

	*e = (struct iplist_entry){ .kind = IPLIST_NOTHING };
	if (memchr(line, '\0', len) != NULL) {
		refuse(e, "a NUL byte; is it UTF-16? it has to be UTF-8");
		return;
	}
	text = trim(text, &len);
	if (len == 0 || *text == '#' || *text == ';')
		return;
	l->begun = true;
	if (is_bracket(text, len))
		return;
	if (*text == '[') {
		refuse(e, "a JSON array; one object a line is read");
		return;
	}
	if (*text == '{') {
		take_json(l, text, len, e);
		return;
	}
	if (l->column != -1) {
		take_row(l, text, e);
		return;
	}
	len = strcspn(text, "#;");
	text = trim(text, &len);
	if (ip_range_parse(text, len, &e->range) == NULL) {
		e->kind = IPLIST_RANGE;
		return;
	}
	if (take_masscan(l, text, e))
		return;
	if (first && take_header(l, text, e))
		return;
	take_first(l, text, len, e);
}

const char *
iplist_expand(const struct ip_range *r, uint64_t *expanded)
{
	uint64_t n = ip_range_size(r);

	if (n == 1)
		return NULL;
	if (n > IPLIST_EXPAND_MAX - *expanded)
		return "the prefixes and ranges of a list may hold 4,194,304 addresses in all";
	*expanded += n;
	return NULL;
}

/* Where the ranges of a file go. */
struct reader {
	const char *path;
	enum iplist_use use;
	const char *(*fn)(const struct ip_range *r, void *arg);
	void *arg;
	struct refusals *bad;
	uint64_t closed;
};

static void
read_line(struct reader *r, struct iplist *l, unsigned long number, char *line, size_t len)
{
	struct iplist_entry e;
	char shown[64]; /* parsing writes to the line */
	size_t n = len < sizeof(shown) ? len : sizeof(shown);

	memcpy(shown, line, n);
	iplist_line(l, line, len, &e);
	if (e.kind == IPLIST_RANGE && e.closed && r->use == IPLIST_TARGETS) {
		r->closed++;
		return;
	}
	if (e.kind == IPLIST_RANGE)
		e.why = r->fn(&e.range, r->arg);
	if (e.why != NULL)
		refusals_add(r->bad, r->path, number, shown, n, e.why);
}

/* Returns 0, or -1 with errno set. */
static int
read_list(struct reader *r)
{
	bool is_stdin = strcmp(r->path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : file_open(r->path, O_RDONLY, 0), error = 0;
	struct iplist *l;
	struct lines lines;
	enum lines_got got;
	size_t len;
	char *line;

	if (fd == -1)
		return -1;
	l = iplist_new(r->use);
	lines_init(&lines, IPLIST_LINE_MAX);
	while (error == 0 && (got = lines_read(&lines, fd, &line, &len)) != LINES_END) {
		if (got == LINES_LINE)
			read_line(r, l, lines.number, line, len);
		else if (got == LINES_TOO_LONG)
			refusals_add(r->bad, r->path, lines.number, NULL, 0, "too long");
		else if (errno != EINTR || *signals_stop() != 0)
			error = errno;
	}
	lines_fini(&lines);
	iplist_free(l);
	if (!is_stdin)
		close(fd);
	errno = error;
	return error != 0 ? -1 : 0;
}

int
iplist_each(const char *path, const char *(*fn)(const struct ip_range *r, void *arg), void *arg,
    struct refusals *bad, uint64_t *closed)
{
	struct reader r = { .path = path, .use = IPLIST_TARGETS, .fn = fn, .arg = arg, .bad = bad };
	int rc = read_list(&r);

	*closed = r.closed;
	return rc;
}

static const char *
add_range(const struct ip_range *r, void *arg)
{
	ipset_add_range(arg, &r->lo, &r->hi);
	return NULL;
}

int
iplist_read_set(struct ipset *s, const char *path, struct refusals *bad, char **error)
{
	struct ipset got;
	struct reader r = {
		.path = path, .use = IPLIST_BLOCK, .fn = add_range, .arg = &got, .bad = bad
	};
	uint64_t before = bad->n;

	*error = NULL;
	ipset_init(&got);
	if (read_list(&r) == -1)
		*error = xasprintf("%s: %m", path);
	else if (bad->n > before)
		*error = xasprintf("%s: %llu %s refused; a list that is half understood blocks "
				   "nothing reliably",
		    path, (unsigned long long)(bad->n - before),
		    text_noun(bad->n - before, "line is", "lines are"));
	if (*error == NULL) {
		ipset_add_set(s, &got);
		ipset_normalise(s);
	}
	ipset_fini(&got);
	return *error == NULL ? 0 : -1;
}
