/*
 * A line of the run's records in the layout of FreshGrab.py: one key a port where the studies'
 * scripts look for it, pNN.data.tls and the like, and everything else kept.
 *
 * What that layout has no place for, a port's further keys, stands beside as ZGrab2 has it, with a
 * status: `survey analyze` reads both, so that the same study comes of it.
 */
#include <string.h>

#include "survey/escape.h"
#include "survey/hex.h"
#include "survey/slice.h"

#include "freshgrab.h"

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
	const struct study_grab *g = row >= 0 ? freshgrab_shown(st, h, row) : NULL;
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

/* Grabs whose names end alike: the layout has a place for one of them only. */
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

static bool
is_their_place(struct slice name)
{
	return slice_is(name, "xssh") || slice_is(name, "tls") || slice_is(name, "http");
}

enum freshgrab_form
freshgrab_form(const char *text, size_t len)
{
	struct slice_iter it = slice_members(text, len), in;
	struct slice key, value, grab, name;
	bool raw = false, theirs = false, zgrab2 = false;

	while (slice_next(&it, &key, &value)) {
		struct slice data = is_object(value) ? member(value, "data")
						     : (struct slice){ NULL, 0 };

		if (slice_is(key, "services") || slice_is(key, "result") || slice_is(key, "host"))
			return FRESHGRAB_NEITHER;
		if (slice_is(key, "data")) {
			zgrab2 = true;
			if (is_ambiguous(value))
				return FRESHGRAB_NEITHER;
			for (in = slice_members(value.s, value.len); slice_next(&in, &name, &grab);)
				if (row_of(name) == -1)
					return FRESHGRAB_NEITHER;
		} else if (row_of(key) == -1 || !is_object(value)) {
			continue;
		} else if (!is_object(data)) {
			theirs = true;
		} else if (is_ambiguous(data)) {
			return FRESHGRAB_NEITHER;
		} else {
			bool any = false, shown = false; /* where the scripts look */

			for (in = slice_members(data.s, data.len); slice_next(&in, &name, &grab);) {
				any |= is_raw(grab);
				shown |= is_their_place(name) && !is_raw(grab);
			}
			raw |= any && !shown;
			theirs |= !any || shown;
		}
	}
	if (raw + theirs + zgrab2 > 1)
		return FRESHGRAB_NEITHER;
	return raw ? FRESHGRAB_PORTS : zgrab2 ? FRESHGRAB_ZGRAB2 : FRESHGRAB_THEIRS;
}

void
freshgrab_line(const struct study *st, const struct study_host *h, enum freshgrab_form form,
    const char *text, size_t len, struct buf *out)
{
	static const char *const known[] = { "ip", "writer", "version", "autonomous_system",
		"location", "data", NULL };
	struct slice_iter it = slice_members(text, len);
	struct slice key, value;
	struct piece p = { out, true };
	struct buf grabs;

	buf_init(&grabs);
	buf_addc(out, '{');
	freshgrab_head(st, h, out);
	while (slice_next(&it, &key, &value)) {
		struct slice data = is_object(value) ? member(value, "data")
						     : (struct slice){ NULL, 0 };
		const char *const *k = known;
		int row = row_of(key);

		while (*k != NULL && !slice_is(key, *k))
			k++;
		if (form == FRESHGRAB_PORTS && row != -1 && is_object(data)) {
			piece_port(&p, port_table[row].name, row, st, h, data);
		} else if (*k == NULL) {
			piece_key(&p, key.s, key.len);
			buf_add(out, value.s, value.len);
		}
	}
	value = slice_get(text, len, "data");
	for (int row = 0; row < NPORTS && form == FRESHGRAB_ZGRAB2; row++) {
		port_of_line(value, row, &grabs);
		if (grabs.len > 2)
			piece_port(&p, port_table[row].name, row, st, h,
			    (struct slice){ grabs.data, grabs.len });
	}
	buf_addc(out, '}');
	buf_fini(&grabs);
}
