/* What find tells of a host: statements that take its number, as text, JSON and CSV. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/impact.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/rfc3339.h"
#include "survey/text.h"

#include "find.h"

#define PARTNER_ASES 20 /* that are named, the largest first */

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

/* The words of a text as an array. */
static void
put_words(struct jsonw *w, const char *key, sqlite3_stmt *s, int c)
{
	const char *t = text_of(s, c);
	size_t len;

	jsonw_key(w, key);
	jsonw_array(w);
	for (; t != NULL && *t != '\0'; t += len + (t[len] == ' ')) {
		len = strcspn(t, " ");
		jsonw_stringn(w, t, len);
	}
	jsonw_end_array(w);
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

/* As the view host_domains, which in a database of somebody else may be anything. */
#define DOMAINS_OF_HOST                                                                   \
	"FROM hosts h JOIN mx_addresses a ON a.ip = h.ip JOIN mx_hosts m ON m.id = a.mx " \
	"JOIN domain_mx x ON x.mx = m.id JOIN domains d ON d.id = x.domain "              \
	"WHERE h.out IS NULL AND h.id = ?1"

/*
 * As impact_mismatch(): the host shows keys on port 25, none of them is pinned, and each can be
 * compared.  Where one of the MX host's records pins what cannot be judged, it is no mismatch anyhow.
 */
#define NOTHING_MATCHES                                                                           \
	"m.tlsa = 'mismatch' AND EXISTS (SELECT 1 FROM host_ports p JOIN keys k ON k.id = p.key " \
	"WHERE p.host = h.id AND p.port = 25 AND k.fp IS NOT NULL) AND NOT EXISTS (SELECT 1 "     \
	"FROM host_ports p JOIN tlsa t ON t.mx = m.id LEFT JOIN certs c ON c.id = p.cert "        \
	"WHERE p.host = h.id AND p.port = 25 AND t.usage = 3 AND CASE t.selector WHEN 1 "         \
	"THEN t.key = p.key ELSE c.sha256 IS NULL OR c.sha256 = t.data OR "                       \
	"(t.matching = 0 AND t.key = p.key) END)"

static const char *const statements[NTELL_STATEMENTS] = {
	[TELL_HOST] = "SELECT ip, asn, as_name, country, out, cluster, csize, nrcs, verdict, rdns, "
		      "time FROM hosts WHERE id = ?1",
	[TELL_PORTS] =
	    "SELECT p.port, p.grab, k.fp, k.ssh_fp, k.kind, k.hosts, p.version, p.key_type, "
	    "p.key_bits, p.curve, p.browser_trusted, p.timely, p.software, c.sha256, c.serial, "
	    "c.subject, c.issuer, c.not_before, c.not_after, c.self_signed, p.cipher_suite, p.key "
	    "FROM host_ports p LEFT JOIN keys k ON k.id = p.key LEFT JOIN certs c ON c.id = p.cert "
	    "WHERE p.host = ?1 ORDER BY p.rowid",
	[TELL_WEAK] = "SELECT kind, severity, evidence FROM findings WHERE key = ?1 ORDER BY id",
	[TELL_NAMES] =
	    "SELECT t.name, n.verdict, n.address, n.sources FROM host_names n JOIN name_texts t "
	    "ON t.id = n.name WHERE n.host = ?1 ORDER BY n.rowid",
	[TELL_OUTCOMES] = "SELECT port, outcome FROM outcomes WHERE host = ?1 AND outcome <> 'key' "
			  "ORDER BY rowid",
	/* Hosts that hold a key of this host, by AS. */
	[TELL_PARTNERS] =
	    "SELECT h.asn, h.as_name, count(*) AS n FROM hosts h WHERE h.out IS NULL AND "
	    "h.id <> ?1 AND h.id IN (SELECT q.host FROM host_ports q WHERE q.key IN (SELECT p.key "
	    "FROM host_ports p JOIN keys k ON k.id = p.key WHERE p.host = ?1 AND k.hosts > 1)) "
	    "GROUP BY h.asn, h.as_name ORDER BY n DESC, h.asn",
	[TELL_CLUSTERED] = "SELECT cluster FROM hosts WHERE ip = ?1",
	[TELL_MAIL] = "SELECT CASE WHEN EXISTS (SELECT 1 FROM domains) THEN "
		      "(SELECT count(DISTINCT d.id) " DOMAINS_OF_HOST ") END",
	[TELL_TLSA] = "SELECT DISTINCT m.name " DOMAINS_OF_HOST " AND " NOTHING_MATCHES " LIMIT 20",
	[TELL_PINNED] = "SELECT 1 FROM tlsa WHERE key = ?1 LIMIT 1",
};
#define KEY_COLUMN 21 /* of TELL_PORTS: keys.id */

/*
 * A statement of a run, made when it is first wanted: for 100 hosts to make them would take longer
 * than to run them.  sqlite3_reset() it.  NULL after a message.
 */
static sqlite3_stmt *
statement(struct finding *f, size_t run, enum tell_statement which)
{
	struct finding_run *r = &f->runs[run];

	if (r->statements[which] == NULL &&
	    sqlite3_prepare_v3(r->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
		&r->statements[which], NULL) != SQLITE_OK)
		log_error("find: %s", sqlite3_errmsg(r->db));
	return r->statements[which];
}

/* The same for the host, or the key, of that number. */
static sqlite3_stmt *
ask(struct finding *f, size_t run, enum tell_statement which, int64_t number)
{
	sqlite3_stmt *s = statement(f, run, which);

	if (s != NULL)
		sqlite3_bind_int64(s, 1, number);
	return s;
}

/* Since when the address has been in a cluster, over the runs in order of time, up to and with this one. */
static const struct query_run *
clustered_since(struct finding *f, size_t run, const char *ip)
{
	const struct query_run *since = NULL;

	for (size_t i = run + 1; i-- > 0;) {
		sqlite3_stmt *s = statement(f, i, TELL_CLUSTERED);
		bool in = false;

		if (s != NULL) {
			sqlite3_bind_text(s, 1, ip, -1, SQLITE_TRANSIENT);
			in = sqlite3_step(s) == SQLITE_ROW &&
			     sqlite3_column_type(s, 0) != SQLITE_NULL;
		}
		sqlite3_reset(s);
		if (!in)
			break;
		since = &f->o->runs->v[i];
	}
	return since;
}

/* A statement for the findings of the key in that row of TELL_PORTS; NULL: the row has none. */
static sqlite3_stmt *
weak_of(struct finding *f, size_t run, sqlite3_stmt *port)
{
	return sqlite3_column_type(port, KEY_COLUMN) == SQLITE_NULL
		   ? NULL
		   : ask(f, run, TELL_WEAK, sqlite3_column_int64(port, KEY_COLUMN));
}

/* Does a TLSA record pin the key in that row of TELL_PORTS? */
static bool
is_pinned(struct finding *f, size_t run, sqlite3_stmt *port)
{
	sqlite3_stmt *s = ask(f, run, TELL_PINNED, sqlite3_column_int64(port, KEY_COLUMN));
	bool pinned = s != NULL && sqlite3_step(s) == SQLITE_ROW;

	sqlite3_reset(s);
	return pinned;
}

static void
json_weak(struct finding *f, size_t run, sqlite3_stmt *port)
{
	sqlite3_stmt *s = weak_of(f, run, port);
	struct jsonw *w = &f->w;

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
	sqlite3_reset(s);
}

/* "roca (critical), short (medium)"; returns whether there is anything. */
static bool
weak_text(struct finding *f, size_t run, sqlite3_stmt *port, struct buf *out)
{
	sqlite3_stmt *s = weak_of(f, run, port);
	bool any = false;

	for (; s != NULL && sqlite3_step(s) == SQLITE_ROW; any = true)
		buf_printf(out, "%s%s (%s)", any ? ", " : "", text_of(s, 0), text_of(s, 1));
	sqlite3_reset(s);
	return any;
}

static void
json_ports(struct finding *f, size_t run, int64_t host)
{
	static const char *const members[] = { "port", "grab", "key", "ssh_fp", "kind", "key_hosts",
		"version", "key_type", "key_bits", "curve", "browser_trusted", "timely", "software",
		"cert", "serial", "subject", "issuer", "not_before", "not_after", "self_signed",
		"cipher_suite" };
	static const char numbers[] = "\1\0\0\0\0\1\0\0\1\0\1\1\0\0\0\0\0\0\0\1\1";
	sqlite3_stmt *s = ask(f, run, TELL_PORTS, host);
	struct jsonw *w = &f->w;

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
		jsonw_key(w, "pinned");
		jsonw_bool(w, is_pinned(f, run, s));
		json_weak(f, run, s);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	sqlite3_reset(s);
	s = ask(f, run, TELL_OUTCOMES, host);
	jsonw_key(w, "outcomes");
	jsonw_object(w);
	while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
		char port[16];

		snprintf(port, sizeof(port), "%d", sqlite3_column_int(s, 0));
		put_text(w, port, s, 1);
	}
	jsonw_end_object(w);
	sqlite3_reset(s);
}

/* Domains whose mail goes to the host; -1: nobody has asked about any. */
static int64_t
mail_domains(struct finding *f, size_t run, int64_t host)
{
	sqlite3_stmt *s = ask(f, run, TELL_MAIL, host);
	int64_t n = -1;

	if (s != NULL && sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL)
		n = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return n;
}

static void
json_mail(struct finding *f, size_t run, int64_t host)
{
	int64_t n = mail_domains(f, run, host);

	jsonw_key(&f->w, "mail_domains");
	if (n == -1)
		jsonw_null(&f->w);
	else
		jsonw_int(&f->w, n);
}

static void
json_partners(struct finding *f, size_t run, int64_t host)
{
	sqlite3_stmt *s = ask(f, run, TELL_PARTNERS, host);
	struct jsonw *w = &f->w;

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
	sqlite3_reset(s);
}

void
find_json_host(struct finding *f, size_t run, int64_t host)
{
	static const char *const members[] = { "ip", "asn", "as_name", "country", "out", "cluster",
		"csize", "nrcs", "verdict", "rdns", "time" };
	sqlite3_stmt *s = ask(f, run, TELL_HOST, host);
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
	sqlite3_reset(s);
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
	s = ask(f, run, TELL_NAMES, host);
	jsonw_key(w, "names");
	jsonw_array(w);
	while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
		jsonw_object(w);
		put_text(w, "name", s, 0);
		put_text(w, "verdict", s, 1);
		put_text(w, "address", s, 2);
		put_words(w, "sources", s, 3);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	sqlite3_reset(s);
	json_mail(f, run, host);
	json_ports(f, run, host);
	json_partners(f, run, host);
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
text_weak(struct finding *f, size_t run, sqlite3_stmt *port)
{
	struct buf b;

	buf_init(&b);
	if (weak_text(f, run, port, &b)) {
		buf_adds(f->out, "            ");
		print_styled(f->out, f->o->colour, PRINT_ALARM, "WEAK:");
		buf_printf(f->out, " %s\n", b.data);
	}
	buf_fini(&b);
}

static void
text_ports(struct finding *f, size_t run, int64_t host)
{
	sqlite3_stmt *s = ask(f, run, TELL_PORTS, host);
	struct buf *out = f->out;

	while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
		const char *grab = text_of(s, 1);

		if (sqlite3_column_type(s, 2) == SQLITE_NULL)
			continue; /* open without a key: among the outcomes */
		buf_printf(out, "  port %-4d %s ", sqlite3_column_int(s, 0),
		    text_of(s, 3) != NULL ? text_of(s, 3) : text_of(s, 2));
		buf_printf(out, "(%lld %s)", (long long)sqlite3_column_int64(s, 5),
		    text_noun((unsigned long long)sqlite3_column_int64(s, 5), "host", "hosts"));
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
		if (is_pinned(f, run, s))
			buf_adds(out, ", pinned by a TLSA record");
		buf_adds(out, "\n");
		text_weak(f, run, s);
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
	sqlite3_reset(s);
	s = ask(f, run, TELL_OUTCOMES, host);
	for (bool first = true; s != NULL && sqlite3_step(s) == SQLITE_ROW; first = false)
		buf_printf(out, "%s%d %s", first ? "  no key: " : ", ", sqlite3_column_int(s, 0),
		    text_of(s, 1));
	if (out->len > 0 && out->data[out->len - 1] != '\n')
		buf_adds(out, "\n");
	sqlite3_reset(s);
}

/* MX hosts at this one whose TLSA records pin no key that it showed: told in a line each. */
static void
text_mail(struct finding *f, size_t run, int64_t host)
{
	int64_t n = mail_domains(f, run, host);
	struct buf *out = f->out;
	sqlite3_stmt *s;

	if (n <= 0)
		return;
	buf_adds(out, "  takes the ");
	impact_text(out, (uint32_t)n);
	buf_adds(out, "\n");
	s = ask(f, run, TELL_TLSA, host);
	while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
		buf_adds(out, "  mind: the TLSA records of ");
		plain(out, text_of(s, 0), 90);
		buf_adds(out, " pin no key that was seen on port 25\n");
	}
	sqlite3_reset(s);
}

static void
text_names(struct finding *f, size_t run, int64_t host)
{
	sqlite3_stmt *s = ask(f, run, TELL_NAMES, host);
	struct buf *out = f->out;

	while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
		const char *verdict = text_of(s, 1), *address = text_of(s, 2);

		buf_adds(out, "    ");
		plain(out, text_of(s, 0), 90);
		if (verdict != NULL)
			buf_printf(out, "  %s", verdict);
		if (verdict != NULL && address != NULL && strcmp(verdict, "bad") == 0) {
			buf_adds(out, " (leads to ");
			plain(out, address, 90);
			buf_adds(out, ")");
		}
		buf_adds(out, ": ");
		plain(out, text_of(s, 3), 400);
		buf_adds(out, "\n");
	}
	sqlite3_reset(s);
}

void
find_text_host(struct finding *f, size_t run, int64_t host)
{
	sqlite3_stmt *s = ask(f, run, TELL_HOST, host);
	struct buf *out = f->out;
	int shown = 0, more = 0;
	char time[TIME_SIZE];

	if (s == NULL || sqlite3_step(s) != SQLITE_ROW) {
		sqlite3_reset(s);
		return;
	}
	print_styled(out, f->o->colour, PRINT_BOLD, text_of(s, 0));
	buf_adds(out, "  ");
	text_as(out, s, 1, 2);
	if (text_of(s, 3) != NULL)
		buf_printf(out, ", %s", text_of(s, 3));
	buf_adds(out, "\n");
	if (text_of(s, 4) != NULL)
		buf_printf(out, "  takes no part: %s\n", text_of(s, 4));
	else if (sqlite3_column_type(s, 5) == SQLITE_NULL)
		buf_adds(out, "  in no cluster: nobody else shows a key of it\n");
	else
		buf_printf(out, "  cluster %lld of %lld %s; shares keys with %lld of them\n",
		    (long long)sqlite3_column_int64(s, 5), (long long)sqlite3_column_int64(s, 6),
		    text_noun((unsigned long long)sqlite3_column_int64(s, 6), "host", "hosts"),
		    (long long)sqlite3_column_int64(s, 7));
	if (f->o->runs->n > 1 && sqlite3_column_type(s, 5) != SQLITE_NULL) {
		const struct query_run *since = clustered_since(f, run, text_of(s, 0));

		if (since != NULL && since->began != TIME_UNKNOWN)
			buf_printf(out, "  in a cluster since %.10s (%s)\n",
			    time_format(since->began, time), since->name);
	}
	text_mail(f, run, host);
	buf_printf(out, "  names: %s\n", text_of(s, 8));
	sqlite3_reset(s);
	text_names(f, run, host);
	text_ports(f, run, host);
	s = ask(f, run, TELL_PARTNERS, host);
	while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
		if (shown++ >= PARTNER_ASES) {
			more++;
			continue;
		}
		buf_adds(out, shown == 1 ? "  shares keys with hosts of\n    " : "    ");
		text_as(out, s, 0, 1);
		buf_printf(out, ": %lld\n", (long long)sqlite3_column_int64(s, 2));
	}
	sqlite3_reset(s);
	if (more > 0)
		buf_printf(out, "    and of %d more ASes\n", more);
}

const struct print_column find_columns[] = { { "query" }, { "run" }, { "ip" }, { "asn" },
	{ "as_name" }, { "country" }, { "out" }, { "cluster" }, { "csize" }, { "verdict" },
	{ "rdns" }, { "port" }, { "grab" }, { "outcome" }, { "key" }, { "ssh_fp" }, { "kind" },
	{ "key_hosts" }, { "version" }, { "key_type" }, { "key_bits" }, { "curve" },
	{ "browser_trusted" }, { "timely" }, { "software" }, { "cert" }, { "serial" }, { "weak" },
	{ "mail_domains" }, { NULL } };

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

void
find_csv_host(struct finding *f, size_t run, const char *query, int64_t number)
{
	static const int columns[] = { 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 };
	sqlite3_stmt *host = ask(f, run, TELL_HOST, number);
	sqlite3_stmt *port = ask(f, run, TELL_PORTS, number);
	bool there = host != NULL && sqlite3_step(host) == SQLITE_ROW;
	int64_t domains = mail_domains(f, run, number);
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
		print_string(&f->csv, weak_text(f, run, port, &weak) ? weak.data : NULL);
		if (domains >= 0)
			print_uint(&f->csv, (uint64_t)domains);
		print_row(&f->csv);
		rows++;
	}
	if (there && rows == 0) {
		csv_head(f, run, query, host);
		print_row(&f->csv);
	}
	buf_fini(&weak);
	sqlite3_reset(port);
	sqlite3_reset(host);
}
