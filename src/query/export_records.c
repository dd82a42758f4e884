/*
 * records.fresh in the layout of FreshGrab.py: a host a line, one key a port where the
 * studies' scripts look for it, pNN.data.tls and the like.  From the records of the run, of which
 * everything is kept, or where there are none from what the study knows.
 *
 * What that layout has no place for, a port's further keys, stands beside as ZGrab2 has it, with a
 * status: `survey analyze` reads both, so that the same study comes of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "survey/buf.h"
#include "survey/escape.h"
#include "survey/file.h"
#include "survey/hex.h"
#include "survey/iptab.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/record.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"
#include "survey/slice.h"

#include "export.h"

#define WRITER "FreshGrab.py"

/* --- a JSON text made of pieces of others ---------------------------------------- */

struct piece {
	struct buf *out;
	bool comma;
};

static void
piece_key(struct piece *p, const char *key, size_t len)
{
	if (p->comma)
		buf_addc(p->out, ',');
	buf_addc(p->out, '"');
	buf_add(p->out, key, len);
	buf_adds(p->out, "\":");
	p->comma = true;
}

static void
piece_put(struct piece *p, const char *key, struct slice v)
{
	if (v.s == NULL)
		return;
	piece_key(p, key, strlen(key));
	buf_add(p->out, v.s, v.len);
}

static void
piece_string(struct piece *p, const char *key, const char *s)
{
	piece_key(p, key, strlen(key));
	buf_addc(p->out, '"');
	escape_json(p->out, s, strlen(s));
	buf_addc(p->out, '"');
}

static struct piece
piece_open(struct piece *in, const char *key)
{
	piece_key(in, key, strlen(key));
	buf_addc(in->out, '{');
	return (struct piece){ in->out, false };
}

static void
piece_close(struct piece *p)
{
	buf_addc(p->out, '}');
}

static bool
slice_is(struct slice s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.s, text, s.len) == 0;
}

static bool
is_object(struct slice s)
{
	return s.len > 0 && s.s[0] == '{';
}

static struct slice
member(struct slice object, const char *key)
{
	return object.s != NULL ? slice_get(object.s, object.len, key) : (struct slice){ NULL, 0 };
}

/* All members of an object but those named, which end with NULL. */
static void
piece_members(struct piece *p, struct slice object, const char *const *but)
{
	struct slice_iter it = slice_members(object.s, object.len);
	struct slice key, value;

	while (slice_next(&it, &key, &value)) {
		const char *const *b = but;

		while (*b != NULL && !slice_is(key, *b))
			b++;
		if (*b != NULL)
			continue;
		piece_key(p, key.s, key.len);
		buf_add(p->out, value.s, value.len);
	}
}

/* --- records of the run ------------------------------------------------------------ */

/* ZGrab2's object for one grab has a status, which is a text. */
static bool
is_raw(struct slice grab)
{
	struct slice status = is_object(grab) ? member(grab, "status") : (struct slice){ NULL, 0 };

	return status.len > 0 && status.s[0] == '"';
}

/* What follows the first '-' of a grab's name, as the study has it. */
static struct slice
suffix_of(struct slice name)
{
	const char *dash = memchr(name.s, '-', name.len);

	if (dash == NULL)
		return (struct slice){ "", 0 };
	for (const char *c = dash + 1; c < name.s + name.len; c++) {
		if ((unsigned char)*c < 0x21 || *c == 0x7f)
			return (struct slice){ "other", 5 };
	}
	return (struct slice){ dash + 1, (size_t)(name.s + name.len - dash - 1) };
}

/* The grab that the study shows a port by, or NULL. */
static const struct study_grab *
shown_grab(const struct study *st, const struct study_host *h, int row)
{
	for (uint32_t i = h->grabs.at; i < h->grabs.at + h->grabs.n; i++) {
		if (st->grabs[i].port == row)
			return &st->grabs[i];
	}
	return NULL;
}

/* The SSH key is that which a host certificate certifies: its own digest is of no key. */
static void
piece_ssh(struct piece *p, struct slice result, const struct study *st, const struct study_grab *g)
{
	static const char *const kex[] = { "key_exchange", NULL };
	static const char *const host_key[] = { "server_host_key", NULL };
	static const char *const digest[] = { "fingerprint_sha256", NULL };
	struct slice exchange = member(result, "key_exchange");
	struct slice key = member(exchange, "server_host_key"), fp = member(key, digest[0]);
	struct piece at, in, of;
	struct buf hex;

	at = piece_open(p, "xssh");
	buf_init(&hex);
	if (g != NULL)
		hex_add(&hex, st->keys[g->key].fp, KEY_LEN);
	if (g == NULL || fp.len < 2 ||
	    (fp.len - 2 == hex.len && strncasecmp(fp.s + 1, hex.data, hex.len) == 0)) {
		piece_members(&at, result, (const char *const[]){ NULL });
	} else {
		piece_members(&at, result, kex);
		in = piece_open(&at, kex[0]);
		piece_members(&in, exchange, host_key);
		of = piece_open(&in, host_key[0]);
		piece_members(&of, key, digest);
		piece_string(&of, digest[0], hex.data);
		piece_close(&of);
		piece_close(&in);
	}
	piece_close(&at);
	buf_fini(&hex);
}

/* The first element of an array of objects. */
static struct slice
first_of(struct slice array)
{
	struct slice inner = { array.s + 1, array.len - 1 }, end;
	struct slice_iter it;
	struct slice key, value;

	if (array.len < 2 || array.s[0] != '[')
		return (struct slice){ NULL, 0 };
	while (inner.len > 0 && inner.s[0] != '{') {
		if (inner.s[0] == ']')
			return (struct slice){ NULL, 0 };
		inner.s++;
		inner.len--;
	}
	it = slice_members(inner.s, inner.len);
	end = (struct slice){ inner.s + 1, 0 };
	while (slice_next(&it, &key, &value))
		end.s = value.s + value.len;
	while (end.s < inner.s + inner.len && *end.s != '}')
		end.s++;
	return (struct slice){ inner.s, (size_t)(end.s - inner.s) + (end.s < inner.s + inner.len) };
}

/*
 * Where redirects were followed, the host's key is in the first response, and the scripts look
 * at `response`: so it stands there, and those of other hosts are left out.
 */
static void
piece_http(struct piece *p, struct slice result)
{
	static const char *const responses[] = { "response", "redirect_response_chain", NULL };
	static const char *const requests[] = { "request", NULL };
	static const char *const logs[] = { "tls_log", NULL };
	struct slice response = first_of(member(result, "redirect_response_chain")), request, log;
	struct piece at, in, of;

	if (response.s == NULL)
		response = member(result, "response");
	request = member(response, "request");
	log = member(member(request, "tls_log"), "handshake_log");
	at = piece_open(p, "http");
	piece_members(&at, result, responses);
	if (is_object(response)) {
		in = piece_open(&at, "response");
		piece_members(&in, response, requests);
		if (is_object(request)) {
			of = piece_open(&in, "request");
			piece_members(&of, request, logs);
			piece_put(&of, "tls_handshake", log);
			piece_close(&of);
		}
		piece_close(&in);
	}
	piece_close(&at);
}

static void
piece_tls(struct piece *p, struct slice result)
{
	static const char *const tls[] = { "tls", "handshake_log", NULL };
	struct slice log = member(member(result, "tls"), "handshake_log");

	piece_members(p, result, tls);
	piece_put(p, "tls", log.s != NULL ? log : member(result, "handshake_log"));
}

/* One port: the grab that shows it, and beside it those that have keys of their own. */
static void
piece_port(struct piece *p, const char *name, int row, const struct study *st,
    const struct study_host *h, struct slice grabs)
{
	const struct study_grab *g = row >= 0 ? shown_grab(st, h, row) : NULL;
	const char *suffix = g != NULL ? study_text_or_empty(st, g->grab) : NULL;
	struct slice_iter it = slice_members(grabs.s, grabs.len);
	struct slice key, value, main = { NULL, 0 };
	struct piece port, data;

	while (slice_next(&it, &key, &value)) {
		if (is_raw(value) &&
		    (suffix == NULL ? main.s == NULL : slice_is(suffix_of(key), suffix)))
			main = value;
	}
	port = piece_open(p, name);
	piece_put(&port, "timestamp", member(main, "timestamp"));
	data = piece_open(&port, "data");
	value = member(main, "result");
	if (!is_object(value))
		;
	else if (row >= 0 && port_table[row].kind == KEY_SSH_HOST)
		piece_ssh(&data, value, st, g);
	else if (row >= 0 && port_table[row].port == 443)
		piece_http(&data, value);
	else
		piece_tls(&data, value);
	it = slice_members(grabs.s, grabs.len);
	while (slice_next(&it, &key, &value)) {
		if (!is_raw(value) || value.s == main.s || suffix_of(key).len == 0)
			continue;
		piece_key(&data, key.s, key.len);
		buf_add(data.out, value.s, value.len);
	}
	piece_close(&data);
	piece_put(&port, "error", member(main, "error"));
	piece_close(&port);
}

/* "p25", or of "p25-rsa" that: its port's row; -1: none. */
static int
row_of(struct slice name)
{
	const char *dash = memchr(name.s, '-', name.len);

	return port_index_by_name(name.s, dash != NULL ? (size_t)(dash - name.s) : name.len);
}

/* The grabs of one port among those of a line as ZGrab2 writes it, as an object. */
static void
port_of_line(struct slice data, int row, struct buf *out)
{
	struct slice_iter it = slice_members(data.s, data.len);
	struct slice key, value;
	struct piece p = { out, false };

	buf_clear(out);
	buf_addc(out, '{');
	while (slice_next(&it, &key, &value)) {
		if (row_of(key) != row)
			continue;
		piece_key(&p, key.s, key.len);
		buf_add(out, value.s, value.len);
	}
	buf_addc(out, '}');
}

enum line_form {
	LINE_OTHER, /* made from the study */
	LINE_THEIRS, /* a layout that the scripts read already */
	LINE_PORTS, /* pNN.data.MODULE, as survey writes it */
	LINE_ZGRAB2 /* data.pNN */
};

/* Two grabs of one name cannot be told apart afterwards. */
static bool
is_ambiguous(struct slice grabs)
{
	struct slice_iter it = slice_members(grabs.s, grabs.len), other;
	struct slice key, value, again, v;

	while (slice_next(&it, &key, &value)) {
		size_t n = 0;

		other = slice_members(grabs.s, grabs.len);
		while (slice_next(&other, &again, &v)) {
			struct slice a = suffix_of(key), b = suffix_of(again);

			n += row_of(key) == row_of(again) && a.len == b.len &&
			     memcmp(a.s, b.s, a.len) == 0 && is_raw(v);
		}
		if (n > 1)
			return true;
	}
	return false;
}

static enum line_form
line_form(const char *text, size_t len)
{
	struct slice_iter it = slice_members(text, len), in;
	struct slice key, value, grab, name;
	bool raw = false, theirs = false, zgrab2 = false;

	while (slice_next(&it, &key, &value)) {
		struct slice data = is_object(value) ? member(value, "data")
						     : (struct slice){ NULL, 0 };

		if (slice_is(key, "services") || slice_is(key, "result") || slice_is(key, "host"))
			return LINE_OTHER;
		if (slice_is(key, "data")) {
			zgrab2 = true;
			if (is_ambiguous(value))
				return LINE_OTHER;
			for (in = slice_members(value.s, value.len); slice_next(&in, &name, &grab);)
				if (row_of(name) == -1)
					return LINE_OTHER;
		} else if (row_of(key) == -1 || !is_object(value)) {
			continue;
		} else if (!is_object(data)) {
			theirs = true;
		} else if (is_ambiguous(data)) {
			return LINE_OTHER;
		} else {
			bool any = false;

			for (in = slice_members(data.s, data.len); slice_next(&in, &name, &grab);)
				any |= is_raw(grab);
			raw |= any;
			theirs |= !any;
		}
	}
	if (raw + theirs + zgrab2 > 1)
		return LINE_OTHER;
	return raw ? LINE_PORTS : zgrab2 ? LINE_ZGRAB2 : LINE_THEIRS;
}

/* Address, writer and where the host is: the scripts would ask databases of their own. */
static void
piece_head(struct piece *p, const struct study *st, const struct study_host *h)
{
	const struct study_as *as = &st->ases[h->as];
	char ip[IP_STRLEN];
	struct piece in;

	piece_string(p, "ip", ip_format(&h->ip, ip));
	piece_string(p, "writer", WRITER);
	if (as->asn != 0 || h->as_name != STUDY_NO_TEXT) {
		in = piece_open(p, "autonomous_system");
		piece_key(&in, "asn", 3);
		buf_printf(in.out, "%u", as->asn);
		piece_string(&in, "name", study_text_or_empty(st, h->as_name));
		piece_close(&in);
	}
	if (h->country[0] != '\0') {
		in = piece_open(p, "location");
		piece_string(&in, "country_code", h->country);
		piece_close(&in);
	}
}

static void
convert_line(const struct study *st, const struct study_host *h, enum line_form form,
    const char *text, size_t len, struct buf *out)
{
	static const char *const known[] = { "ip", "writer", "version", "autonomous_system",
		"location", "data", NULL };
	struct slice_iter it = slice_members(text, len);
	struct slice key, value;
	struct piece p = { out, false };
	struct buf grabs;

	buf_init(&grabs);
	buf_addc(out, '{');
	piece_head(&p, st, h);
	while (slice_next(&it, &key, &value)) {
		struct slice data = is_object(value) ? member(value, "data")
						     : (struct slice){ NULL, 0 };
		const char *const *k = known;
		int row = row_of(key);

		while (*k != NULL && !slice_is(key, *k))
			k++;
		if (form == LINE_PORTS && row != -1 && is_object(data)) {
			piece_port(&p, port_table[row].name, row, st, h, data);
		} else if (*k == NULL) {
			piece_key(&p, key.s, key.len);
			buf_add(out, value.s, value.len);
		}
	}
	value = slice_get(text, len, "data");
	for (int row = 0; row < NPORTS && form == LINE_ZGRAB2; row++) {
		port_of_line(value, row, &grabs);
		if (grabs.len > 2)
			piece_port(&p, port_table[row].name, row, st, h,
			    (struct slice){ grabs.data, grabs.len });
	}
	buf_addc(out, '}');
	buf_fini(&grabs);
}

/* --- from what the study knows ---------------------------------------------------- */

static void
put_text(struct jsonw *w, const char *key, const char *s)
{
	if (s != NULL)
		jsonw_member_string(w, key, s);
}

/* Objects in objects, for keys that end with NULL. */
static void
open_path(struct jsonw *w, const char *const *keys)
{
	for (; *keys != NULL; keys++) {
		jsonw_key(w, *keys);
		jsonw_object(w);
	}
}

static void
close_path(struct jsonw *w, const char *const *keys)
{
	for (; *keys != NULL; keys++)
		jsonw_end_object(w);
}

static void
put_length(struct jsonw *w, int32_t bits)
{
	static const char *const rsa[] = { "rsa_public_key", NULL };

	if (bits < 0)
		return;
	open_path(w, rsa);
	jsonw_key(w, "length");
	jsonw_int(w, bits);
	close_path(w, rsa);
}

static void
put_ssh(struct jsonw *w, const struct study *st, const struct study_grab *g)
{
	static const char *const key[] = { "key_exchange", "server_host_key", NULL };
	static const char *const kex[] = { "algorithm_selection", NULL };
	static const char *const id[] = { "server_id", NULL };

	if (g->version != STUDY_NO_TEXT || g->software != STUDY_NO_TEXT) {
		open_path(w, id);
		put_text(w, "version", study_text(st, g->version));
		put_text(w, "software", study_text(st, g->software));
		close_path(w, id);
	}
	if (g->kex != STUDY_NO_TEXT) {
		open_path(w, kex);
		put_text(w, "dh_kex_algorithm", study_text(st, g->kex));
		close_path(w, kex);
	}
	open_path(w, key);
	put_text(w, "algorithm", g->alg != STUDY_NO_TEXT ? study_text(st, g->alg) : "unknown");
	jsonw_key(w, "fingerprint_sha256");
	jsonw_hex(w, st->keys[g->key].fp, KEY_LEN);
	put_length(w, g->bits);
	close_path(w, key);
}

/* DN and SANs of a port, as the certificate gave them. */
static void
put_names(struct jsonw *w, const struct study *st, const struct study_host *h, uint8_t port)
{
	static const char *const names[] = { "extensions", "subject_alt_name", NULL };
	bool sans = false;

	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		const struct study_name *n = &st->names[i];
		const char *text = study_text_or_empty(st, n->text);

		if (n->port != port)
			continue;
		if (n->source == NAME_DN) {
			char *dn = xasprintf("%s%s", text[0] != '\0' ? "CN=" : "", text);

			put_text(w, "subject_dn", dn);
			free(dn);
		} else if (n->source == NAME_SAN) {
			if (!sans) {
				open_path(w, names);
				jsonw_key(w, "dns_names");
				jsonw_array(w);
			}
			sans = true;
			jsonw_string(w, text);
		}
	}
	if (sans) {
		jsonw_end_array(w);
		close_path(w, names);
	}
}

static void
put_hello(struct jsonw *w, const struct study *st, const struct study_grab *g)
{
	static const char *const hello[] = { "server_hello", NULL };
	static const char *const suite[] = { "cipher_suite", NULL };
	static const char *const version[] = { "version", NULL };

	if (g->cipher < 0 && g->version == STUDY_NO_TEXT)
		return;
	open_path(w, hello);
	if (g->cipher >= 0) {
		open_path(w, suite);
		jsonw_key(w, "value");
		jsonw_int(w, g->cipher);
		close_path(w, suite);
	}
	if (g->version != STUDY_NO_TEXT) {
		open_path(w, version);
		put_text(w, "name", study_text(st, g->version));
		close_path(w, version);
	}
	close_path(w, hello);
}

static void
put_subject_key(struct jsonw *w, const struct study *st, const struct study_grab *g)
{
	static const char *const key[] = { "subject_key_info", NULL };
	static const char *const algorithm[] = { "key_algorithm", NULL };
	static const char *const ec[] = { "ecdsa_public_key", NULL };

	open_path(w, key);
	jsonw_key(w, "fingerprint_sha256");
	jsonw_hex(w, st->keys[g->key].fp, KEY_LEN);
	if (g->alg != STUDY_NO_TEXT) {
		open_path(w, algorithm);
		put_text(w, "name", study_text(st, g->alg));
		close_path(w, algorithm);
	}
	put_length(w, g->bits);
	if (g->curve != STUDY_NO_TEXT) {
		open_path(w, ec);
		put_text(w, "curve", study_text(st, g->curve));
		close_path(w, ec);
	}
	close_path(w, key);
}

static void
put_certificate(struct jsonw *w, const struct study *st, const struct study_cert *c)
{
	static const char *const signature[] = { "signature", NULL };
	static const char *const validity[] = { "validity", NULL };
	char time[TIME_SIZE];

	put_text(w, "issuer_dn", study_text(st, c->issuer));
	put_text(w, "serial_number", study_text(st, c->serial));
	if (c->has_sha256) {
		jsonw_key(w, "fingerprint_sha256");
		jsonw_hex(w, c->sha256, sizeof(c->sha256));
	}
	if (c->self_signed != FACT_UNKNOWN) {
		open_path(w, signature);
		jsonw_key(w, "self_signed");
		jsonw_bool(w, c->self_signed == FACT_YES);
		close_path(w, signature);
	}
	if (c->not_before == TIME_UNKNOWN && c->not_after == TIME_UNKNOWN)
		return;
	open_path(w, validity);
	if (c->not_before != TIME_UNKNOWN)
		put_text(w, "start", time_format(c->not_before, time));
	if (c->not_after != TIME_UNKNOWN)
		put_text(w, "end", time_format(c->not_after, time));
	close_path(w, validity);
}

/* A handshake; the names are those of the grab that its port is shown by. */
static void
put_handshake(struct jsonw *w, const struct study *st, const struct study_host *h,
    const struct study_grab *g, bool names)
{
	static const char *const parsed[] = { "certificate", "parsed", NULL };
	static const char *const chain[] = { "server_certificates", NULL };
	static const char *const validation[] = { "validation", NULL };

	put_hello(w, st, g);
	open_path(w, chain);
	if (g->trusted != FACT_UNKNOWN) {
		open_path(w, validation);
		jsonw_key(w, "browser_trusted");
		jsonw_bool(w, g->trusted == FACT_YES);
		close_path(w, validation);
	}
	open_path(w, parsed);
	if (names)
		put_names(w, st, h, g->port);
	put_subject_key(w, st, g);
	if (g->cert != STUDY_NONE)
		put_certificate(w, st, &st->certs[g->cert]);
	close_path(w, parsed);
	close_path(w, chain);
}

/* What a port is shown by, where the scripts look for it. */
static void
put_main(
    struct jsonw *w, const struct study *st, const struct study_host *h, const struct study_grab *g)
{
	static const char *const ssh[] = { "xssh", NULL }, *const mail[] = { "tls", NULL },
				 *const web[] = { "http", "response", "request", "tls_handshake",
					 NULL };
	const char *const *path = g->kind == KEY_SSH_HOST	    ? ssh
				  : port_table[g->port].port == 443 ? web
								    : mail;

	open_path(w, path);
	if (g->kind == KEY_SSH_HOST)
		put_ssh(w, st, g);
	else
		put_handshake(w, st, h, g, true);
	close_path(w, path);
}

/* One more key of the port, as ZGrab2 has it. */
static void
put_further(
    struct jsonw *w, const struct study *st, const struct study_host *h, const struct study_grab *g)
{
	static const char *const ssh[] = { "result", NULL },
				 *const mail[] = { "result", "tls", "handshake_log", NULL },
				 *const web[] = { "result", "response", "request", "tls_log",
					 "handshake_log", NULL };
	const char *const *path = g->kind == KEY_SSH_HOST	    ? ssh
				  : port_table[g->port].port == 443 ? web
								    : mail;
	char *name = xasprintf(
	    "%s-%s", port_table[g->port].module, study_text_or_empty(st, g->grab));
	char time[TIME_SIZE];

	jsonw_key(w, name);
	jsonw_object(w);
	put_text(w, "status", "success");
	if (g->at != TIME_UNKNOWN)
		put_text(w, "timestamp", time_format(g->at, time));
	open_path(w, path);
	if (g->kind == KEY_SSH_HOST)
		put_ssh(w, st, g);
	else
		put_handshake(w, st, h, g, false);
	close_path(w, path);
	jsonw_end_object(w);
	free(name);
}

static void
put_banner(struct jsonw *w, const struct study *st, const struct study_host *h, uint8_t port)
{
	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		const struct study_name *n = &st->names[i];
		char *banner;

		if (n->source != NAME_BANNER || n->port != port)
			continue;
		banner = xasprintf("220 %s", study_text_or_empty(st, n->text));
		put_text(w, "banner", banner);
		free(banner);
	}
}

static void
put_port(struct jsonw *w, const struct study *st, const struct study_host *h, uint8_t port)
{
	const struct study_grab *g = shown_grab(st, h, port);
	char time[TIME_SIZE];

	jsonw_key(w, port_table[port].name);
	jsonw_object(w);
	if (g != NULL && g->at != TIME_UNKNOWN)
		put_text(w, "timestamp", time_format(g->at, time));
	jsonw_key(w, "data");
	jsonw_object(w);
	put_banner(w, st, h, port);
	for (uint32_t i = h->grabs.at; i < h->grabs.at + h->grabs.n; i++) {
		const struct study_grab *other = &st->grabs[i];

		if (other->port != port || !st->keys[other->key].named)
			continue;
		if (other == g)
			put_main(w, st, h, g);
		else if (other->grab != STUDY_NO_TEXT)
			put_further(w, st, h, other);
	}
	jsonw_end_object(w);
	if (g == NULL)
		put_text(w, "error", port_outcome_name((enum port_outcome)h->outcome[port]));
	jsonw_end_object(w);
}

static void
study_record(const struct study *st, const struct study_host *h, struct buf *out)
{
	struct piece p = { out, false };
	char time[TIME_SIZE];
	struct jsonw w;

	buf_addc(out, '{');
	piece_head(&p, st, h);
	if (h->time != TIME_UNKNOWN)
		piece_string(&p, "time", time_format(h->time, time));
	jsonw_init(&w, NULL);
	for (uint8_t port = 0; port < NPORTS; port++) {
		if (h->outcome[port] != OUTCOME_NOT_ASKED || shown_grab(st, h, port) != NULL)
			put_port(&w, st, h, port);
	}
	if (w.out.len > 0) {
		buf_addc(out, ',');
		buf_add(out, w.out.data, w.out.len);
	}
	buf_addc(out, '}');
	jsonw_fini(&w);
}

/* --- the file ------------------------------------------------------------------- */

struct writing {
	const struct study *st;
	struct iptab hosts; /* numbers are those of the study */
	uint32_t *nlines; /* by host: of the file of records */
	bool *ours; /* by host: made from its line */
	bool other; /* the file is not that of the study */
	struct exported_records *r;
	struct outfile *out;
	struct buf line;
	uint64_t offset, from_study;
};

static int
write_line(struct writing *w, uint32_t host)
{
	buf_addc(&w->line, '\n');
	if (fwrite(w->line.data, 1, w->line.len, w->out->f) != w->line.len)
		return -1;
	w->r->lines[host] = (struct output_line){
		.next = 0, .len = (uint32_t)(w->line.len - 1), .offset = w->offset
	};
	w->r->first[host] = host + 1;
	w->offset += w->line.len;
	buf_clear(&w->line);
	return 0;
}

static int
count_line(const struct record_line *line, void *arg)
{
	struct writing *w = arg;
	uint32_t host;

	if (line->host == NULL || (host = iptab_find(&w->hosts, &line->host->ip)) == IPTAB_NONE)
		return 0;
	if (w->nlines[host]++ == 0) {
		w->other |= w->st->hosts[host].record != line->number;
		w->ours[host] = line_form(line->text, line->len) != LINE_OTHER;
	}
	return 0;
}

static int
convert(const struct record_line *line, void *arg)
{
	struct writing *w = arg;
	const struct study_host *h;
	enum line_form form;
	uint32_t host;

	if (line->host == NULL || (host = iptab_find(&w->hosts, &line->host->ip)) == IPTAB_NONE ||
	    w->st->hosts[host].record != line->number)
		return 0;
	h = &w->st->hosts[host];
	form = line_form(line->text, line->len);
	if (w->nlines[host] > 1 || !w->ours[host]) { /* its lines are merged in the study */
		study_record(w->st, h, &w->line);
		w->from_study++;
	} else if (form == LINE_THEIRS) {
		buf_add(&w->line, line->text, line->len);
	} else {
		convert_line(w->st, h, form, line->text, line->len, &w->line);
	}
	return write_line(w, host);
}

static int
read_run(struct writing *w, const char *path, record_fn fn)
{
	static const struct record_options o = { .max_line = 0 };
	struct record_counts counts = { 0 };
	char *error = NULL;
	int rc = record_read(path, &o, fn, w, &counts, &error);

	if (error != NULL)
		log_warn("%s: %s", path, error);
	free(error);
	return rc;
}

/* Are the records of the run those that the study was made of, each host's there? */
static bool
has_records(struct writing *w, const char *path)
{
	if (w->st->nruns > 1 || read_run(w, path, count_line) != 0)
		return false;
	for (uint32_t i = 0; i < w->st->nhosts; i++)
		w->other |= w->nlines[i] == 0;
	return !w->other;
}

static int
write_all(struct writing *w, const char *path)
{
	bool records = path != NULL && has_records(w, path);

	if (path != NULL && !records)
		log_warn("%s is not what survey.db was made of: records.fresh has what the study "
			 "knows of each host; `survey analyze` makes both agree",
		    path);
	if (records)
		return read_run(w, path, convert);
	for (uint32_t i = 0; i < w->st->nhosts; i++) {
		study_record(w->st, &w->st->hosts[i], &w->line);
		if (write_line(w, i) == -1)
			return -1;
	}
	if (path == NULL)
		log_info(
		    "there are no records beside the study: records.fresh has what it knows of "
		    "each host, without chains of certificates, names of cipher suites and "
		    "greetings in full");
	return 0;
}

static bool
tells_addresses(const struct study *st)
{
	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (st->hosts[i].ip.family == IP_ALIAS)
			return false;
	}
	return true;
}

int
export_records(const struct exporting *x, const char *dir, struct exported_records *r)
{
	const struct study *st = x->st;
	struct writing w = { .st = st, .r = r };
	char *path, *from = rundir_records(x->o->path);
	struct outfile out;
	bool is_new;
	int rc;

	*r = (struct exported_records){ .path = path_join(dir, "records.fresh") };
	if (!tells_addresses(st)) {
		log_info("the hosts of a copy have no addresses: records.fresh is left out");
		free(from);
		return 0;
	}
	r->lines = xcalloc((size_t)st->nhosts + 1, sizeof(*r->lines));
	r->first = xcalloc((size_t)st->nhosts + 1, sizeof(*r->first));
	w.nlines = xcalloc((size_t)st->nhosts + 1, sizeof(*w.nlines));
	w.ours = xcalloc((size_t)st->nhosts + 1, sizeof(*w.ours));
	iptab_init(&w.hosts);
	buf_init(&w.line);
	for (uint32_t i = 0; i < st->nhosts; i++)
		iptab_add(&w.hosts, &st->hosts[i].ip, &is_new);
	path = r->path;
	w.out = &out;
	rc = outfile_open(&out, path);
	if (rc == 0) {
		rc = write_all(&w, from);
		if (rc == 0)
			rc = outfile_commit(&out);
		else
			outfile_abort(&out);
	}
	if (rc != 0)
		log_error("cannot write %s: %s", path, strerror(errno));
	else if (w.from_study > 0)
		log_info("%llu hosts have several records, or one of another kind: theirs are made "
			 "from the study",
		    (unsigned long long)w.from_study);
	iptab_fini(&w.hosts);
	buf_fini(&w.line);
	free(w.nlines);
	free(w.ours);
	free(from);
	return rc == 0 ? 0 : -1;
}

void
exported_records_fini(struct exported_records *r)
{
	free(r->path);
	free(r->lines);
	free(r->first);
}
