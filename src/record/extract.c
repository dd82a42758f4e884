#include <stdio.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/record.h"

#include "take.h"

#define WRAPPERS_DEEP 2 /* levels of `result`, `host` and `resource` around a record */

const char *
record_refusal_name(enum record_refusal r)
{
	static const char *const name[] = { "not-object", "no-ip", "bad-ip" };

	if (r < REFUSED_NOT_OBJECT)
		return simd_error_name((enum simd_error)r);
	return name[r - REFUSED_NOT_OBJECT];
}

const char *
record_note_name(enum record_note n)
{
	static const char *const name[RECORD_NNOTES] = { "sans-not-a-list", "san-not-text",
		"sans-over-100", "name-unusable", "bad-fingerprint", "ssh-key-without-algorithm",
		"bad-date", "bad-fact", "bad-port-number", "grabs-over-64", "port-repeated",
		"ssh-certificate-without-key", "bad-certificate" };

	return name[n];
}

void
record_counts_add(struct record_counts *sum, const struct record_counts *more)
{
	if (more->form != RECORD_LINES)
		sum->form = more->form;
	sum->lines += more->lines;
	sum->blank += more->blank;
	sum->bytes += more->bytes;
	for (int i = 0; i < RECORD_NREFUSALS; i++)
		sum->refused[i] += more->refused[i];
	for (int i = 0; i < RECORD_NNOTES; i++)
		sum->note[i] += more->note[i];
	for (int i = 0; i < NPORTS; i++) {
		sum->success[i] += more->success[i];
		sum->taken[i] += more->taken[i];
	}
	for (int i = 0; i <= NPORTS; i++) {
		if (sum->unknown_layout[i] == 0)
			memcpy(
			    sum->unknown_example[i], more->unknown_example[i], RECORD_EXAMPLE_MAX);
		sum->unknown_layout[i] += more->unknown_layout[i];
	}
	for (size_t i = 0; i < more->nother; i++)
		record_other_add(sum, more->other[i].port, more->other[i].n);
	sum->other_more += more->other_more;
}

void
record_other_add(struct record_counts *c, unsigned port, uint64_t n)
{
	for (size_t i = 0; i < c->nother; i++) {
		if (c->other[i].port == port) {
			c->other[i].n += n;
			return;
		}
	}
	if (c->nother == RECORD_OTHER_MAX) {
		c->other_more += n;
		return;
	}
	c->other[c->nother++] = (struct record_other){ (uint16_t)port, n };
}

bool
record_layout_unknown(const struct record_counts *c, int row)
{
	if (c->unknown_layout[row] == 0)
		return false;
	return row == NPORTS || c->taken[row] == 0 ||
	       c->unknown_layout[row] * 100 > c->success[row];
}

/* zgrab2's own object for one grab; name is what follows the port or module name. */
static void
take_raw(struct extract *x, struct host *h, uint8_t port, const char *name, struct simd_node n)
{
	struct simd_text status = simd_string(simd_get(n, "status"));
	struct simd_text error = simd_string(simd_get(n, "error"));
	enum grab_end end = grab_end_from(status.s, status.len, error.s, error.len);

	take_grab(x, h, LAYOUT_RAW, port, name, n, port_outcome_of(end),
	    fact_time(&x->f, simd_get(n, "timestamp")));
}

static bool
is_raw_grab(struct simd_node n)
{
	return simd_string(simd_get(n, "status")).s != NULL;
}

/* How a port without a status ended, when error is all that was said. */
static enum port_outcome
failure(struct simd_node error)
{
	struct simd_text t = simd_string(error);

	if (text_is(t, OUTCOME_GIVEN_UP_TEXT))
		return OUTCOME_GIVEN_UP;
	return port_outcome_of(grab_end_from(NULL, 0, t.s, t.len));
}

/* In layouts without a status a server has answered when any member is not empty. */
static enum port_outcome
answered(struct simd_node n, struct simd_node error)
{
	struct simd_iter it = simd_iterate(n);
	struct simd_node v, inner;

	while (simd_next(&it, NULL, &v)) {
		struct simd_iter in = simd_iterate(v);

		if (simd_string(v).len > 0 || simd_next(&in, NULL, &inner))
			return OUTCOME_OPEN;
	}
	return failure(error);
}

static const char *
printable(struct extract *x, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)s[i] < 0x21 || s[i] == 0x7f)
			return "other";
	}
	return arena_strndup(x->f.a, s, len);
}

static bool
is_taken(const struct extract *x, uint8_t port, const char *grab)
{
	for (size_t i = 0; i < x->nmembers; i++) {
		if (x->members[i].port == port && strcmp(x->members[i].grab, grab) == 0)
			return true;
	}
	return false;
}

/* What no other grab of the port is called. */
static const char *
new_name(struct extract *x, uint8_t port, struct simd_text member)
{
	const char *dash = memchr(member.s, '-', member.len), *name = "";
	size_t size;
	char *text;

	if (dash != NULL)
		name = printable(x, dash + 1, (size_t)(member.s + member.len - dash - 1));
	if (!is_taken(x, port, name))
		return name;
	name = printable(x, member.s, member.len);
	if (!is_taken(x, port, name))
		return name;
	size = strlen(name) + 12;
	text = arena_alloc(x->f.a, size);
	for (unsigned n = 2;; n++) {
		snprintf(text, size, "%s-%u", name, n);
		if (!is_taken(x, port, text))
			return text;
	}
}

/*
 * What a member's grab is called: "rsa" of "ssh-rsa", "" of "ssh", but all of the member's name
 * where another one of the line is called so.  NULL: the line has no room for more.
 */
static const char *
grab_name(struct extract *x, uint8_t port, struct simd_text member)
{
	const char *grab;

	for (size_t i = 0; i < x->nmembers; i++) {
		const struct grab_member *m = &x->members[i];

		if (m->port == port && m->name.len == member.len &&
		    memcmp(m->name.s, member.s, member.len) == 0)
			return m->grab;
	}
	if (x->nmembers == HOST_GRABS_MAX) {
		x->f.counts->note[NOTE_GRABS_OVER_MAX]++;
		return NULL;
	}
	grab = new_name(x, port, member);
	x->members[x->nmembers++] = (struct grab_member){ member, grab, port };
	return grab;
}

/* Members of FreshGrab.py's `data` that lead to a key. */
static bool
is_v1_place(struct simd_text name)
{
	return text_is(name, "xssh") || text_is(name, "tls") || text_is(name, "http");
}

/*
 * A top-level pNN: what is under its `data` tells the layout.  Beside what FreshGrab.py writes
 * there may be more grabs of the port, as ZGrab2 has them (`survey export --studies`).
 */
static void
take_port(struct extract *x, struct host *h, uint8_t port, struct simd_node n)
{
	const struct simd_node none = { NULL, 0 };
	struct simd_node data = simd_get(n, "data"), v;
	struct simd_iter it = simd_iterate(data);
	struct simd_text name;
	bool raw = false, v1 = false;
	const char *grab;

	if (simd_type(n) != SIMD_OBJECT) { /* null, or an error text */
		host_put_outcome(h, port, true, failure(n));
		return;
	}
	if (simd_type(data) != SIMD_OBJECT) {
		take_grab(x, h, LAYOUT_CENSYS, port, "", n, answered(n, none), TIME_UNKNOWN);
		return;
	}
	while (simd_next(&it, &name, &v))
		v1 |= is_v1_place(name) && !is_raw_grab(v);
	if (v1) /* the plain grab is FreshGrab.py's */
		grab_name(x, port, (struct simd_text){ "", 0 });
	for (it = simd_iterate(data); simd_next(&it, &name, &v);) {
		if (!is_raw_grab(v))
			continue;
		raw = true;
		if ((grab = grab_name(x, port, name)) != NULL)
			take_raw(x, h, port, grab, v);
	}
	if (!raw || v1)
		take_grab(x, h, LAYOUT_V1, port, "", data, answered(data, simd_get(n, "error")),
		    fact_time(&x->f, simd_get(n, "timestamp")));
}

/* A service of Censys Search 2, or of the Platform, which names its `protocol`. */
static void
take_service(struct extract *x, struct host *h, uint8_t port, struct simd_node n)
{
	bool platform = simd_type(simd_get(n, "protocol")) == SIMD_STRING ||
			simd_type(simd_get(n, "cert")) == SIMD_OBJECT;

	take_grab(x, h, platform ? LAYOUT_PLATFORM : LAYOUT_SERVICES, port, "", n, OUTCOME_OPEN,
	    fact_time(&x->f, simd_get(n, platform ? "scan_time" : "observed_at")));
}

enum form { FORM_PORT, FORM_RAW, FORM_SERVICE };

/* A port's record: straight into the line's host, or merged when the line has that port already. */
static void
take_port_once(
    struct extract *x, uint8_t port, const char *grab, struct simd_node n, enum form form)
{
	struct host again = { .time = TIME_UNKNOWN };
	struct host *h = x->h;
	struct merge_counts merged = { 0 };

	x->port_seen = true;
	if (grab[0] == '\0') {
		if ((h->seen & 1U << port) != 0)
			h = &again;
		h->seen |= (uint16_t)(1U << port);
	}
	if (form == FORM_RAW)
		take_raw(x, h, port, grab, n);
	else if (form == FORM_SERVICE)
		take_service(x, h, port, n);
	else
		take_port(x, h, port, n);
	if (h == &again) {
		host_merge(x->h, &again, x->f.a, &merged);
		x->f.counts->note[NOTE_PORT_REPEATED] += merged.repeated;
		x->f.counts->note[NOTE_GRABS_OVER_MAX] += merged.over;
	}
}

/* "p25" and the like, or a number that stands elsewhere; 0: none. */
static unsigned
port_number(const char *name, size_t len)
{
	unsigned port = 0;

	if (len < 2 || len > 6 || name[0] != 'p')
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return 0;
		port = port * 10 + (unsigned)(name[i] - '0');
	}
	return port < 65536 ? port : 0;
}

static unsigned
node_port(struct extract *x, struct simd_node n)
{
	int64_t number;

	if (simd_type(n) <= SIMD_NULL)
		return 0;
	if (simd_int(n, &number) && number > 0 && number < 65536)
		return (unsigned)number;
	x->f.counts->note[NOTE_BAD_PORT]++;
	return 0;
}

/*
 * The port of a member of zgrab2's `data`: its name says it, p22 or p22-rsa, or its own
 * `port`; in older lines that of the line, and else the caller knows it, or it is SSH's.
 */
static unsigned
module_port(struct extract *x, struct simd_text name, struct simd_node n)
{
	const char *dash = memchr(name.s, '-', name.len);
	size_t len = dash != NULL ? (size_t)(dash - name.s) : name.len;
	unsigned named = port_number(name.s, len), own = node_port(x, simd_get(n, "port"));

	if (named != 0)
		return named;
	if (own != 0)
		return own;
	if (x->port != 0)
		return x->port;
	if (len == 3 && memcmp(name.s, "ssh", 3) == 0)
		return 22;
	return x->o != NULL ? x->o->port : 0;
}

/* zgrab2's own lines. */
static void
take_data(struct extract *x, struct simd_node data)
{
	struct simd_iter it = simd_iterate(data);
	struct simd_text name;
	struct simd_node v;

	while (simd_next(&it, &name, &v)) {
		const char *grab;
		unsigned number;
		int port;

		if (name.s == NULL || simd_type(v) != SIMD_OBJECT)
			continue;
		number = module_port(x, name, v);
		port = port_index(number);
		if (port >= 0) {
			x->port_seen = true;
			if ((grab = grab_name(x, (uint8_t)port, name)) != NULL)
				take_port_once(x, (uint8_t)port, grab, v, FORM_RAW);
		} else if (number != 0) {
			x->port_seen = true;
			take_other_port(x, number, v);
		} else {
			char path[RECORD_EXAMPLE_MAX];

			x->port_seen = true;
			snprintf(path, sizeof(path), ".data.%.*s",
			    (int)(name.len < 32 ? name.len : 32), name.s);
			take_unplaced(x, path, v);
		}
	}
}

/* Censys Search 2 and Platform: a list, each with the number of its port. */
static void
take_services(struct extract *x, struct simd_node services)
{
	struct simd_iter it = simd_iterate(services);
	struct simd_node v;

	while (simd_next(&it, NULL, &v)) {
		struct simd_text transport = simd_string(simd_get(v, "transport_protocol"));
		unsigned number = node_port(x, simd_get(v, "port"));
		int port = port_index(number);

		if (simd_type(v) != SIMD_OBJECT)
			continue;
		/* Another service than the one that TCP leads to. */
		if (transport.s != NULL && !text_is(transport, "TCP") && !text_is(transport, "tcp"))
			continue;
		if (port >= 0) {
			take_port_once(x, (uint8_t)port, "", v, FORM_SERVICE);
		} else if (number != 0) {
			x->port_seen = true;
			take_other_port(x, number, v);
		}
	}
}

/* 64500, "64500" or "AS64500"; false: none of these. */
static bool
as_number(struct simd_node n, uint32_t *asn)
{
	struct simd_text t = simd_string(n);
	int64_t v = 0;
	size_t at;

	if (simd_int(n, &v)) {
		*asn = (uint32_t)v;
		return v >= 0 && v <= UINT32_MAX;
	}
	at = t.len >= 2 && (t.s[0] | 0x20) == 'a' && (t.s[1] | 0x20) == 's' ? 2 : 0;
	if (at == t.len)
		return false;
	for (; at < t.len; at++) {
		if (t.s[at] < '0' || t.s[at] > '9')
			return false;
		v = v * 10 + (t.s[at] - '0');
		if (v > UINT32_MAX)
			return false;
	}
	*asn = (uint32_t)v;
	return true;
}

static void
take_as(struct extract *x, struct simd_node n)
{
	struct simd_node number = simd_get(n, "asn");
	const char *name = fact_text(&x->f, simd_get(n, "name"));
	uint32_t asn = 0;

	if (!as_number(number, &asn)) {
		x->f.counts->note[NOTE_BAD_FACT] += simd_type(number) > SIMD_NULL;
		asn = 0;
	}
	if (asn == 0 && name == NULL)
		return;
	x->h->own_as = true;
	x->h->asn = asn;
	x->h->as_name = name;
}

static void
take_country(struct extract *x, struct simd_node n)
{
	struct simd_text t = simd_string(simd_get(n, "country_code"));

	if (t.s != NULL && t.len == 2) {
		for (int i = 0; i < 2; i++) {
			char c = t.s[i];

			if (c >= 'a' && c <= 'z')
				c = (char)(c - 'a' + 'A');
			if (c < 'A' || c > 'Z') {
				x->h->country[0] = '\0';
				x->f.counts->note[NOTE_BAD_FACT]++;
				return;
			}
			x->h->country[i] = c;
		}
		x->h->country[2] = '\0';
	} else if (simd_type(simd_get(n, "country_code")) > SIMD_NULL && t.len > 0) {
		x->f.counts->note[NOTE_BAD_FACT]++;
	}
}

static void
take_member(struct extract *x, struct simd_text key, struct simd_node v)
{
	unsigned number = port_number(key.s, key.len);
	int port = port_index(number);

	if (port >= 0) {
		take_port_once(x, (uint8_t)port, "", v, FORM_PORT);
	} else if (number != 0) {
		x->port_seen = true;
		take_other_port(x, number, v);
	} else if (text_is(key, "data")) {
		take_data(x, v);
	} else if (text_is(key, "services")) {
		take_services(x, v);
	} else if (text_is(key, "writer")) {
		x->h->writer = fact_text(&x->f, v);
	} else if (text_is(key, "autonomous_system")) {
		take_as(x, v);
	} else if (text_is(key, "location")) {
		take_country(x, v);
	} else if (text_is(key, "time")) {
		x->h->time = fact_time(&x->f, v);
	}
}

/*
 * The object with the address: the line's own, or one that an answer of Censys's wraps in
 * `result`, `host` or `resource`.  The address first: a line without one is to leave no trace in the counts.
 */
static struct simd_node
find_host(struct extract *x, struct simd_node n)
{
	struct simd_node v, port = { NULL, 0 }, inner;
	struct simd_text key;

	for (int deep = 0; deep <= WRAPPERS_DEEP; deep++) {
		inner = (struct simd_node){ NULL, 0 };
		for (struct simd_iter it = simd_iterate(n); simd_next(&it, &key, &v);) {
			if (text_is(key, "ip")) {
				x->ip = simd_string(v);
				x->ip_seen = true;
			} else if (text_is(key, "port")) {
				port = v;
			} else if (text_is(key, "result") || text_is(key, "host") ||
				   text_is(key, "resource")) {
				inner = v;
			}
		}
		if (x->ip_seen || simd_type(inner) != SIMD_OBJECT)
			break;
		n = inner;
	}
	if (x->ip_seen)
		x->port = node_port(x, port);
	return n;
}

static struct simd_text
trimmed(struct simd_text t)
{
	while (t.len > 0 && memchr(" \t\r\n\v\f", t.s[0], 6) != NULL) {
		t.s++;
		t.len--;
	}
	while (t.len > 0 && memchr(" \t\r\n\v\f", t.s[t.len - 1], 6) != NULL)
		t.len--;
	return t;
}

enum record_refusal
record_extract(struct simd_parser *p, const struct record_options *o, const char *line, size_t len,
    struct arena *a, struct host *h, struct record_counts *counts)
{
	struct record_counts none = { 0 };
	struct extract x = { .f = { a, counts != NULL ? counts : &none }, .o = o, .h = h };
	struct simd_node root, v;
	struct simd_text key, ip;
	enum simd_error e;

	memset(h, 0, sizeof(*h));
	h->time = TIME_UNKNOWN;
	if ((e = simd_parse(p, line, len, &root)) != SIMD_OK)
		return (enum record_refusal)e;
	if (simd_type(root) != SIMD_OBJECT)
		return REFUSED_NOT_OBJECT;
	root = find_host(&x, root);
	if (!x.ip_seen)
		return REFUSED_NO_IP;
	ip = trimmed(x.ip);
	if (ip.s == NULL || !ip_parse(ip.s, ip.len, &h->ip))
		return REFUSED_BAD_IP;
	for (struct simd_iter it = simd_iterate(root); simd_next(&it, &key, &v);)
		take_member(&x, key, v);
	h->own_country = h->country[0] != '\0';
	if (!x.port_seen)
		take_unplaced(&x, "", root);
	return REFUSED_NO;
}
