#include <stdio.h>
#include <string.h>

#include "survey/mem.h"

#include "certificate.h"
#include "greeting.h"
#include "key.h"
#include "layout.h"
#include "search.h"
#include "take.h"

#define CERTIFIED "-cert-v01@openssh.com" /* end of an SSH host certificate's algorithm */

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

static size_t
skip_blanks(struct simd_text t, size_t at)
{
	while (at < t.len && memchr(" \t\r\n\v\f", t.s[at], 6) != NULL)
		at++;
	return at;
}

static size_t
skip_word(struct simd_text t, size_t at)
{
	while (at < t.len && memchr(" \t\r\n\v\f", t.s[at], 6) == NULL)
		at++;
	return at;
}

/* The greeting's host name: the word after "220", or what follows "220-" at once. */
static void
take_banner(struct extract *x, struct host *h, uint8_t port, struct simd_text t)
{
	size_t start = skip_blanks(t, 0), end = skip_word(t, start);

	if (end - start < 3 || memcmp(t.s + start, "220", 3) != 0)
		return;
	if (end - start == 3) {
		start = skip_blanks(t, end);
		end = skip_word(t, start);
	} else if (t.s[start + 3] == '-') {
		start += 4;
	} else {
		return;
	}
	if (end > start)
		put_name(x, h, port, NAME_BANNER, 0, t.s + start, end - start);
}

/* What the greeting says that it runs: "Postfix", "Exim 4.96"; or NULL. */
static const char *
mail_software(const struct extract *x, struct simd_text greeting)
{
	struct greeting g;
	size_t len;
	char *text;

	if (!greeting_software(greeting.s, greeting.len, &g))
		return NULL;
	if (g.version == NULL)
		return g.name;
	len = strlen(g.name);
	text = arena_alloc(x->f.a, len + 1 + g.version_len + 1);
	memcpy(text, g.name, len);
	text[len] = ' ';
	memcpy(text + len + 1, g.version, g.version_len);
	text[len + 1 + g.version_len] = '\0';
	return text;
}

/* The text after a DN's first "CN=" up to the next comma; "" where it has none. */
static void
put_dn(struct extract *x, struct host *h, uint8_t port, const char *dn, size_t dn_len)
{
	const char *cn = dn != NULL ? memmem(dn, dn_len, "CN=", 3) : NULL, *comma;
	size_t len = 0;

	if (cn != NULL) {
		cn += 3;
		len = dn_len - (size_t)(cn - dn);
		comma = memchr(cn, ',', len);
		if (comma != NULL)
			len = (size_t)(comma - cn);
	}
	put_name(x, h, port, NAME_DN, 0, len > 0 ? cn : "", len);
}

static void
take_dn(
    struct extract *x, struct host *h, uint8_t port, struct simd_node dn, struct simd_node subject)
{
	struct simd_node name = simd_get(subject, "common_name");
	struct simd_iter it = simd_iterate(name);
	struct simd_text t = simd_string(dn);

	if (simd_type(dn) != SIMD_NONE) {
		put_dn(x, h, port, t.s, t.len);
		return;
	}
	if (simd_type(name) == SIMD_ARRAY && !simd_next(&it, NULL, &name))
		return;
	t = simd_string(name);
	if (t.s != NULL)
		put_name(x, h, port, NAME_DN, 0, t.s, t.len);
}

/* sans: a list of names, or the certificate's extensions with one. */
static void
take_sans(struct extract *x, struct host *h, uint8_t port, struct simd_node sans)
{
	struct simd_node san;
	struct simd_iter it;
	size_t n = 0;

	if (simd_type(sans) == SIMD_OBJECT)
		sans = simd_path(sans, "subject_alt_name.dns_names");
	if (simd_type(sans) != SIMD_ARRAY) {
		x->f.counts->note[NOTE_SANS_NOT_LIST] += simd_type(sans) > SIMD_NULL;
		return;
	}
	for (it = simd_iterate(sans); simd_next(&it, NULL, &san); n++) {
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
    const struct key_object *k, struct simd_node from, const struct simd_key *raw)
{
	for (uint32_t i = 0; i < h->ngrabs; i++) {
		if (h->grabs[i].public_key != NULL && h->grabs[i].kind == g->kind &&
		    memcmp(h->grabs[i].fp, g->fp, KEY_LEN) == 0)
			return h->grabs[i].public_key;
	}
	return key_public(&x->f, (enum key_kind)g->kind, k, from, raw);
}

/* The Server header, of which the first line counts. */
static const char *
web_software(const struct extract *x, struct simd_node header)
{
	struct simd_iter it = simd_iterate(header);
	struct simd_node first = header;

	if (simd_type(header) == SIMD_ARRAY && !simd_next(&it, NULL, &first))
		return NULL;
	return fact_text(&x->f, first);
}

/* How a grab is taken up: the last outcome that applies. */
enum taken {
	TAKEN_NOTHING, /* no row of the table leads anywhere */
	TAKEN_PLACE, /* a row leads to where a key has to be, but what is there is none */
	TAKEN_KEY
};

static bool
is_certified(struct simd_text algorithm)
{
	size_t n = strlen(CERTIFIED);

	return algorithm.len >= n && memcmp(algorithm.s + algorithm.len - n, CERTIFIED, n) == 0;
}

static void
put_grab(struct extract *x, struct host *h, const struct host_grab *g)
{
	x->f.counts->note[NOTE_PORT_REPEATED] += host_put_grab(h, g, x->f.a);
}

/*
 * A key of type ssh-rsa signs with SHA-1 under that name, with SHA-2 under the names of RFC 8332.
 * What the server offers is its own word, whatever the client asked for.
 */
static uint8_t
only_sha1(const char *alg, struct simd_node offered)
{
	struct simd_iter it = simd_iterate(offered);
	struct simd_node name;
	bool sha1 = false;

	if (alg == NULL || strcmp(alg, "ssh-rsa") != 0 || simd_type(offered) != SIMD_ARRAY)
		return FACT_UNKNOWN;
	while (simd_next(&it, NULL, &name)) {
		struct simd_text t = simd_string(name);

		if (t.len > 9 && memcmp(t.s, "rsa-sha2-", 9) == 0)
			return FACT_NO;
		sha1 = sha1 || (t.len == 7 && memcmp(t.s, "ssh-rsa", 7) == 0);
	}
	return sha1 ? FACT_YES : FACT_UNKNOWN;
}

static enum taken
take_ssh(struct extract *x, struct host *h, enum layout layout, struct simd_node root,
    struct host_grab *g)
{
	const struct layout_ssh *at = &layout_ssh[layout];
	struct key_object k = key_open(simd_at(root, at->key));

	/*
	 * A host certificate (PROTOCOL.certkeys of OpenSSH) has a nonce, which its fingerprint
	 * covers: the host's key is the one that it certifies.
	 */
	if (simd_type(k.certified) == SIMD_OBJECT || is_certified(simd_string(k.algorithm))) {
		k = key_open(simd_get(k.certified, "key"));
		if (simd_type(k.fingerprint) <= SIMD_NULL) {
			x->f.counts->note[NOTE_NO_CERTIFIED_KEY]++;
			return TAKEN_PLACE;
		}
	}
	if (simd_type(k.fingerprint) == SIMD_NONE ||
	    (at->algorithm && simd_type(k.algorithm) == SIMD_NONE))
		return TAKEN_NOTHING;
	g->alg = fact_text(&x->f, k.algorithm);
	if (g->alg == NULL && at->algorithm) {
		x->f.counts->note[NOTE_NO_ALGORITHM]++;
		return TAKEN_PLACE;
	}
	if (g->alg == NULL)
		g->alg = key_ssh_algorithm(&k);
	if ((g->fp = fact_fingerprint(&x->f, k.fingerprint)) == NULL)
		return TAKEN_PLACE;
	g->key_bits = fact_number(&x->f, simd_get(k.rsa, "length"), 1 << 20);
	g->curve = fact_text(&x->f, simd_get(k.ec, "curve"));
	g->version = fact_text(&x->f, simd_at(root, at->version));
	g->software = fact_text(&x->f, simd_at(root, at->software));
	g->kex = fact_text(&x->f, simd_at(root, at->kex));
	if (at->offered != NULL)
		g->sha1_only = only_sha1(g->alg, simd_at(root, at->offered));
	g->public_key = take_public(x, h, g, &k, root, NULL);
	put_grab(x, h, g);
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

static void
take_handshake(
    struct extract *x, const struct layout_tls *at, struct simd_node root, struct host_grab *g)
{
	if (at->trusted != NULL)
		g->trusted = fact_bool(&x->f, simd_at(root, at->trusted));
	if (at->cipher != NULL)
		g->cipher_suite = fact_cipher(&x->f, simd_at(root, at->cipher));
	g->version = fact_version(&x->f, simd_at(root, at->version));
}

/* A certificate that is there in DER only. */
static enum taken
take_der(struct extract *x, struct host *h, const struct layout_tls *at, struct simd_node root,
    struct host_grab *g)
{
	const char *text = at->raw != NULL ? fact_base64(&x->f, simd_at(root, at->raw)) : NULL;
	struct certificate c;

	if (text == NULL)
		return TAKEN_NOTHING;
	if (!certificate_read(&x->f, text, g, &c)) {
		x->f.counts->note[NOTE_BAD_CERTIFICATE]++;
		return TAKEN_PLACE;
	}
	if (names_port(h, g)) {
		host_drop_names(h, g->port, false);
		if (c.subject != NULL)
			put_dn(x, h, g->port, c.subject, strlen(c.subject));
		for (size_t i = 0; i < c.nsans; i++) {
			if (i >= HOST_SANS_MAX)
				x->f.counts->note[NOTE_SANS_OVER_MAX]++;
			else if (c.sans[i] == NULL)
				x->f.counts->note[NOTE_NAME_UNUSABLE]++;
			else
				put_name(x, h, g->port, NAME_SAN, i, c.sans[i], strlen(c.sans[i]));
		}
	}
	take_handshake(x, at, root, g);
	put_grab(x, h, g);
	return TAKEN_KEY;
}

static enum taken
take_tls(struct extract *x, struct host *h, enum layout layout, struct simd_node root,
    struct host_grab *g)
{
	enum { KEY, DN, NAME, ISSUER, SANS, SIGNATURE, VALIDITY, SERIAL, DIGEST, BITS, NMEMBERS };
	const struct layout_tls *at = &layout_tls[layout];
	const struct simd_key member[NMEMBERS] = { at->key, SIMD_KEY("subject_dn"),
		SIMD_KEY("subject"), SIMD_KEY("issuer_dn"), at->sans, SIMD_KEY("signature"),
		at->validity, SIMD_KEY("serial_number"), at->digest, SIMD_KEY("pubkey_bit_size") };
	struct simd_node leaf = simd_at(root, at->leaf), m[NMEMBERS];
	struct key_object k;

	if (simd_type(leaf) != SIMD_OBJECT)
		return take_der(x, h, at, root, g);
	simd_get_all(leaf, member, NMEMBERS, m);
	k = key_open(m[KEY]);
	if (k.fingerprint.doc == NULL && take_der(x, h, at, root, g) == TAKEN_KEY)
		return TAKEN_KEY;
	g->fp = fact_fingerprint(&x->f, k.fingerprint);
	if (names_port(h, g)) {
		host_drop_names(h, g->port, false);
		take_dn(x, h, g->port, m[DN], m[NAME]);
		take_sans(x, h, g->port, m[SANS]);
	}
	if (g->fp == NULL)
		return simd_type(k.fingerprint) == SIMD_NONE ? TAKEN_NOTHING : TAKEN_PLACE;
	g->alg = fact_text(&x->f,
	    simd_type(k.algorithm) == SIMD_OBJECT ? simd_get(k.algorithm, "name") : k.algorithm);
	g->curve = fact_text(&x->f, simd_get(k.ec, "curve"));
	if (simd_type(k.rsa) == SIMD_OBJECT)
		g->key_bits = fact_number(
		    &x->f, m[BITS].doc != NULL ? m[BITS] : simd_get(k.rsa, "length"), 1 << 20);
	g->self_signed = fact_bool(&x->f, simd_get(m[SIGNATURE], "self_signed"));
	g->issuer = fact_text(&x->f, m[ISSUER]);
	g->subject = fact_text(&x->f, m[DN]);
	g->serial = fact_digits(&x->f, m[SERIAL]);
	g->cert = fact_digest(
	    &x->f, at->digest_at != NULL ? simd_at(root, at->digest_at) : m[DIGEST]);
	g->not_before = fact_time(&x->f, simd_get(m[VALIDITY], at->start));
	g->not_after = fact_time(&x->f, simd_get(m[VALIDITY], at->end));
	take_handshake(x, at, root, g);
	g->public_key = take_public(x, h, g, &k, root, at->raw);
	put_grab(x, h, g);
	return TAKEN_KEY;
}

/*
 * What the server said.  A client that followed redirects asked other hosts: what this one
 * said is the first response of the chain, with a key or without one.
 */
static struct simd_node
find_said(const struct layout_row *row, struct simd_node n, bool *redirected)
{
	struct simd_node from = simd_at(n, row->from), first;
	struct simd_iter it;

	if (row->chain != NULL) {
		it = simd_iterate(simd_at(n, row->chain));
		if (simd_next(&it, NULL, &first)) {
			from = first;
			*redirected = true;
		}
	}
	return from;
}

static void
count_unknown(struct extract *x, int row, const char *name, struct simd_node n)
{
	char path[RECORD_EXAMPLE_MAX];
	size_t len = strnlen(name, sizeof(path) - 1);

	memcpy(path, name, len); /* most ports have no key, and printf(3) takes its time */
	path[len] = '\0';
	if (!search_key(n, path))
		return;
	if (x->f.counts->unknown_layout[row]++ == 0)
		memcpy(x->f.counts->unknown_example[row], path, sizeof(path));
}

void
take_unplaced(struct extract *x, const char *name, struct simd_node n)
{
	count_unknown(x, NPORTS, name, n);
}

void
take_other_port(struct extract *x, unsigned port, struct simd_node n)
{
	char path[RECORD_EXAMPLE_MAX] = "";

	if (search_key(n, path))
		record_other_add(x->f.counts, port, 1);
}

void
take_grab(struct extract *x, struct host *h, enum layout layout, uint8_t port, const char *grab,
    struct simd_node n, enum port_outcome outcome, int64_t at)
{
	const struct port_def *def = &port_table[port];
	struct record_counts *counts = x->f.counts;
	enum taken taken = TAKEN_NOTHING;
	bool redirected = false;

	host_put_outcome(h, port, grab[0] == '\0', outcome);
	counts->success[port] += outcome == OUTCOME_OPEN;
	for (const struct layout_row *row = layout_rows[layout];
	     row->from != NULL && taken == TAKEN_NOTHING; row++) {
		struct simd_text greeting = { NULL, 0 };
		struct simd_node said, root;
		struct host_grab g;

		if (row->port != def->port && (row->port != 0 || def->kind == KEY_SSH_HOST))
			continue;
		if (row->banner != NULL)
			greeting = simd_string(simd_at(n, row->banner));
		if (greeting.s != NULL && row->port == 25)
			take_banner(x, h, port, greeting);
		if (h->ngrabs >= HOST_GRABS_MAX) {
			counts->note[NOTE_GRABS_OVER_MAX]++;
			return;
		}
		said = find_said(row, n, &redirected);
		root = row->root != NULL ? simd_at(said, row->root) : said;
		if (simd_type(root) == SIMD_NONE)
			continue;
		g = (struct host_grab){ .port = port,
			.kind = (uint8_t)def->kind,
			.grab = grab,
			.trusted = FACT_UNKNOWN,
			.self_signed = FACT_UNKNOWN,
			.sha1_only = FACT_UNKNOWN,
			.cipher_suite = -1,
			.key_bits = -1,
			.not_before = TIME_UNKNOWN,
			.not_after = TIME_UNKNOWN,
			.at = at };
		if (greeting.s != NULL)
			g.software = mail_software(x, greeting);
		else if (row->server != NULL)
			g.software = web_software(x, simd_at(said, row->server));
		taken = def->kind == KEY_SSH_HOST ? take_ssh(x, h, layout, root, &g)
						  : take_tls(x, h, layout, root, &g);
	}
	if (taken == TAKEN_KEY) {
		host_put_outcome(h, port, grab[0] == '\0', OUTCOME_KEY);
		counts->taken[port]++;
	} else if (taken == TAKEN_NOTHING && !redirected) {
		count_unknown(x, port, def->name, n);
	}
}
