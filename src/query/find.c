/*
 * survey find: what is known of an address, a network, a name, a key, a
 * certificate, an AS, a cluster.
 *
 * Every query becomes a list of hosts by one statement, which an index serves;
 * what is told of a host comes from statements that take its number.
 */
#include <ctype.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "survey/base64.h"
#include "survey/buf.h"
#include "survey/escape.h"
#include "survey/host.h"
#include "survey/ip.h"
#include "survey/jsonw.h"
#include "survey/hex.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/name.h"
#include "survey/query.h"
#include "survey/rfc3339.h"
#include "survey/text.h"

#include "absent.h"

#define PARTNER_ASES 20 /* that are named, the largest first */

/* How a query is understood. */
enum find_kind {
	FIND_ADDRESS,
	FIND_NETWORK,
	FIND_AS,
	FIND_CLUSTER,
	FIND_FINGERPRINT,
	FIND_SERIAL, /* digits: a certificate's serial number, or hex of a key */
	FIND_NAME,
	FIND_GLOB,
	FIND_AS_NAME
};

static const char *const kind_names[] = { "address", "network", "as", "cluster", "key", "serial",
	"name", "name", "as" };

struct find_query {
	const char *text;
	enum find_kind kind;
	struct ip ip;
	struct cidr cidr;
	long long number;
	char *value; /* bound to the statement */
};

struct finding {
	const struct find_options *o;
	struct buf *out;
	struct jsonw w;
	struct print csv;
	sqlite3 **db; /* by run */
	size_t nfound; /* queries with a row */
};

/* Without the colons of openssl's print; NULL when it is no hex of 8 to 64 digits. */
static char *
fingerprint_digits(const char *s)
{
	char digits[65];
	size_t n = 0;

	if (strncasecmp(s, "0x", 2) == 0)
		s += 2;
	for (; *s != '\0'; s++) {
		if (*s == ':' && n > 0 && n % 2 == 0)
			continue;
		if (!isxdigit((unsigned char)*s) || n == 64)
			return NULL;
		digits[n++] = (char)tolower((unsigned char)*s);
	}
	return n >= 8 ? xstrndup(digits, n) : NULL;
}

/* "SHA256:…" as ssh-keygen prints it, as hex. */
static char *
ssh_digits(const char *s)
{
	static const char prefix[] = "SHA256:";
	uint8_t bytes[BASE64_ROOM(64)];
	struct buf b;
	char *hex;
	size_t n;

	if (strncasecmp(s, prefix, strlen(prefix)) != 0)
		return NULL;
	s += strlen(prefix);
	if (strlen(s) > 64 || !base64_decode(s, strlen(s), bytes, &n) || n != KEY_LEN)
		return NULL;
	buf_init(&b);
	hex_add(&b, bytes, n);
	hex = buf_steal(&b);
	buf_fini(&b);
	return hex;
}

/* The text from its end, as names.reversed has it. */
static char *
reversed(const char *s)
{
	size_t n = strlen(s);
	char *r = xmalloc(n + 1);

	for (size_t i = 0; i < n; i++)
		r[i] = (char)tolower((unsigned char)s[n - 1 - i]);
	r[n] = '\0';
	return r;
}

static bool
is_number(const char *s, long long *n)
{
	char *end;

	if (!isdigit((unsigned char)*s) || strlen(s) > 18)
		return false;
	*n = strtoll(s, &end, 10);
	return *end == '\0';
}

static void
understand(struct find_query *q, const char *text)
{
	char normal[NAME_SIZE];
	long long n;

	*q = (struct find_query){ .text = text, .kind = FIND_AS_NAME };
	if (ip_parse_any(text, strlen(text), &q->ip)) {
		q->kind = FIND_ADDRESS;
	} else if (strchr(text, '/') != NULL && cidr_parse(text, strlen(text), &q->cidr)) {
		q->kind = FIND_NETWORK;
	} else if (strncasecmp(text, "cluster:", 8) == 0 && is_number(text + 8, &n)) {
		q->kind = FIND_CLUSTER;
		q->number = n;
	} else if (strncasecmp(text, "AS", 2) == 0 && is_number(text + 2, &n)) {
		q->kind = FIND_AS;
		q->number = n;
	} else if ((q->value = ssh_digits(text)) != NULL) { /* NOLINT(bugprone-branch-clone) */
		q->kind = FIND_FINGERPRINT;
	} else if (strlen(text) >= 8 && strspn(text, "0123456789") == strlen(text)) {
		q->kind = FIND_SERIAL;
		q->value = xstrdup(text);
	} else if ((q->value = fingerprint_digits(text)) != NULL) {
		q->kind = FIND_FINGERPRINT;
	} else if (strpbrk(text, "*?") != NULL) {
		q->kind = FIND_GLOB;
		q->value = reversed(text);
	} else if (strchr(text, '.') != NULL && strchr(text, ' ') == NULL &&
		   name_normalise(text, strlen(text), normal) == NAME_OK) {
		q->kind = FIND_NAME;
		q->value = reversed(normal);
	}
}

/* ?1 is the value, ?2 the value with a digit behind all others. */
static const char *const statements[] = {
	[FIND_ADDRESS] = "SELECT id FROM hosts WHERE ip = ?1",
	[FIND_NETWORK] = "SELECT id, ip FROM hosts ORDER BY id",
	[FIND_AS] = "SELECT id FROM hosts WHERE asn = ?1 ORDER BY id",
	[FIND_CLUSTER] = "SELECT id FROM hosts WHERE cluster = ?1 ORDER BY id",
	[FIND_FINGERPRINT] =
	    "SELECT host FROM host_ports WHERE key IN (SELECT id FROM keys WHERE fp >= ?1 AND fp < "
	    "?2)"
	    " UNION SELECT p.host FROM certs c JOIN host_ports p ON p.key = c.key AND p.cert = c.id"
	    " WHERE c.sha256 >= ?1 AND c.sha256 < ?2 ORDER BY 1",
	[FIND_SERIAL] =
	    "SELECT host FROM host_ports WHERE key IN"
	    " (SELECT id FROM keys WHERE fp >= ?1 AND fp < ?2)"
	    " UNION SELECT p.host FROM certs c JOIN host_ports p ON p.key = c.key AND p.cert = c.id"
	    " WHERE c.serial = ?1 OR (c.sha256 >= ?1 AND c.sha256 < ?2) ORDER BY 1",
	[FIND_NAME] = "SELECT DISTINCT host FROM names WHERE reversed = ?1 ORDER BY 1",
	[FIND_GLOB] = "SELECT DISTINCT host FROM names WHERE reversed GLOB ?1 ORDER BY 1",
	[FIND_AS_NAME] =
	    "SELECT id FROM hosts WHERE as_name LIKE '%' || ?1 || '%' ESCAPE '\\' ORDER BY id",
};

struct hosts {
	int64_t *v;
	size_t n, cap;
};

static bool
in_network(const struct cidr *c, const char *text)
{
	struct ip ip, last = cidr_last(c);

	return text != NULL && ip_parse(text, strlen(text), &ip) && ip.family == c->ip.family &&
	       ip_cmp(&ip, &c->ip) >= 0 && ip_cmp(&ip, &last) <= 0;
}

/* A text in which LIKE's wildcards stand for themselves. */
static char *
like_text(const char *s)
{
	struct buf b;
	char *t;

	buf_init(&b);
	for (; *s != '\0'; s++) {
		if (*s == '%' || *s == '_' || *s == '\\')
			buf_addc(&b, '\\');
		buf_addc(&b, *s);
	}
	t = buf_steal(&b);
	buf_fini(&b);
	return t;
}

static int
list_hosts(sqlite3 *db, const struct find_query *q, struct hosts *hosts)
{
	char ip[IP_STRLEN], *value = NULL, *above = NULL;
	sqlite3_stmt *s = NULL;
	int rc;

	hosts->n = 0;
	if (sqlite3_prepare_v2(db, statements[q->kind], -1, &s, NULL) != SQLITE_OK) {
		log_error("find: %s", sqlite3_errmsg(db));
		return -1;
	}
	if (q->kind == FIND_ADDRESS)
		value = xstrdup(ip_format(&q->ip, ip));
	else if (q->kind == FIND_AS_NAME)
		value = like_text(q->text);
	else if (q->value != NULL)
		value = xstrdup(q->value);
	if (q->kind == FIND_AS || q->kind == FIND_CLUSTER)
		sqlite3_bind_int64(s, 1, q->number);
	else if (q->kind != FIND_NETWORK)
		sqlite3_bind_text(s, 1, value, -1, SQLITE_STATIC);
	if (sqlite3_bind_parameter_count(s) > 1) {
		above = xasprintf("%sg", value);
		sqlite3_bind_text(s, 2, above, -1, SQLITE_STATIC);
	}
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (q->kind == FIND_NETWORK &&
		    !in_network(&q->cidr, (const char *)sqlite3_column_text(s, 1)))
			continue;
		mem_grow(&hosts->v, &hosts->cap, hosts->n + 1, sizeof(*hosts->v));
		hosts->v[hosts->n++] = sqlite3_column_int64(s, 0);
	}
	if (rc != SQLITE_DONE)
		log_error("find: %s", sqlite3_errmsg(db));
	sqlite3_finalize(s);
	free(value);
	free(above);
	return rc == SQLITE_DONE ? 0 : -1;
}

/* --- what is told of a host ---------------------------------------------- */

static const char *
text_of(sqlite3_stmt *s, int c)
{
	return (const char *)sqlite3_column_text(s, c);
}

static void
put_text(struct jsonw *w, const char *key, sqlite3_stmt *s, int c)
{
	const char *t = text_of(s, c);

	jsonw_key(w, key);
	if (t == NULL)
		jsonw_null(w);
	else
		jsonw_string(w, t);
}

static void
put_number(struct jsonw *w, const char *key, sqlite3_stmt *s, int c)
{
	jsonw_key(w, key);
	if (sqlite3_column_type(s, c) == SQLITE_NULL)
		jsonw_null(w);
	else
		jsonw_int(w, sqlite3_column_int64(s, c));
}

static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql, int64_t host)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
		log_error("find: %s", sqlite3_errmsg(db));
		return NULL;
	}
	sqlite3_bind_int64(s, 1, host);
	return s;
}

#define HOST_SQL                                                                            \
	"SELECT ip, asn, as_name, country, out, cluster, csize, nrcs, verdict, rdns, time " \
	"FROM hosts WHERE id = ?1"
#define PORT_SQL                                                                                 \
	"SELECT p.port, p.grab, k.fp, k.ssh_fp, k.kind, k.hosts, p.version, p.key_type, "        \
	"p.key_bits, p.curve, p.browser_trusted, p.timely, p.software, c.sha256, c.serial, "     \
	"c.subject, c.issuer, c.not_before, c.not_after, c.self_signed, p.cipher_suite, p.key "  \
	"FROM host_ports p LEFT JOIN keys k ON k.id = p.key LEFT JOIN certs c ON c.id = p.cert " \
	"WHERE p.host = ?1 ORDER BY p.rowid"
#define KEY_COLUMN 21 /* of PORT_SQL: keys.id */
#define WEAK_SQL "SELECT kind, severity, evidence FROM findings WHERE key = ?1 ORDER BY id"
#define NAME_SQL "SELECT key, name, verdict, address FROM names WHERE host = ?1 ORDER BY rowid"
#define OUTCOME_SQL \
	"SELECT port, outcome FROM outcomes WHERE host = ?1 AND outcome <> 'key' ORDER BY rowid"
/* Hosts that hold a key of this host, by AS. */
#define PARTNER_SQL                                                                             \
	"SELECT h.asn, h.as_name, count(*) AS n FROM hosts h WHERE h.out IS NULL AND "          \
	"h.id <> ?1 AND h.id IN (SELECT q.host FROM host_ports q WHERE q.key IN (SELECT p.key " \
	"FROM host_ports p JOIN keys k ON k.id = p.key WHERE p.host = ?1 AND k.hosts > 1)) "    \
	"GROUP BY h.asn, h.as_name ORDER BY n DESC, h.asn"

/* Since when the address has been in a cluster, over the runs in order of time, up to and with this one. */
static const struct query_run *
clustered_since(const struct finding *f, size_t run, const char *ip)
{
	const struct query_run *since = NULL;

	for (size_t i = run + 1; i-- > 0;) {
		sqlite3_stmt *s = NULL;
		bool in = false;

		if (sqlite3_prepare_v2(f->db[i], "SELECT cluster FROM hosts WHERE ip = ?", -1, &s,
			NULL) == SQLITE_OK) {
			sqlite3_bind_text(s, 1, ip, -1, SQLITE_STATIC);
			in = sqlite3_step(s) == SQLITE_ROW &&
			     sqlite3_column_type(s, 0) != SQLITE_NULL;
		}
		sqlite3_finalize(s);
		if (!in)
			break;
		since = &f->o->runs->v[i];
	}
	return since;
}

/* A statement for the findings of the key in that row of PORT_SQL; NULL: the row has none. */
static sqlite3_stmt *
weak_of(sqlite3 *db, sqlite3_stmt *port)
{
	return sqlite3_column_type(port, KEY_COLUMN) == SQLITE_NULL
		   ? NULL
		   : prepare(db, WEAK_SQL, sqlite3_column_int64(port, KEY_COLUMN));
}

static void
json_weak(struct jsonw *w, sqlite3 *db, sqlite3_stmt *port)
{
	sqlite3_stmt *s = weak_of(db, port);

	jsonw_key(w, "weak");
	jsonw_array(w);
	while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
		jsonw_object(w);
		put_text(w, "kind", s, 0);
		put_text(w, "severity", s, 1);
		put_text(w, "evidence", s, 2);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	sqlite3_finalize(s);
}

/* "roca (critical), short (medium)"; returns whether there is anything. */
static bool
weak_text(sqlite3 *db, sqlite3_stmt *port, struct buf *out)
{
	sqlite3_stmt *s = weak_of(db, port);
	bool any = false;

	for (; s != NULL && sqlite3_step(s) == SQLITE_ROW; any = true)
		buf_printf(out, "%s%s (%s)", any ? ", " : "", text_of(s, 0), text_of(s, 1));
	sqlite3_finalize(s);
	return any;
}

static void
json_ports(struct jsonw *w, sqlite3 *db, int64_t host)
{
	static const char *const members[] = { "port", "grab", "key", "ssh_fp", "kind", "key_hosts",
		"version", "key_type", "key_bits", "curve", "browser_trusted", "timely", "software",
		"cert", "serial", "subject", "issuer", "not_before", "not_after", "self_signed",
		"cipher_suite" };
	static const char numbers[] = "\1\0\0\0\0\1\0\0\1\0\1\1\0\0\0\0\0\0\0\1\1";
	sqlite3_stmt *s = prepare(db, PORT_SQL, host);

	jsonw_key(w, "ports");
	jsonw_array(w);
	while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
		jsonw_object(w);
		for (int c = 0; c < (int)(sizeof(members) / sizeof(members[0])); c++) {
			if (numbers[c])
				put_number(w, members[c], s, c);
			else
				put_text(w, members[c], s, c);
		}
		json_weak(w, db, s);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	sqlite3_finalize(s);
	s = prepare(db, OUTCOME_SQL, host);
	jsonw_key(w, "outcomes");
	jsonw_object(w);
	while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
		char port[16];

		snprintf(port, sizeof(port), "%d", sqlite3_column_int(s, 0));
		put_text(w, port, s, 1);
	}
	jsonw_end_object(w);
	sqlite3_finalize(s);
}

static void
json_partners(struct jsonw *w, sqlite3 *db, int64_t host)
{
	sqlite3_stmt *s = prepare(db, PARTNER_SQL, host);

	jsonw_key(w, "partners");
	jsonw_array(w);
	while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
		jsonw_object(w);
		put_number(w, "asn", s, 0);
		put_text(w, "as_name", s, 1);
		put_number(w, "hosts", s, 2);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	sqlite3_finalize(s);
}

static void
json_host(struct finding *f, size_t run, int64_t host)
{
	static const char *const members[] = { "ip", "asn", "as_name", "country", "out", "cluster",
		"csize", "nrcs", "verdict", "rdns", "time" };
	sqlite3 *db = f->db[run];
	sqlite3_stmt *s = prepare(db, HOST_SQL, host);
	struct jsonw *w = &f->w;
	char *ip = NULL;

	jsonw_object(w);
	if (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
		for (int c = 0; c < 11; c++) {
			if (c == 1 || (c >= 5 && c <= 7))
				put_number(w, members[c], s, c);
			else
				put_text(w, members[c], s, c);
		}
		ip = xstrdup(text_of(s, 0) != NULL ? text_of(s, 0) : "");
	}
	sqlite3_finalize(s);
	if (ip != NULL && f->o->runs->n > 1) {
		const struct query_run *since = clustered_since(f, run, ip);
		char time[TIME_SIZE];

		jsonw_key(w, "in_a_cluster_since");
		if (since == NULL || since->began == TIME_UNKNOWN)
			jsonw_null(w);
		else
			jsonw_string(w, time_format(since->began, time));
	}
	free(ip);
	s = prepare(db, NAME_SQL, host);
	jsonw_key(w, "names");
	jsonw_array(w);
	while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
		jsonw_object(w);
		put_text(w, "source", s, 0);
		put_text(w, "name", s, 1);
		put_text(w, "verdict", s, 2);
		put_text(w, "address", s, 3);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	sqlite3_finalize(s);
	json_ports(w, db, host);
	json_partners(w, db, host);
	jsonw_end_object(w);
}

static void
plain(struct buf *out, const char *s, size_t max)
{
	text_plain(out, s != NULL ? s : "", s != NULL ? strlen(s) : 0, max);
}

static void
text_as(struct buf *out, sqlite3_stmt *s, int asn, int name)
{
	if (sqlite3_column_type(s, asn) != SQLITE_NULL)
		buf_printf(out, "AS%lld ", (long long)sqlite3_column_int64(s, asn));
	else if (text_of(s, name) == NULL)
		buf_adds(out, "AS unknown");
	plain(out, text_of(s, name), 60);
}

static void
text_weak(struct buf *out, sqlite3 *db, sqlite3_stmt *port, bool colour)
{
	struct buf b;

	buf_init(&b);
	if (weak_text(db, port, &b))
		buf_printf(out, "            %sWEAK: %s%s\n", colour ? "\033[1;31m" : "", b.data,
		    colour ? "\033[0m" : "");
	buf_fini(&b);
}

static void
text_ports(struct buf *out, sqlite3 *db, int64_t host, bool colour)
{
	sqlite3_stmt *s = prepare(db, PORT_SQL, host);

	while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
		const char *grab = text_of(s, 1);

		if (sqlite3_column_type(s, 2) == SQLITE_NULL)
			continue; /* open without a key: among the outcomes */
		buf_printf(out, "  port %-4d %s ", sqlite3_column_int(s, 0),
		    text_of(s, 3) != NULL ? text_of(s, 3) : text_of(s, 2));
		buf_printf(out, "(%lld host%s)", (long long)sqlite3_column_int64(s, 5),
		    sqlite3_column_int64(s, 5) == 1 ? "" : "s");
		if (grab != NULL && grab[0] != '\0')
			buf_printf(out, " [%s]", grab);
		for (int c = 6; c <= 9; c++) {
			if (sqlite3_column_type(s, c) == SQLITE_NULL)
				continue;
			buf_adds(out, " ");
			plain(out, text_of(s, c), 40);
		}
		if (sqlite3_column_type(s, 10) != SQLITE_NULL && sqlite3_column_int(s, 10) != 0)
			buf_adds(out, ", trusted by browsers");
		if (sqlite3_column_type(s, 11) != SQLITE_NULL && sqlite3_column_int(s, 11) == 0)
			buf_adds(out, ", not valid on that day");
		if (text_of(s, 12) != NULL) {
			buf_adds(out, ", ");
			plain(out, text_of(s, 12), 40);
		}
		buf_adds(out, "\n");
		text_weak(out, db, s, colour);
		if (text_of(s, 15) != NULL) {
			buf_adds(out, "            certificate ");
			plain(out, text_of(s, 15), 70);
			if (text_of(s, 14) != NULL) {
				buf_adds(out, ", serial ");
				plain(out, text_of(s, 14), 50);
			}
			buf_adds(out, "\n");
		}
	}
	sqlite3_finalize(s);
	s = prepare(db, OUTCOME_SQL, host);
	for (bool first = true; s != NULL && sqlite3_step(s) == SQLITE_ROW; first = false)
		buf_printf(out, "%s%d %s", first ? "  no key: " : ", ", sqlite3_column_int(s, 0),
		    text_of(s, 1));
	if (out->len > 0 && out->data[out->len - 1] != '\n')
		buf_adds(out, "\n");
	sqlite3_finalize(s);
}

static void
text_host(struct finding *f, size_t run, int64_t host)
{
	sqlite3 *db = f->db[run];
	sqlite3_stmt *s = prepare(db, HOST_SQL, host);
	struct buf *out = f->out;
	int shown = 0, more = 0;
	char time[TIME_SIZE];

	if (s == NULL || sqlite3_step(s) != SQLITE_ROW) {
		sqlite3_finalize(s);
		return;
	}
	buf_printf(out, "%s%s%s  ", f->o->colour ? "\033[1m" : "", text_of(s, 0),
	    f->o->colour ? "\033[0m" : "");
	text_as(out, s, 1, 2);
	if (text_of(s, 3) != NULL)
		buf_printf(out, ", %s", text_of(s, 3));
	buf_adds(out, "\n");
	if (text_of(s, 4) != NULL)
		buf_printf(out, "  takes no part: %s\n", text_of(s, 4));
	else if (sqlite3_column_type(s, 5) == SQLITE_NULL)
		buf_adds(out, "  in no cluster: nobody else shows a key of it\n");
	else
		buf_printf(out, "  cluster %lld of %lld hosts; shares keys with %lld of them\n",
		    (long long)sqlite3_column_int64(s, 5), (long long)sqlite3_column_int64(s, 6),
		    (long long)sqlite3_column_int64(s, 7));
	if (f->o->runs->n > 1 && sqlite3_column_type(s, 5) != SQLITE_NULL) {
		const struct query_run *since = clustered_since(f, run, text_of(s, 0));

		if (since != NULL && since->began != TIME_UNKNOWN)
			buf_printf(out, "  in a cluster since %.10s (%s)\n",
			    time_format(since->began, time), since->name);
	}
	buf_printf(out, "  names: %s\n", text_of(s, 8));
	sqlite3_finalize(s);
	s = prepare(db, NAME_SQL, host);
	while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
		buf_printf(out, "    %-10s ", text_of(s, 0));
		plain(out, text_of(s, 1), 90);
		if (text_of(s, 2) != NULL)
			buf_printf(out, "  %s", text_of(s, 2));
		if (text_of(s, 3) != NULL && strcmp(text_of(s, 2), "bad") == 0)
			buf_printf(out, " (leads to %s)", text_of(s, 3));
		buf_adds(out, "\n");
	}
	sqlite3_finalize(s);
	text_ports(out, db, host, f->o->colour);
	s = prepare(db, PARTNER_SQL, host);
	while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
		if (shown++ >= PARTNER_ASES) {
			more++;
			continue;
		}
		buf_adds(out, shown == 1 ? "  shares keys with hosts of\n    " : "    ");
		text_as(out, s, 0, 1);
		buf_printf(out, ": %lld\n", (long long)sqlite3_column_int64(s, 2));
	}
	sqlite3_finalize(s);
	if (more > 0)
		buf_printf(out, "    and of %d more ASes\n", more);
}

static const struct print_column csv_columns[] = { { "query" }, { "run" }, { "ip" }, { "asn" },
	{ "as_name" }, { "country" }, { "out" }, { "cluster" }, { "csize" }, { "verdict" },
	{ "rdns" }, { "port" }, { "grab" }, { "outcome" }, { "key" }, { "ssh_fp" }, { "kind" },
	{ "key_hosts" }, { "version" }, { "key_type" }, { "key_bits" }, { "curve" },
	{ "browser_trusted" }, { "timely" }, { "software" }, { "cert" }, { "serial" }, { "weak" },
	{ NULL } };

/* What SQLite says of a column: a number stands as it is. */
static void
csv_cell(struct print *p, sqlite3_stmt *s, int column)
{
	if (sqlite3_column_type(s, column) == SQLITE_INTEGER &&
	    sqlite3_column_int64(s, column) >= 0)
		print_uint(p, (uint64_t)sqlite3_column_int64(s, column));
	else
		print_string(p, text_of(s, column));
}

/* The columns of the host itself. */
static void
csv_head(struct finding *f, size_t run, const char *query, sqlite3_stmt *host)
{
	static const int columns[] = { 0, 1, 2, 3, 4, 5, 6, 8, 9 };

	print_string(&f->csv, query);
	print_string(&f->csv, f->o->runs->v[run].name);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		csv_cell(&f->csv, host, columns[i]);
}

/* A row a host and port; of a host that told nothing of any port one row without. */
static void
csv_host(struct finding *f, size_t run, const char *query, int64_t number)
{
	static const int columns[] = { 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 };
	sqlite3_stmt *host = prepare(f->db[run], HOST_SQL, number);
	sqlite3_stmt *port = prepare(f->db[run], PORT_SQL, number);
	bool there = host != NULL && sqlite3_step(host) == SQLITE_ROW;
	struct buf weak;
	size_t rows = 0;

	buf_init(&weak);
	while (there && port != NULL && sqlite3_step(port) == SQLITE_ROW) {
		csv_head(f, run, query, host);
		csv_cell(&f->csv, port, 0);
		csv_cell(&f->csv, port, 1);
		print_string(&f->csv, text_of(port, 2) != NULL ? "key" : "open");
		csv_cell(&f->csv, port, 2);
		for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
			csv_cell(&f->csv, port, columns[i]);
		buf_clear(&weak);
		if (weak_text(f->db[run], port, &weak))
			print_string(&f->csv, weak.data);
		print_row(&f->csv);
		rows++;
	}
	if (there && rows == 0) {
		csv_head(f, run, query, host);
		print_row(&f->csv);
	}
	buf_fini(&weak);
	sqlite3_finalize(port);
	sqlite3_finalize(host);
}

/* --- the queries ----------------------------------------------------------- */

static void
found(struct finding *f, size_t run, const struct find_query *q, const struct hosts *hosts)
{
	for (size_t i = 0; i < hosts->n; i++) {
		if (f->o->format == PRINT_JSON)
			json_host(f, run, hosts->v[i]);
		else if (f->o->format == PRINT_CSV)
			csv_host(f, run, q->text, hosts->v[i]);
		else
			text_host(f, run, hosts->v[i]);
	}
}

/* An address that has no row: the truth about it, as far as the run directory tells it. */
static void
tell_absent(struct finding *f, size_t run, const struct find_query *q)
{
	const struct query_run *r = &f->o->runs->v[run];
	struct buf b;

	buf_init(&b);
	if (q->kind == FIND_ADDRESS)
		absent_reason(r->path, &q->ip, &b);
	else
		buf_adds(&b, "not in this study");
	if (f->o->format == PRINT_JSON) {
		jsonw_key(&f->w, "absent");
		jsonw_string(&f->w, b.data);
	} else if (f->o->format == PRINT_TEXT) {
		plain(f->out, q->text, 100);
		buf_printf(f->out, ": %s\n", b.data);
	}
	buf_fini(&b);
}

static int
one_query(struct finding *f, const char *text)
{
	struct find_query q;
	struct hosts hosts = { NULL, 0, 0 };
	bool any = false;
	int rc = 0;

	understand(&q, text);
	for (size_t run = 0; run < f->o->runs->n && rc == 0; run++) {
		if ((rc = list_hosts(f->db[run], &q, &hosts)) == -1)
			break;
		any = any || hosts.n > 0;
		if (f->o->format == PRINT_JSON) {
			jsonw_object(&f->w);
			jsonw_key(&f->w, "query");
			jsonw_string(&f->w, text);
			jsonw_key(&f->w, "kind");
			jsonw_string(&f->w, kind_names[q.kind]);
			jsonw_key(&f->w, "run");
			jsonw_string(&f->w, f->o->runs->v[run].path);
			jsonw_key(&f->w, "hosts");
			jsonw_array(&f->w);
		} else if (f->o->format == PRINT_TEXT && f->o->runs->n > 1) {
			buf_printf(f->out, "-- %s\n", f->o->runs->v[run].name);
		}
		found(f, run, &q, &hosts);
		if (f->o->format == PRINT_JSON)
			jsonw_end_array(&f->w);
		if (hosts.n == 0)
			tell_absent(f, run, &q);
		if (f->o->format == PRINT_JSON)
			jsonw_end_object(&f->w);
	}
	f->nfound += any;
	free(q.value);
	free(hosts.v);
	return rc;
}

int
query_find(const struct find_options *o, struct buf *out)
{
	struct finding f = { .o = o, .out = out };
	int rc = 0;

	f.db = xcalloc(o->runs->n + 1, sizeof(*f.db));
	for (size_t i = 0; i < o->runs->n && rc == 0; i++) {
		if ((f.db[i] = query_open(o->runs->v[i].path)) == NULL)
			rc = -1;
	}
	jsonw_init(&f.w, NULL);
	print_init(&f.csv, PRINT_CSV, out, false);
	if (o->format == PRINT_CSV)
		print_table(&f.csv, NULL, csv_columns);
	if (o->format == PRINT_JSON)
		jsonw_array(&f.w);
	for (size_t i = 0; i < o->nqueries && rc == 0; i++)
		rc = one_query(&f, o->queries[i]);
	if (o->format == PRINT_JSON) {
		jsonw_end_array(&f.w);
		jsonw_newline(&f.w);
		buf_add(out, f.w.out.data, f.w.out.len);
	}
	jsonw_fini(&f.w);
	print_fini(&f.csv);
	for (size_t i = 0; i < o->runs->n; i++)
		sqlite3_close(f.db[i]);
	free(f.db);
	return rc == 0 && f.nfound > 0 ? 0 : 1;
}
