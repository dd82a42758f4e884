#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/dnsfile.h"
#include "survey/escape.h"
#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/lines.h"
#include "survey/mem.h"
#include "survey/name.h"
#include "survey/order.h"
#include "survey/rfc3339.h"
#include "survey/simd.h"

#define LINE_MAX_BYTES (4u << 20) /* a TCP answer is 64 kB; as text it is under 1 MB */

struct dnsfile {
	struct jsonw w;
	int fd;
};

static void
write_addrs(struct jsonw *w, const struct answer *a)
{
	char text[IP_STRLEN];

	for (size_t i = 0; i < a->naddrs; i++)
		jsonw_string(w, ip_format(&a->addrs[i], text));
}

void
dnsfile_line(struct jsonw *w, const struct answer *a)
{
	char at[TIME_SIZE];

	jsonw_object(w);
	jsonw_key(w, "name");
	jsonw_string(w, a->name);
	jsonw_key(w, "type");
	jsonw_string(w, dns_type_name(a->type));
	jsonw_key(w, "outcome");
	jsonw_string(w, dns_outcome_name(a->outcome));
	jsonw_key(w, "answers");
	jsonw_array(w);
	write_addrs(w, a);
	for (size_t i = 0; i < a->nnames; i++)
		jsonw_string(w, a->names[i]);
	jsonw_end_array(w);
	if (a->ncnames > 0) {
		jsonw_key(w, "cname");
		jsonw_array(w);
		for (size_t i = 0; i < a->ncnames; i++)
			jsonw_string(w, a->cnames[i]);
		jsonw_end_array(w);
	}
	if (a->ad) {
		jsonw_key(w, "ad");
		jsonw_bool(w, true);
	}
	if (a->at != TIME_UNKNOWN) {
		jsonw_key(w, "at");
		jsonw_string(w, time_format(a->at, at));
	}
	jsonw_key(w, "ms");
	jsonw_uint(w, a->ms);
	if (a->ede != DNS_EDE_NONE) {
		jsonw_key(w, "ede");
		jsonw_int(w, a->ede);
	}
	if (a->ede_text != NULL) {
		jsonw_key(w, "ede_text");
		jsonw_string(w, a->ede_text);
	}
	jsonw_end_object(w);
	jsonw_newline(w);
}

/* A string without NUL bytes, which ends with one (simd.h); or NULL. */
static const char *
plain_string(struct simd_node v)
{
	struct simd_text t = simd_string(v);

	return t.s != NULL && memchr(t.s, '\0', t.len) == NULL ? t.s : NULL;
}

/* The strings of an array, borrowed, at text[*n] and on; false when one is no plain string. */
static bool
get_strings(struct simd_node array, const char ***text, size_t *cap, size_t *n)
{
	struct simd_iter it = simd_iterate(array);
	struct simd_node v;

	if (simd_type(array) != SIMD_ARRAY)
		return true;
	while (simd_next(&it, NULL, &v)) {
		mem_grow(text, cap, *n + 1, sizeof(**text));
		if (((*text)[*n] = plain_string(v)) == NULL)
			return false;
		(*n)++;
	}
	return true;
}

static bool
parse_addrs(const char **text, size_t n, struct answer *a, struct ip *addrs)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (!ip_parse(text[i], strlen(text[i]), &addrs[i]))
			return false;
	qsort(addrs, n, sizeof(*addrs), order_ip);
	for (size_t i = 0; i < n; i++)
		if (k == 0 || ip_cmp(&addrs[i], &addrs[k - 1]) != 0)
			addrs[k++] = addrs[i];
	a->addrs = addrs;
	a->naddrs = k;
	return true;
}

/* The members of a line, in the order in which we write them. */
enum { OF_NAME, TYPE, OUTCOME, ANSWERS, CNAME, AD, AT, MS, EDE, EDE_TEXT, NMEMBERS };
static const struct simd_key member[NMEMBERS] = { [OF_NAME] = SIMD_KEY("name"),
	[TYPE] = SIMD_KEY("type"),
	[OUTCOME] = SIMD_KEY("outcome"),
	[ANSWERS] = SIMD_KEY("answers"),
	[CNAME] = SIMD_KEY("cname"),
	[AD] = SIMD_KEY("ad"),
	[AT] = SIMD_KEY("at"),
	[MS] = SIMD_KEY("ms"),
	[EDE] = SIMD_KEY("ede"),
	[EDE_TEXT] = SIMD_KEY("ede_text") };

static bool
parse_members(const struct simd_node m[NMEMBERS], struct answer *a, char name[NAME_SIZE])
{
	const char *s = plain_string(m[OF_NAME]);
	struct simd_text type = simd_string(m[TYPE]), outcome = simd_string(m[OUTCOME]);
	int64_t n;
	int i;

	if (s == NULL || name_canonical(s, strlen(s), name) != NAME_OK)
		return false;
	a->name = name;
	if (type.s == NULL || (i = dns_type_from(type.s, type.len)) == -1)
		return false;
	a->type = (enum dns_type)i;
	if (outcome.s == NULL || (i = dns_outcome_from(outcome.s, outcome.len)) == -1)
		return false;
	a->outcome = (enum dns_outcome)i;
	s = plain_string(m[AT]);
	a->at = s == NULL ? TIME_UNKNOWN : time_parse(s, strlen(s));
	if (simd_int(m[MS], &n))
		a->ms = n < 0 ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
	a->ede = DNS_EDE_NONE;
	if (simd_int(m[EDE], &n) && n >= INT32_MIN && n <= INT32_MAX)
		a->ede = (int)n;
	a->ede_text = plain_string(m[EDE_TEXT]);
	if (!simd_bool(m[AD], &a->ad))
		a->ad = false;
	return true;
}

/* What the parsing of a line needs, kept from one to the next. */
struct line_parser {
	struct simd_parser *simd;
	const char **text;
	struct ip *addrs;
	size_t cap_text, cap_addrs;
	char name[NAME_SIZE];
};

static void
line_parser_init(struct line_parser *p)
{
	*p = (struct line_parser){ .simd = simd_parser_new(LINE_MAX_BYTES) };
}

static void
line_parser_fini(struct line_parser *p)
{
	simd_parser_free(p->simd);
	free(p->text);
	free(p->addrs);
}

/* a's texts are the parser's, until the next line. */
static bool
parse_line(struct line_parser *p, const char *line, size_t len, struct answer *a)
{
	struct simd_node o, m[NMEMBERS];
	size_t n = 0, all;

	*a = (struct answer){ 0 };
	if (len > LINE_MAX_BYTES || simd_parse_copy(p->simd, line, len, &o) != SIMD_OK)
		return false;
	simd_get_all(o, member, NMEMBERS, m);
	if (!parse_members(m, a, p->name) || !get_strings(m[ANSWERS], &p->text, &p->cap_text, &n))
		return false;
	all = n;
	if (!get_strings(m[CNAME], &p->text, &p->cap_text, &all))
		return false;
	a->cnames = p->text + n;
	a->ncnames = all - n;
	if (!dns_type_has_addresses(a->type)) {
		if (n > 1)
			qsort(p->text, n, sizeof(*p->text), order_text);
		a->names = p->text;
		a->nnames = n;
	} else {
		mem_grow(&p->addrs, &p->cap_addrs, n + 1, sizeof(*p->addrs));
		if (!parse_addrs(p->text, n, a, p->addrs))
			return false;
	}
	return true;
}

static bool
is_wanted(const struct answer *a, unsigned want)
{
	return ((want & DNSFILE_OF_HOSTS) == 0 || dns_type_of_hosts(a->type)) &&
	       ((want & DNSFILE_KNOWN) == 0 || dns_outcome_known(a->outcome));
}

bool
dnsfile_parse(const char *line, size_t len, unsigned want, struct answers *t)
{
	struct line_parser p;
	struct answer a;
	bool ok;

	line_parser_init(&p);
	if ((ok = parse_line(&p, line, len, &a)) && is_wanted(&a, want))
		answers_put(t, &a);
	line_parser_fini(&p);
	return ok;
}

int
dnsfile_each(const char *path, const char *with, void (*fn)(const struct answer *a, void *arg),
    void *arg, struct dnsfile_counts *counts)
{
	int fd = file_open(path, O_RDONLY, 0), error = 0;
	size_t with_len = with != NULL ? strlen(with) : 0;
	struct line_parser p;
	struct answer a;
	struct lines lines;
	enum lines_got got;
	char *line;
	size_t len;

	memset(counts, 0, sizeof(*counts));
	if (fd == -1)
		return -1;
	lines_init(&lines, LINE_MAX_BYTES);
	line_parser_init(&p);
	while (error == 0 && (got = lines_read(&lines, fd, &line, &len)) != LINES_END) {
		/* A last line without its end is whole when it parses: no cut of an object does. */
		if (got == LINES_ERROR)
			error = errno != EINTR ? errno : 0;
		else if (with != NULL && memmem(line, len, with, with_len) == NULL)
			continue;
		else if (got == LINES_TOO_LONG || (len > 0 && !parse_line(&p, line, len, &a)))
			counts->bad++;
		else if (len > 0) {
			counts->lines++;
			fn(&a, arg);
		}
	}
	lines_fini(&lines);
	line_parser_fini(&p);
	close(fd);
	errno = error;
	return error == 0 ? 0 : -1;
}

struct wanted {
	unsigned want;
	struct answers *t;
};

static void
put_wanted(const struct answer *a, void *arg)
{
	const struct wanted *w = arg;

	if (is_wanted(a, w->want))
		answers_put(w->t, a);
}

int
dnsfile_read(const char *path, unsigned want, struct answers *t, struct dnsfile_counts *counts)
{
	struct wanted w = { want, t };

	return dnsfile_each(path, NULL, put_wanted, &w, counts);
}

int
dnsfile_compact(const char *path, const struct answers *t)
{
	const struct answer **all = answers_sorted(t);
	size_t n = answers_count(t);
	struct outfile o;
	struct jsonw w;
	int rc = -1;

	if (outfile_open(&o, path) == -1) {
		free(all);
		return -1;
	}
	jsonw_init(&w, o.f);
	for (size_t i = 0; i < n; i++)
		dnsfile_line(&w, all[i]);
	if (jsonw_flush(&w) == 0)
		rc = outfile_commit(&o);
	else
		outfile_abort(&o);
	jsonw_fini(&w);
	free(all);
	return rc;
}

/* Returns the length of the file up to and with its last newline, or -1. */
static off_t
whole_lines(int fd)
{
	char block[4096];
	off_t end = lseek(fd, 0, SEEK_END);

	while (end > 0) {
		off_t start = end > (off_t)sizeof(block) ? end - (off_t)sizeof(block) : 0;
		ssize_t n = pread(fd, block, (size_t)(end - start), start);

		if (n == -1)
			return -1;
		while (n > 0)
			if (block[--n] == '\n')
				return start + n + 1;
		end = start;
	}
	return end;
}

struct dnsfile *
dnsfile_open(const char *path)
{
	struct dnsfile *f;
	off_t end;
	int fd, saved;

	if ((fd = file_open(path, O_RDWR | O_CREAT | O_APPEND, 0600)) == -1)
		return NULL;
	if ((end = whole_lines(fd)) == -1 || ftruncate(fd, end) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return NULL;
	}
	f = xcalloc(1, sizeof(*f));
	f->fd = fd;
	jsonw_init(&f->w, NULL);
	return f;
}

void
dnsfile_append(struct dnsfile *f, const struct answer *a)
{
	dnsfile_line(&f->w, a);
}

size_t
dnsfile_pending(const struct dnsfile *f)
{
	return f->w.out.len;
}

int
dnsfile_flush(struct dnsfile *f)
{
	while (f->w.out.len > 0) {
		ssize_t n = write(f->fd, f->w.out.data, f->w.out.len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		buf_drop(&f->w.out, (size_t)n);
	}
	return 0;
}

int
dnsfile_fd(const struct dnsfile *f)
{
	return f->fd;
}

int
dnsfile_close(struct dnsfile *f)
{
	int error = 0;

	if (f == NULL)
		return 0;
	if (dnsfile_flush(f) == -1 || fsync(f->fd) == -1)
		error = errno;
	if (close(f->fd) == -1 && error == 0)
		error = errno;
	jsonw_fini(&f->w);
	free(f);
	errno = error;
	return error == 0 ? 0 : -1;
}
