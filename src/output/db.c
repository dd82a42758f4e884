/* survey.db: the study as SQLite tables, in one transaction. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"

#include "schema.h"
#include "writer.h"

enum table {
	T_RUNS,
	T_HOSTS,
	T_KEYS,
	T_PORTS,
	T_NAMES,
	T_DNS,
	T_CLUSTERS,
	T_CLUSTER_KEYS,
	NTABLES
};

static const struct {
	const char *name;
	int columns;
} tables[NTABLES] = { { "runs", 10 }, { "hosts", 15 }, { "keys", 4 }, { "host_ports", 18 },
	{ "names", 4 }, { "dns", 6 }, { "clusters", 6 }, { "cluster_keys", 3 } };

struct db {
	sqlite3 *db;
	sqlite3_stmt *insert[NTABLES];
	uint32_t *key_hosts; /* by key: hosts that show it, also those that take no part */
	uint32_t *key_last; /* by key: the last of them plus one */
	struct buf scratch;
};

static int
db_error(struct writer *o, char **error)
{
	struct db *d = o->state;

	*error = xasprintf("%s/%s: SQLite: %s", o->s->dir, o->kind->file,
	    d->db != NULL ? sqlite3_errmsg(d->db) : "no memory");
	return -1;
}

static int
prepare(struct db *d, enum table t)
{
	struct buf sql;
	int rc;

	buf_init(&sql);
	buf_printf(&sql, "INSERT INTO %s VALUES (?", tables[t].name);
	for (int i = 1; i < tables[t].columns; i++)
		buf_adds(&sql, ",?");
	buf_adds(&sql, ")");
	rc = sqlite3_prepare_v2(d->db, sql.data, -1, &d->insert[t], NULL);
	buf_fini(&sql);
	return rc;
}

/*
 * A row is bound column by column; NULL texts and unknown numbers become SQL
 * NULLs.  Texts must live until row_end().
 */
struct row {
	sqlite3_stmt *s;
	int column;
};

static void
row_text(struct row *r, const char *s)
{
	sqlite3_bind_text(r->s, ++r->column, s, -1, SQLITE_STATIC);
}

static void
row_int(struct row *r, int64_t v)
{
	sqlite3_bind_int64(r->s, ++r->column, v);
}

static void
row_null(struct row *r)
{
	sqlite3_bind_null(r->s, ++r->column);
}

static void
row_known(struct row *r, int64_t v)
{
	if (v >= 0)
		row_int(r, v);
	else
		row_null(r);
}

static void
row_fact(struct row *r, enum fact f)
{
	row_known(r, f == FACT_UNKNOWN ? -1 : f == FACT_YES);
}

/* Copied: several times stand in one row. */
static void
row_time(struct row *r, int64_t t)
{
	char text[TIME_SIZE];

	if (t == TIME_UNKNOWN)
		row_null(r);
	else
		sqlite3_bind_text(r->s, ++r->column, time_format(t, text), -1, SQLITE_TRANSIENT);
}

static int
row_end(struct row *r)
{
	int rc = sqlite3_step(r->s) == SQLITE_DONE ? 0 : -1;

	sqlite3_reset(r->s);
	return rc;
}

static int
db_begin(struct writer *o, char **error)
{
	struct db *d = xcalloc(1, sizeof(*d));

	o->state = d;
	buf_init(&d->scratch);
	d->key_hosts = xcalloc(o->s->set->nkeys + 1, sizeof(*d->key_hosts));
	d->key_last = xcalloc(o->s->set->nkeys + 1, sizeof(*d->key_last));
	if (o->out.tmp == NULL) {
		*error = xasprintf("%s is no regular file, which a database needs", o->out.path);
		return -1;
	}
	/* The empty file under the temporary name becomes the database; it is renamed or removed as a whole. */
	if (sqlite3_open_v2(
		o->out.tmp, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return db_error(o, error);
	if (sqlite3_exec(d->db,
		"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = "
		"EXCLUSIVE;"
		"PRAGMA page_size = 8192; PRAGMA cache_size = -32768; BEGIN",
		NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(d->db, db_schema, NULL, NULL, NULL) != SQLITE_OK)
		return db_error(o, error);
	for (int t = 0; t < NTABLES; t++) {
		if (prepare(d, (enum table)t) != SQLITE_OK)
			return db_error(o, error);
	}
	return 0;
}

static void
db_abort(struct writer *o)
{
	struct db *d = o->state;

	if (d == NULL)
		return;
	for (int t = 0; t < NTABLES; t++)
		sqlite3_finalize(d->insert[t]);
	sqlite3_close(d->db);
	free(d->key_hosts);
	free(d->key_last);
	buf_fini(&d->scratch);
	free(d);
	o->state = NULL;
}

static int
put_ports(struct db *d, const struct output_study *s, const struct output_host *oh)
{
	const struct host *h = oh->h;

	for (uint32_t i = 0; i < h->ngrabs; i++) {
		const struct host_grab *g = &h->grabs[i];
		struct row r = { d->insert[T_PORTS], 0 };

		if (d->key_last[g->key] != oh->i + 1) {
			d->key_last[g->key] = oh->i + 1;
			d->key_hosts[g->key]++;
		}
		row_int(&r, oh->i + 1);
		row_int(&r, port_table[g->port].port);
		row_text(&r, g->grab);
		row_int(&r, (int64_t)g->key + 1);
		row_text(&r, g->version);
		row_known(&r, g->cipher_suite);
		row_text(&r, g->alg);
		row_known(&r, g->key_bits);
		row_text(&r, g->curve);
		row_fact(&r, g->trusted);
		row_fact(&r, g->self_signed);
		row_fact(&r, g->kind == KEY_SSH_HOST ? FACT_UNKNOWN : grab_timely(s, h, g));
		row_time(&r, g->not_before);
		row_time(&r, g->not_after);
		row_text(&r, g->issuer);
		row_text(&r, g->software);
		row_text(&r, g->kex);
		row_time(&r, g->at);
		if (row_end(&r) != 0)
			return -1;
	}
	/* Open ports without a key. */
	for (int port = 0; port < NPORTS; port++) {
		struct row r = { d->insert[T_PORTS], 0 };

		if (h->outcome[port] != OUTCOME_OPEN)
			continue;
		row_int(&r, oh->i + 1);
		row_int(&r, port_table[port].port);
		row_text(&r, "");
		while (r.column < tables[T_PORTS].columns)
			row_null(&r);
		if (row_end(&r) != 0)
			return -1;
	}
	return 0;
}

static int
put_name(
    struct db *d, uint32_t host, const char *key, const char *name, const struct verdict_name *v)
{
	struct row r = { d->insert[T_NAMES], 0 };

	row_int(&r, (int64_t)host + 1);
	row_text(&r, key);
	row_text(&r, name);
	row_text(&r, v != NULL ? name_verdict_name(v->verdict) : NULL);
	return row_end(&r);
}

static int
db_host(struct writer *o, const struct output_host *oh, char **error)
{
	struct db *d = o->state;
	const struct host *h = oh->h;
	bool in = h->out == OUT_NONE;
	struct row r = { d->insert[T_HOSTS], 0 };
	char ip[IP_STRLEN];

	row_int(&r, (int64_t)oh->i + 1);
	row_int(&r, 1);
	row_text(&r, ip_format(&h->ip, ip));
	row_int(&r, (int64_t)h->record);
	row_text(&r, h->country[0] != '\0' ? h->country : NULL);
	row_known(&r, h->asn > 0 ? (int64_t)h->asn : -1);
	row_text(&r, h->as_name);
	row_text(&r, h->writer);
	row_time(&r, h->time);
	row_text(&r, in ? NULL : host_out_name(h->out));
	row_known(&r, in && oh->cluster != 0 ? (int64_t)oh->cluster : -1);
	row_known(&r, in ? (int64_t)host_cluster_size(o->s, oh) : -1);
	row_known(&r, in ? (int64_t)host_partners(o->s, oh->i) : -1);
	row_text(&r, host_verdict_name(oh->verdict->verdict));
	row_text(&r, oh->verdict->rdns);
	if (row_end(&r) != 0 || put_ports(d, o->s, oh) != 0)
		return db_error(o, error);
	if (oh->verdict->rdns != NULL &&
	    put_name(d, oh->i, "rdns", oh->verdict->rdns, oh->rdns) != 0)
		return db_error(o, error);
	for (uint32_t i = 0; i < h->nnames; i++) {
		if (put_name(d, oh->i, oh->refs[i].key, h->names[i].text, oh->named[i]) != 0)
			return db_error(o, error);
	}
	o->n++;
	return 0;
}

static int
put_keys(struct db *d, const struct output_study *s)
{
	char hex[2 * KEY_LEN + 1];

	for (size_t k = 0; k < s->set->nkeys; k++) {
		struct row r = { d->insert[T_KEYS], 0 };

		if (d->key_hosts[k] == 0)
			continue; /* its port was seen again with another one */
		for (int i = 0; i < KEY_LEN; i++)
			snprintf(hex + 2 * i, 3, "%02x", s->set->keys[k][i]);
		row_int(&r, (int64_t)k + 1);
		row_text(&r, hex);
		row_text(&r, s->set->key_kinds[k] == KEY_SSH_HOST ? "ssh" : "tls");
		row_int(&r, d->key_hosts[k]);
		if (row_end(&r) != 0)
			return -1;
	}
	return 0;
}

/* Addresses or names, one a line. */
static void
join_answers(struct buf *b, const struct answer *a)
{
	char ip[IP_STRLEN];

	buf_clear(b);
	for (size_t i = 0; a->type != DNS_PTR && i < a->naddrs; i++)
		buf_printf(b, "%s%s", i > 0 ? "\n" : "", ip_format(&a->addrs[i], ip));
	for (size_t i = 0; a->type == DNS_PTR && i < a->nnames; i++)
		buf_printf(b, "%s%s", i > 0 ? "\n" : "", a->names[i]);
}

static int
put_dns(struct db *d, const struct output_study *s)
{
	const struct answer **all = answers_sorted(s->answers);
	size_t n = answers_count(s->answers);
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		struct row r = { d->insert[T_DNS], 0 };

		join_answers(&d->scratch, all[i]);
		row_text(&r, all[i]->name);
		row_text(&r, dns_type_name(all[i]->type));
		row_text(&r, dns_outcome_name(all[i]->outcome));
		row_text(&r, d->scratch.len > 0 ? d->scratch.data : NULL);
		row_time(&r, all[i]->at);
		row_int(&r, all[i]->ms);
		rc = row_end(&r);
	}
	free(all);
	return rc;
}

static int
by_asn(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t
count_ases(const struct output_study *s, uint32_t k, uint32_t *asns)
{
	const struct clusters *c = s->clusters;
	uint32_t n = 0, distinct = 0;

	for (uint32_t i = c->first[k]; i < c->first[k + 1]; i++)
		asns[n++] = s->set->hosts[c->members[i]].asn;
	qsort(asns, n, sizeof(*asns), by_asn);
	for (uint32_t i = 0; i < n; i++)
		distinct += i == 0 || asns[i] != asns[i - 1];
	return distinct;
}

static uint32_t
hosts_with(const struct clusters *c, uint32_t key)
{
	uint32_t n = 0;

	for (uint32_t i = c->use_first[key]; i < c->use_first[key + 1]; i++)
		n += i == c->use_first[key] || c->uses[i].host != c->uses[i - 1].host;
	return n;
}

static int
put_cluster(struct db *d, const struct output_study *s, uint32_t k, uint32_t *asns)
{
	const struct clusters *c = s->clusters;
	uint32_t nkeys = 0, nshared = 0;
	struct row r = { d->insert[T_CLUSTERS], 0 };

	for (uint32_t i = c->first[k]; i < c->first[k + 1]; i++) {
		const struct host *h = &s->set->hosts[c->members[i]];

		for (uint32_t g = 0; g < h->ngrabs; g++) {
			struct row rk = { d->insert[T_CLUSTER_KEYS], 0 };
			uint32_t key = h->grabs[g].key, hosts;

			if (d->key_last[key] == 0)
				continue; /* listed before */
			d->key_last[key] = 0;
			hosts = hosts_with(c, key);
			nkeys++;
			nshared += hosts > 1;
			row_int(&rk, k);
			row_int(&rk, (int64_t)key + 1);
			row_int(&rk, hosts);
			if (row_end(&rk) != 0)
				return -1;
		}
	}
	row_int(&r, k);
	row_int(&r, 1);
	row_int(&r, c->size[k]);
	row_int(&r, nkeys);
	row_int(&r, nshared);
	row_int(&r, count_ases(s, k, asns));
	return row_end(&r);
}

static int
put_run(struct db *d, const struct output_study *s)
{
	struct row r = { d->insert[T_RUNS], 0 };
	int64_t in = 0;

	for (size_t i = 0; i < s->set->n; i++)
		in += s->set->hosts[i].out == OUT_NONE;
	row_int(&r, 1);
	row_text(&r, "survey " SURVEY_VERSION);
	row_text(&r, s->source);
	row_text(&r, s->countries);
	row_time(&r, s->scan_date);
	row_int(&r, (int64_t)s->nlines);
	row_int(&r, (int64_t)s->nrefused);
	row_int(&r, (int64_t)s->set->n);
	row_int(&r, in);
	row_int(&r, s->clusters->n);
	return row_end(&r);
}

static int
db_end(struct writer *o, char **error)
{
	struct db *d = o->state;
	const struct output_study *s = o->s;
	uint32_t *asns = xcalloc((size_t)s->clusters->nhosts + 1, sizeof(*asns));
	bool failed = put_run(d, s) != 0 || put_keys(d, s) != 0 || put_dns(d, s) != 0;

	for (uint32_t k = 1; k <= s->clusters->n && !failed; k++)
		failed = put_cluster(d, s, k, asns) != 0;
	free(asns);
	if (failed || sqlite3_exec(d->db, db_indices, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(d->db, "PRAGMA user_version = 1; COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		return db_error(o, error);
	/* Closed before the file gets its name and its fsync. */
	db_abort(o);
	return 0;
}

const struct output_kind output_db = {
	.file = "survey.db", .begin = db_begin, .host = db_host, .end = db_end, .abort = db_abort
};
