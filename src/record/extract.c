#include <string.h>

#include "survey/mem.h"
#include "survey/record.h"

#include "facts.h"
#include "layout.h"

#define SEARCH_MAX 100000 /* values looked at for a key that no row finds */

/* What one line is turned into, and with what. */
struct extract {
	struct facts f;
	struct host *h;
	struct simd_text ip;
	bool ip_seen;
	bool port_seen;
};

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
		"bad-date", "bad-fact", "bad-port-number", "grabs-over-64", "port-repeated" };

	return name[n];
}

void
record_counts_add(struct record_counts *sum, const struct record_counts *more)
{
	sum->lines += more->lines;
	sum->blank += more->blank;
	sum->bytes += more->bytes;
	for (int i = 0; i < RECORD_NREFUSALS; i++)
		sum->refused[i] += more->refused[i];
	for (int i = 0; i < RECORD_NNOTES; i++)
		sum->note[i] += more->note[i];
	for (int i = 0; i <= NPORTS; i++) {
		sum->success[i] += more->success[i];
		if (sum->unknown_layout[i] == 0)
			memcpy(
			    sum->unknown_example[i], more->unknown_example[i], RECORD_EXAMPLE_MAX);
		sum->unknown_layout[i] += more->unknown_layout[i];
	}
}

bool
record_layout_unknown(const struct record_counts *c, int row)
{
	return c->unknown_layout[row] * 100 > c->success[row];
}

static bool
is_key(struct simd_text t, const char *key)
{
	return t.s != NULL && t.len == strlen(key) && memcmp(t.s, key, t.len) == 0;
}

static void
put_name(struct extract *x, struct host *h, uint8_t port, enum name_source source, size_t san,
    const char *s, size_t len)
{
	struct host_name name = { .source = (uint8_t)source, .port = port, .san = (uint16_t)san };

	if (len > HOST_NAME_BYTES)
		goto unusable;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			goto unusable;
	}
	name.text = arena_strndup(x->f.a, s, len);
	host_put_name(h, &name, x->f.a);
	return;
unusable:
	x->f.counts->note[NOTE_NAME_UNUSABLE]++;
}

/* The greeting's host name: "220 NAME …" or "220-NAME". */
static void
take_banner(struct extract *x, struct host *h, uint8_t port, struct simd_node n)
{
	struct simd_text t = simd_string(n);
	size_t end;

	if (t.s == NULL || t.len < 5 || memcmp(t.s, "220", 3) != 0 ||
	    (t.s[3] != ' ' && t.s[3] != '-'))
		return;
	for (end = 4; end < t.len && memchr(" \t\r\n", t.s[end], 4) == NULL; end++)
		;
	if (end > 4)
		put_name(x, h, port, NAME_BANNER, 0, t.s + 4, end - 4);
}

/* The text after the DN's first "CN=" up to the next comma; "" where it has none. */
static void
take_dn(
    struct extract *x, struct host *h, uint8_t port, struct simd_node dn, struct simd_node subject)
{
	struct simd_text t = simd_string(dn);
	const char *cn = NULL, *comma;
	size_t len = 0;

	if (simd_type(dn) == SIMD_NONE) {
		struct simd_node name = simd_get(subject, "common_name");
		struct simd_iter it = simd_iterate(name);

		if (simd_type(name) == SIMD_ARRAY && !simd_next(&it, NULL, &name))
			return;
		t = simd_string(name);
		if (t.s != NULL)
			put_name(x, h, port, NAME_DN, 0, t.s, t.len);
		return;
	}
	if (t.s != NULL)
		cn = memmem(t.s, t.len, "CN=", 3);
	if (cn != NULL) {
		cn += 3;
		len = t.len - (size_t)(cn - t.s);
		comma = memchr(cn, ',', len);
		if (comma != NULL)
			len = (size_t)(comma - cn);
	}
	put_name(x, h, port, NAME_DN, 0, len > 0 ? cn : "", len);
}

static void
take_sans(struct extract *x, struct host *h, uint8_t port, struct simd_node extensions)
{
	struct simd_node sans = simd_path(extensions, "subject_alt_name.dns_names"), san;
	struct simd_iter it = simd_iterate(sans);
	size_t n = 0;

	if (simd_type(sans) != SIMD_ARRAY) {
		x->f.counts->note[NOTE_SANS_NOT_LIST] += simd_type(sans) > SIMD_NULL;
		return;
	}
	for (; simd_next(&it, NULL, &san); n++) {
		struct simd_text t = simd_string(san);

		if (n >= HOST_SANS_MAX) {
			x->f.counts->note[NOTE_SANS_OVER_MAX]++;
		} else if (t.s == NULL) {
			x->f.counts->note[NOTE_SAN_NOT_TEXT]++;
		} else {
			put_name(x, h, port, NAME_SAN, n, t.s, t.len);
		}
	}
}

/* What the record shows of a key: once for all ports of the line that have it. */
static const struct host_public *
take_public(struct extract *x, const struct host *h, const struct host_grab *g,
    struct simd_node key, struct simd_node from, const char *raw)
{
	for (uint32_t i = 0; i < h->ngrabs; i++) {
		if (h->grabs[i].public_key != NULL && h->grabs[i].kind == g->kind &&
		    memcmp(h->grabs[i].fp, g->fp, KEY_LEN) == 0)
			return h->grabs[i].public_key;
	}
	return fact_public(&x->f, (enum key_kind)g->kind, key, from, raw);
}

/* How a grab is taken up: the last outcome that applies. */
enum taken {
	TAKEN_NOTHING, /* no row of the table leads anywhere */
	TAKEN_PLACE, /* a row leads to where a key has to be, but what is there is none */
	TAKEN_KEY
};

static enum taken
take_ssh(struct extract *x, struct host *h, enum layout layout, struct simd_node root,
    struct host_grab *g)
{
	const struct layout_ssh *at = &layout_ssh[layout];
	struct simd_node key = simd_path(root, at->key), alg = simd_get(key, at->algorithm);
	struct simd_node fp = simd_get(key, "fingerprint_sha256");

	if (simd_type(alg) == SIMD_NONE || simd_type(fp) == SIMD_NONE)
		return TAKEN_NOTHING;
	g->alg = fact_text(&x->f, alg);
	if (g->alg == NULL) {
		x->f.counts->note[NOTE_NO_ALGORITHM]++;
		return TAKEN_PLACE;
	}
	if ((g->fp = fact_fingerprint(&x->f, fp)) == NULL)
		return TAKEN_PLACE;
	g->key_bits = fact_number(&x->f, simd_path(key, "rsa_public_key.length"), 1 << 20);
	g->curve = fact_text(&x->f, simd_path(key, "ecdsa_public_key.curve"));
	g->version = fact_text(&x->f, simd_path(root, at->version));
	g->software = fact_text(&x->f, simd_path(root, at->software));
	g->kex = fact_text(&x->f, simd_path(root, at->kex));
	g->public_key = take_public(x, h, g, key, key, "raw");
	host_put_grab(h, g, x->f.a);
	return TAKEN_KEY;
}

/* One certificate names a port: that of the grab which shows its key first, see struct host. */
static bool
names_port(const struct host *h, const struct host_grab *g)
{
	for (uint32_t i = 0; i < h->ngrabs; i++) {
		if (h->grabs[i].port == g->port)
			return g->fp != NULL && strcmp(g->grab, h->grabs[i].grab) <= 0;
	}
	return true;
}

static enum taken
take_tls(struct extract *x, struct host *h, enum layout layout, struct simd_node root,
    struct host_grab *g)
{
	enum { SPKI, DN, NAME, ISSUER, EXTENSIONS, SIGNATURE, VALIDITY, SERIAL, DIGEST, NMEMBERS };
	static const char *const member[NMEMBERS] = { "subject_key_info", "subject_dn", "subject",
		"issuer_dn", "extensions", "signature", "validity", "serial_number",
		"fingerprint_sha256" };
	const struct layout_tls *at = &layout_tls[layout];
	struct simd_node leaf = simd_path(root, at->leaf), m[NMEMBERS], fp;

	if (simd_type(leaf) != SIMD_OBJECT)
		return TAKEN_NOTHING;
	simd_get_all(leaf, member, NMEMBERS, m);
	fp = simd_get(m[SPKI], "fingerprint_sha256");
	g->fp = fact_fingerprint(&x->f, fp);
	if (names_port(h, g)) {
		host_drop_names(h, g->port, false);
		take_dn(x, h, g->port, m[DN], m[NAME]);
		take_sans(x, h, g->port, m[EXTENSIONS]);
	}
	if (g->fp == NULL)
		return simd_type(fp) == SIMD_NONE ? TAKEN_NOTHING : TAKEN_PLACE;
	g->alg = fact_text(&x->f, simd_path(m[SPKI], "key_algorithm.name"));
	g->curve = fact_text(&x->f, simd_path(m[SPKI], "ecdsa_public_key.curve"));
	g->key_bits = fact_number(&x->f, simd_path(m[SPKI], "rsa_public_key.length"), 1 << 20);
	g->trusted = fact_bool(&x->f, simd_path(root, at->trusted));
	g->self_signed = fact_bool(&x->f, simd_get(m[SIGNATURE], "self_signed"));
	g->cipher_suite = fact_cipher(&x->f, simd_path(root, at->cipher));
	g->version = fact_text(&x->f, simd_path(root, at->version));
	g->issuer = fact_text(&x->f, m[ISSUER]);
	g->subject = fact_text(&x->f, m[DN]);
	g->serial = fact_digits(&x->f, m[SERIAL]);
	g->cert = fact_digest(&x->f, m[DIGEST]);
	g->not_before = fact_time(&x->f, simd_get(m[VALIDITY], "start"));
	g->not_after = fact_time(&x->f, simd_get(m[VALIDITY], "end"));
	g->public_key = take_public(x, h, g, m[SPKI], root, at->raw);
	host_put_grab(h, g, x->f.a);
	return TAKEN_KEY;
}

/*
 * Look for a fingerprint in its usual place under n, wherever that is; path
 * gets the way to it.  Depth is bounded by the parser, the number of values
 * by SEARCH_MAX.
 */
static bool
find_key(struct simd_node n, char *path, size_t at, size_t *budget)
{
	struct simd_iter it = simd_iterate(n);
	struct simd_text key;
	struct simd_node v;
	uint8_t fp[KEY_LEN];

	while (simd_next(&it, &key, &v) && *budget > 0) {
		size_t n_here = at;

		(*budget)--;
		if (simd_type(v) != SIMD_OBJECT && simd_type(v) != SIMD_ARRAY)
			continue;
		if (key.s != NULL && key.len + 1 < RECORD_EXAMPLE_MAX - at) {
			path[n_here++] = '.';
			memcpy(path + n_here, key.s, key.len);
			n_here += key.len;
		}
		path[n_here] = '\0';
		if (key.s != NULL &&
		    ((key.len == 16 && memcmp(key.s, "subject_key_info", 16) == 0) ||
			(key.len == 15 && memcmp(key.s, "server_host_key", 15) == 0)) &&
		    fact_parse_fingerprint(simd_string(simd_get(v, "fingerprint_sha256")), fp))
			return true;
		if (find_key(v, path, n_here, budget))
			return true;
	}
	return false;
}

static void
count_unknown(struct extract *x, int row, const char *name, struct simd_node n)
{
	char path[RECORD_EXAMPLE_MAX];
	size_t budget = SEARCH_MAX, at = strlen(name);

	memcpy(path, name, at + 1);
	if (!find_key(n, path, at, &budget))
		return;
	if (x->f.counts->unknown_layout[row]++ == 0)
		memcpy(x->f.counts->unknown_example[row], path, sizeof(path));
}

/* One grab of one port, which ended so: the object that the table's paths start from. */
static void
take_grab(struct extract *x, struct host *h, enum layout layout, uint8_t port, const char *grab,
    struct simd_node n, enum port_outcome outcome, int64_t at)
{
	const struct port_def *def = &port_table[port];
	enum taken taken = TAKEN_NOTHING;

	host_put_outcome(h, port, grab[0] == '\0', outcome);
	for (const struct layout_row *row = layout_rows[layout];
	     row->root != NULL && taken == TAKEN_NOTHING; row++) {
		struct host_grab g;
		struct simd_node root;

		if (row->port != def->port && row->port != 0)
			continue;
		if (row->banner != NULL)
			take_banner(x, h, port, simd_path(n, row->banner));
		if (h->ngrabs >= HOST_GRABS_MAX) {
			x->f.counts->note[NOTE_GRABS_OVER_MAX]++;
			return;
		}
		g = (struct host_grab){ .port = port,
			.kind = (uint8_t)def->kind,
			.grab = grab,
			.trusted = FACT_UNKNOWN,
			.self_signed = FACT_UNKNOWN,
			.cipher_suite = -1,
			.key_bits = -1,
			.not_before = TIME_UNKNOWN,
			.not_after = TIME_UNKNOWN,
			.at = at };
		root = simd_path(n, row->root);
		taken = def->kind == KEY_SSH_HOST ? take_ssh(x, h, layout, root, &g)
						  : take_tls(x, h, layout, root, &g);
	}
	if (taken == TAKEN_KEY)
		host_put_outcome(h, port, grab[0] == '\0', OUTCOME_KEY);
	if (outcome != OUTCOME_OPEN)
		return;
	x->f.counts->success[port]++;
	if (taken == TAKEN_NOTHING)
		count_unknown(x, port, def->name, n);
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

	if (is_key(t, OUTCOME_GIVEN_UP_TEXT))
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

/* The part of a grab's name after its first '-': "rsa" of "ssh-rsa", "" of "ssh". */
static const char *
grab_suffix(struct extract *x, struct simd_text name)
{
	const char *dash = memchr(name.s, '-', name.len);

	if (dash == NULL)
		return "";
	dash++;
	for (const char *c = dash; c < name.s + name.len; c++) {
		if ((unsigned char)*c < 0x21 || *c == 0x7f)
			return "other";
	}
	return arena_strndup(x->f.a, dash, (size_t)(name.s + name.len - dash));
}

/* A top-level pNN: what is under its `data` tells the layout. */
static void
take_port(struct extract *x, struct host *h, uint8_t port, struct simd_node n)
{
	const struct simd_node none = { NULL, 0 };
	struct simd_node data = simd_get(n, "data"), v;
	struct simd_iter it = simd_iterate(data);
	struct simd_text name;
	bool raw = false;

	if (simd_type(n) != SIMD_OBJECT) { /* null, or an error text */
		host_put_outcome(h, port, true, failure(n));
		return;
	}
	if (simd_type(data) != SIMD_OBJECT) {
		take_grab(x, h, LAYOUT_CENSYS, port, "", n, answered(n, none), TIME_UNKNOWN);
		return;
	}
	while (simd_next(&it, &name, &v)) {
		if (!is_raw_grab(v))
			continue;
		raw = true;
		take_raw(x, h, port, grab_suffix(x, name), v);
	}
	if (!raw)
		take_grab(x, h, LAYOUT_V1, port, "", data, answered(data, simd_get(n, "error")),
		    fact_time(&x->f, simd_get(n, "timestamp")));
}

/* A port's record: straight into the line's host, or merged when the line has that port already. */
static void
take_port_once(struct extract *x, uint8_t port, const char *grab, struct simd_node n, bool raw)
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
	if (raw)
		take_raw(x, h, port, grab, n);
	else
		take_port(x, h, port, n);
	if (h == &again) {
		host_merge(x->h, &again, x->f.a, &merged);
		x->f.counts->note[NOTE_PORT_REPEATED] += merged.repeated;
		x->f.counts->note[NOTE_GRABS_OVER_MAX] += merged.over;
	}
}

/* zgrab2 multiple's own lines: data.p22, data.p22-rsa; or data.ssh, where the port member tells. */
static void
take_data(struct extract *x, struct simd_node data)
{
	struct simd_iter it = simd_iterate(data);
	struct simd_text name;
	struct simd_node v;

	while (simd_next(&it, &name, &v)) {
		const char *dash;
		int64_t number;
		int port;

		if (name.s == NULL || simd_type(v) != SIMD_OBJECT)
			continue;
		dash = memchr(name.s, '-', name.len);
		port = port_index_by_name(
		    name.s, dash != NULL ? (size_t)(dash - name.s) : name.len);
		if (simd_type(simd_get(v, "port")) > SIMD_NULL &&
		    !simd_int(simd_get(v, "port"), &number))
			x->f.counts->note[NOTE_BAD_PORT]++;
		else if (port < 0 && simd_int(simd_get(v, "port"), &number) && number > 0 &&
			 number < 65536)
			port = port_index((unsigned)number);
		if (port >= 0)
			take_port_once(x, (uint8_t)port, grab_suffix(x, name), v, true);
	}
}

static void
take_as(struct extract *x, struct simd_node n)
{
	const char *name = fact_text(&x->f, simd_get(n, "name"));
	int64_t asn;

	if (!simd_int(simd_get(n, "asn"), &asn) || asn < 0 || asn > UINT32_MAX) {
		x->f.counts->note[NOTE_BAD_FACT] += simd_type(simd_get(n, "asn")) > SIMD_NULL;
		asn = 0;
	}
	if (asn == 0 && name == NULL)
		return;
	x->h->own_as = true;
	x->h->asn = (uint32_t)asn;
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
	int port;

	if (key.len > 1 && key.s[0] == 'p' && (port = port_index_by_name(key.s, key.len)) >= 0) {
		take_port_once(x, (uint8_t)port, "", v, false);
	} else if (is_key(key, "ip")) {
		x->ip = simd_string(v);
		x->ip_seen = true;
	} else if (is_key(key, "data")) {
		take_data(x, v);
	} else if (is_key(key, "writer")) {
		x->h->writer = fact_text(&x->f, v);
	} else if (is_key(key, "autonomous_system")) {
		take_as(x, v);
	} else if (is_key(key, "location")) {
		take_country(x, v);
	} else if (is_key(key, "time")) {
		x->h->time = fact_time(&x->f, v);
	}
}

enum record_refusal
record_extract(struct simd_parser *p, const char *line, size_t len, struct arena *a, struct host *h,
    struct record_counts *counts)
{
	struct record_counts none = { 0 };
	struct extract x = { .f = { a, counts != NULL ? counts : &none }, .h = h };
	struct simd_node root, v;
	struct simd_iter it;
	struct simd_text key, ip;
	enum simd_error e;

	memset(h, 0, sizeof(*h));
	h->time = TIME_UNKNOWN;
	if ((e = simd_parse(p, line, len, &root)) != SIMD_OK)
		return (enum record_refusal)e;
	if (simd_type(root) != SIMD_OBJECT)
		return REFUSED_NOT_OBJECT;
	/* The address first: a line without one is to leave no trace in the counts. */
	for (it = simd_iterate(root); simd_next(&it, &key, &v);) {
		if (is_key(key, "ip")) {
			x.ip = simd_string(v);
			x.ip_seen = true;
		}
	}
	if (!x.ip_seen)
		return REFUSED_NO_IP;
	ip = x.ip;
	while (ip.len > 0 && memchr(" \t\r\n\v\f", ip.s[0], 6) != NULL) {
		ip.s++;
		ip.len--;
	}
	while (ip.len > 0 && memchr(" \t\r\n\v\f", ip.s[ip.len - 1], 6) != NULL)
		ip.len--;
	if (ip.s == NULL || !ip_parse(ip.s, ip.len, &h->ip))
		return REFUSED_BAD_IP;
	for (it = simd_iterate(root); simd_next(&it, &key, &v);)
		take_member(&x, key, v);
	h->own_country = h->country[0] != '\0';
	if (!x.port_seen) {
		x.f.counts->success[NPORTS]++;
		count_unknown(&x, NPORTS, "", root);
	}
	return REFUSED_NO;
}
