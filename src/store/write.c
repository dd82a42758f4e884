/* A study as SQLite tables, in one transaction. */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "survey/base64.h"
#include "survey/buf.h"
#include "survey/explain.h"
#include "survey/mem.h"
#include "survey/name.h"
#include "survey/publickey.h"
#include "survey/store.h"

#include "findings.h"
#include "import.h"
#include "maildb.h"
#include "schema.h"

#define STOP_ROWS 4096 /* how often the stop flag is looked at */
#define ROW_TEXTS 8 /* texts of a row that are made for it */
#define ROW_TEXT 80

struct row {
	sqlite3 *db;
	sqlite3_stmt *insert;
	int columns, column;
	unsigned ntexts;
	char texts[ROW_TEXTS][ROW_TEXT]; /* live until the row is stepped */
	const volatile sig_atomic_t *stop;
	unsigned rows;
	bool failed;
};

/* Rows of a table of that many columns follow. */
static void
table_begin(struct row *r, const char *table, int columns)
{
	struct buf sql;

	buf_init(&sql);
	buf_printf(&sql, "INSERT INTO %s VALUES (?", table);
	for (int i = 1; i < columns; i++)
		buf_adds(&sql, ",?");
	buf_adds(&sql, ")");
	r->columns = columns;
	r->column = 0;
	r->ntexts = 0;
	r->insert = NULL;
	if (sqlite3_prepare_v2(r->db, sql.data, (int)sql.len, &r->insert, NULL) != SQLITE_OK)
		r->failed = true;
	buf_fini(&sql);
}

static void
table_end(struct row *r)
{
	sqlite3_finalize(r->insert);
	r->insert = NULL;
}

/* Column by column; what is unknown becomes SQL's NULL.  Texts must live until row_end(). */
static void
row_text(struct row *r, const char *s)
{
	if (s == NULL)
		sqlite3_bind_null(r->insert, ++r->column);
	else
		sqlite3_bind_text(r->insert, ++r->column, s, -1, SQLITE_STATIC);
}

static void
row_int(struct row *r, int64_t v)
{
	sqlite3_bind_int64(r->insert, ++r->column, v);
}

static void
row_null(struct row *r)
{
	sqlite3_bind_null(r->insert, ++r->column);
}

static void
row_known(struct row *r, int64_t v)
{
	if (v >= 0)
		row_int(r, v);
	else
		row_null(r);
}

/* A number of something, from 1 in the database. */
static void
row_number(struct row *r, uint32_t number)
{
	row_known(r, number == STUDY_NONE ? -1 : (int64_t)number + 1);
}

static void
row_fact(struct row *r, uint8_t f)
{
	row_known(r, f == FACT_UNKNOWN ? -1 : f == FACT_YES);
}

static char *
row_room(struct row *r)
{
	return r->texts[r->ntexts++ % ROW_TEXTS];
}

static void
row_time(struct row *r, int64_t t)
{
	if (t == TIME_UNKNOWN)
		row_null(r);
	else
		row_text(r, time_format(t, row_room(r)));
}

static void
row_hex(struct row *r, const uint8_t *p, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char *text = row_room(r);

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[p[i] >> 4];
		text[2 * i + 1] = digits[p[i] & 15];
	}
	text[2 * len] = '\0';
	row_text(r, text);
}

static void
row_blob(struct row *r, const struct octets *b)
{
	if (b->len == 0)
		row_null(r);
	else
		sqlite3_bind_blob64(r->insert, ++r->column, b->data, b->len, SQLITE_STATIC);
}

static void
row_end(struct row *r)
{
	if (!r->failed && sqlite3_step(r->insert) != SQLITE_DONE)
		r->failed = true;
	sqlite3_reset(r->insert);
	r->column = 0;
	r->ntexts = 0;
	if (r->stop != NULL && ++r->rows % STOP_ROWS == 0 && *r->stop)
		r->failed = true;
}

static void
put_runs(struct row *r, const struct study *st)
{
	table_begin(r, "runs", 19);
	for (uint32_t i = 0; i < st->nruns && !r->failed; i++) {
		const struct study_run *run = &st->runs[i];
		int64_t hosts = 0, in = 0;

		for (uint32_t h = 0; h < st->nhosts; h++) {
			hosts += st->hosts[h].run == i;
			in += st->hosts[h].run == i && st->hosts[h].out == OUT_NONE;
		}
		row_number(r, i);
		row_text(r, study_text(st, run->name));
		row_text(r, study_text(st, run->program));
		row_text(r, study_text(st, run->source));
		row_text(r, study_text(st, run->countries));
		row_time(r, run->began);
		row_time(r, run->ended);
		row_time(r, run->scan_date);
		row_text(r, study_text(st, run->config_sha256));
		row_known(r, run->seed != 0 ? (int64_t)run->seed : -1);
		row_known(r, run->shards != 0 ? (int64_t)run->shard : -1);
		row_known(r, run->shards != 0 ? (int64_t)run->shards : -1);
		row_text(r, study_text(st, run->tools));
		row_int(r, run->pairs_up_to);
		row_int(r, (int64_t)run->lines);
		row_int(r, (int64_t)run->refused);
		row_int(r, hosts);
		row_int(r, in);
		row_int(r, st->nclusters);
		row_end(r);
	}
	table_end(r);
}

static void
put_hosts(struct row *r, const struct study *st)
{
	char ip[IP_STRLEN];

	table_begin(r, "hosts", 17);
	for (uint32_t i = 0; i < st->nhosts && !r->failed; i++) {
		const struct study_host *h = &st->hosts[i];
		const struct study_cluster *c = h->cluster != STUDY_NONE ? &st->clusters[h->cluster]
									 : NULL;
		bool in = h->out == OUT_NONE;

		row_number(r, i);
		row_number(r, h->run);
		row_text(r, ip_format(&h->ip, ip));
		row_int(r, (int64_t)h->record);
		row_text(r, h->country[0] != '\0' ? h->country : NULL);
		row_known(r, st->ases[h->as].asn > 0 ? (int64_t)st->ases[h->as].asn : -1);
		row_text(r, study_text(st, h->as_name));
		row_int(r, h->as_own);
		row_text(r, study_text(st, h->writer));
		row_time(r, h->time);
		row_text(r, in ? NULL : host_out_name((enum host_out)h->out));
		row_known(r, c != NULL ? (int64_t)c->id : -1);
		row_known(r, in ? (c != NULL ? (int64_t)c->hosts.n : 1) : -1);
		row_known(r, in ? (int64_t)h->nrcs : -1);
		row_text(r, host_verdict_name((enum host_verdict)h->verdict));
		row_text(r, study_text(st, h->rdns));
		row_number(r, h->ptr);
		row_end(r);
	}
	table_end(r);
}

/* "SHA256:…", what ssh-keygen -lf prints of an SSH host key. */
static void
row_ssh_fp(struct row *r, struct buf *scratch, const struct study_key *k)
{
	if (k->kind != KEY_SSH_HOST || !k->named) {
		row_null(r);
		return;
	}
	buf_clear(scratch);
	base64_fingerprint(scratch, k->fp);
	row_text(r, scratch->data);
}

static void
put_keys(struct row *r, const struct study *st)
{
	struct buf bytes, text;

	buf_init(&bytes);
	buf_init(&text);
	table_begin(r, "keys", 13);
	for (uint32_t i = 0; i < st->nkeys && !r->failed; i++) {
		const struct study_key *k = &st->keys[i];
		struct public_key p = { .type = PUBLIC_UNKNOWN };

		if (k->public_key == PUBLIC_OK && st->public_get != NULL &&
		    st->public_get(st, i, &p, &bytes) == -1) {
			r->failed = true;
			break;
		}
		row_number(r, i);
		if (k->named)
			row_hex(r, k->fp, KEY_LEN);
		else
			row_null(r);
		row_ssh_fp(r, &text, k);
		row_text(r, k->kind == KEY_SSH_HOST ? "ssh" : "tls");
		row_int(r, k->nhosts);
		row_text(r, public_result_name((enum public_result)k->public_key));
		row_text(r, k->public_key == PUBLIC_OK ? public_type_name((enum public_type)k->type)
						       : NULL);
		row_known(r, k->bits > 0 ? (int64_t)k->bits : -1);
		row_text(r, study_text(st, k->curve));
		row_blob(r, &p.modulus);
		row_blob(r, &p.exponent);
		row_blob(r, &p.point);
		row_blob(r, &p.generator);
		row_end(r);
	}
	table_end(r);
	buf_fini(&bytes);
	buf_fini(&text);
}

static void
put_certs(struct row *r, const struct study *st)
{
	table_begin(r, "certs", 9);
	for (uint32_t i = 0; i < st->ncerts && !r->failed; i++) {
		const struct study_cert *c = &st->certs[i];

		row_number(r, i);
		if (c->has_sha256)
			row_hex(r, c->sha256, sizeof(c->sha256));
		else
			row_null(r);
		row_number(r, c->key);
		row_text(r, study_text(st, c->serial));
		row_text(r, study_text(st, c->subject));
		row_text(r, study_text(st, c->issuer));
		row_time(r, c->not_before);
		row_time(r, c->not_after);
		row_fact(r, c->self_signed);
		row_end(r);
	}
	table_end(r);
}

/* A port that is open without a key has a row, too: with nothing but its number. */
static void
put_open_ports(struct row *r, const struct study *st, uint32_t host)
{
	for (int port = 0; port < NPORTS; port++) {
		if (st->hosts[host].outcome[port] != OUTCOME_OPEN)
			continue;
		row_number(r, host);
		row_int(r, port_table[port].port);
		row_text(r, "");
		while (r->column < r->columns)
			row_null(r);
		row_end(r);
	}
}

static void
put_ports(struct row *r, const struct study *st)
{
	table_begin(r, "host_ports", 16);
	for (uint32_t i = 0; i < st->nhosts && !r->failed; i++) {
		const struct study_host *h = &st->hosts[i];

		for (uint32_t k = h->grabs.at; k < h->grabs.at + h->grabs.n; k++) {
			const struct study_grab *g = &st->grabs[k];

			row_number(r, i);
			row_int(r, port_table[g->port].port);
			row_text(r, study_text_or_empty(st, g->grab));
			row_number(r, g->key);
			row_number(r, g->cert);
			row_text(r, study_text(st, g->version));
			row_known(r, g->cipher);
			row_text(r, study_text(st, g->alg));
			row_known(r, g->bits);
			row_text(r, study_text(st, g->curve));
			row_fact(r, g->trusted);
			row_fact(r, g->kind == KEY_SSH_HOST ? FACT_UNKNOWN : g->timely);
			row_text(r, study_text(st, g->software));
			row_text(r, study_text(st, g->kex));
			row_fact(r, g->sha1_only);
			row_time(r, g->at);
			row_end(r);
		}
		put_open_ports(r, st, i);
	}
	table_end(r);
}

static void
put_outcomes(struct row *r, const struct study *st)
{
	table_begin(r, "outcomes", 3);
	for (uint32_t i = 0; i < st->nhosts && !r->failed; i++) {
		for (int port = 0; port < NPORTS; port++) {
			uint8_t outcome = st->hosts[i].outcome[port];

			if (outcome == OUTCOME_NOT_ASKED)
				continue;
			row_number(r, i);
			row_int(r, port_table[port].port);
			row_text(r, port_outcome_name((enum port_outcome)outcome));
			row_end(r);
		}
	}
	table_end(r);
}

/* The name as it is looked up, from its end: what a pattern with a leading wildcard is searched by. */
static const char *
reverse_name(const char *name, char out[static NAME_SIZE])
{
	char normal[NAME_SIZE];
	size_t len;

	if (strncmp(name, "*.", 2) == 0)
		name += 2;
	if (name_normalise(name, strlen(name), normal) != NAME_OK)
		return NULL;
	len = strlen(normal);
	for (size_t i = 0; i < len; i++)
		out[i] = normal[len - 1 - i];
	out[len] = '\0';
	return out;
}

/* What decided: the host's own address for a good name, the lowest other one for a bad name. */
static const char *
deciding_address(const struct study *st, const struct study_host *h, const struct study_name *n,
    char ip[static IP_STRLEN])
{
	const struct ip *other = study_name_address(st, n);

	if (n->verdict == NAME_GOOD)
		return ip_format(&h->ip, ip);
	return other != NULL ? ip_format(other, ip) : NULL;
}

static void
put_names(struct row *r, const struct study *st)
{
	char key[HOST_KEY_SIZE], ip[IP_STRLEN], reversed[NAME_SIZE];

	table_begin(r, "names", 7);
	for (uint32_t i = 0; i < st->nhosts && !r->failed; i++) {
		const struct study_host *h = &st->hosts[i];

		for (uint32_t k = h->names.at; k < h->names.at + h->names.n; k++) {
			const struct study_name *n = &st->names[k];
			const char *text = study_text_or_empty(st, n->text);

			row_number(r, i);
			row_text(r, study_name_key(n, key));
			row_text(r, text);
			row_text(
			    r, n->verdict < NAME_NVERDICTS ? study_name_verdict(n->verdict) : NULL);
			row_text(r, deciding_address(st, h, n, ip));
			row_number(r, n->answer);
			row_text(r, reverse_name(text, reversed));
			row_end(r);
		}
	}
	table_end(r);
}

static void
put_dns(struct row *r, const struct study *st)
{
	char ip[IP_STRLEN];
	struct buf b;

	buf_init(&b);
	table_begin(r, "dns", 7);
	for (uint32_t i = 0; i < st->nanswers && !r->failed; i++) {
		const struct study_answer *a = &st->answers[i];

		buf_clear(&b);
		for (uint32_t k = 0; k < a->addresses.n; k++) {
			if (b.len > 0)
				buf_addc(&b, '\n');
			buf_adds(&b, ip_format(&st->addresses[a->addresses.at + k], ip));
		}
		for (uint32_t k = 0; k < a->targets.n; k++) {
			if (b.len > 0)
				buf_addc(&b, '\n');
			buf_adds(&b, study_text_or_empty(st, st->targets[a->targets.at + k]));
		}
		row_number(r, i);
		row_text(r, study_text_or_empty(st, a->name));
		row_text(r, dns_type_name((enum dns_type)a->type));
		row_text(r, dns_outcome_name((enum dns_outcome)a->outcome));
		row_text(r, b.len > 0 ? b.data : NULL);
		row_time(r, a->at);
		row_int(r, a->ms);
		row_end(r);
	}
	table_end(r);
	buf_fini(&b);
}

/* What the cluster may be most likely; the row ends here, as it borrows the texts. */
static void
put_may_be(struct row *r, const struct study *st, uint32_t cluster)
{
	struct explanation v[NWHYS];
	bool smelly;
	unsigned n = explain_cluster(st, cluster, v, &smelly);

	row_text(r, why_word(v[0].what));
	row_text(r, v[0].pro);
	row_text(r, v[0].contra);
	row_int(r, smelly);
	row_end(r);
	explanations_fini(v, n);
}

static void
put_clusters(struct row *r, const struct study *st)
{
	table_begin(r, "clusters", 9);
	for (uint32_t i = 0; i < st->nclusters && !r->failed; i++) {
		const struct study_cluster *c = &st->clusters[i];

		row_int(r, c->id);
		row_int(r, c->hosts.n);
		row_int(r, c->keys.n);
		row_int(r, c->nshared);
		row_int(r, c->nases);
		put_may_be(r, st, i);
	}
	table_end(r);
	table_begin(r, "cluster_keys", 3);
	for (uint32_t i = 0; i < st->nclusters && !r->failed; i++) {
		const struct study_cluster *c = &st->clusters[i];

		for (uint32_t k = 0; k < c->keys.n; k++) {
			uint32_t key = study_cluster_key(st, c, k);

			row_int(r, c->id);
			row_number(r, key);
			row_int(r, st->keys[key].nhosts);
			row_end(r);
		}
	}
	table_end(r);
}

/* "22 25": the ports on which others show keys of the cluster. */
static void
ports_of_others(const struct study *st, const struct study_others *o, struct buf *out)
{
	bool seen[NPORTS] = { false };

	buf_clear(out);
	for (uint32_t k = o->keys.at; k < o->keys.at + o->keys.n; k++)
		seen[st->others_keys[k].port] = true;
	for (int port = 0; port < NPORTS; port++) {
		if (seen[port])
			buf_printf(out, "%s%u", out->len > 0 ? " " : "", port_table[port].port);
	}
}

static void
put_others(struct row *r, const struct study *st)
{
	struct buf ports;

	buf_init(&ports);
	table_begin(r, "others", 4);
	for (uint32_t i = 0; i < st->nothers && !r->failed; i++) {
		const struct study_others *o = &st->others[i];

		ports_of_others(st, o, &ports);
		row_int(r, st->clusters[o->cluster].id);
		row_int(r, o->hosts);
		row_int(r, o->ases);
		row_text(r, ports.len > 0 ? ports.data : "");
		row_end(r);
	}
	table_end(r);
	buf_fini(&ports);
	table_begin(r, "others_keys", 3);
	for (uint32_t i = 0; i < st->nothers && !r->failed; i++) {
		const struct study_others *o = &st->others[i];

		for (uint32_t k = o->keys.at; k < o->keys.at + o->keys.n; k++) {
			row_int(r, st->clusters[o->cluster].id);
			row_number(r, st->others_keys[k].key);
			row_int(r, port_table[st->others_keys[k].port].port);
			row_end(r);
		}
	}
	table_end(r);
}

static void
run_sql(struct row *r, const char *sql)
{
	if (!r->failed && sqlite3_exec(r->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		r->failed = true;
}

/* Everything into an open, empty database. */
static int
fill(sqlite3 *db, const struct study *st, const volatile sig_atomic_t *stop)
{
	struct row r = { .db = db, .stop = stop };
	char *pragmas = xasprintf("PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT",
	    STORE_SCHEMA, STORE_APPLICATION);

	const char *file = sqlite3_db_filename(db, "main");

	run_sql(&r, "PRAGMA page_size = 16384; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
		    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -65536");
	/* A database in memory may be made where no file can be. */
	run_sql(&r, file != NULL && file[0] != '\0' ? "PRAGMA temp_store = FILE; BEGIN"
						    : "PRAGMA temp_store = MEMORY; BEGIN");
	run_sql(&r, store_tables);
	put_runs(&r, st);
	put_hosts(&r, st);
	put_keys(&r, st);
	put_certs(&r, st);
	put_ports(&r, st);
	put_outcomes(&r, st);
	put_names(&r, st);
	put_dns(&r, st);
	put_clusters(&r, st);
	put_others(&r, st);
	if (!r.failed && findings_write(db, st) == -1)
		r.failed = true;
	if (!r.failed && maildb_write(db, st, stop) == -1)
		r.failed = true;
	run_sql(&r, store_indices);
	run_sql(&r, store_views);
	run_sql(&r, pragmas);
	free(pragmas);
	return r.failed ? -1 : 0;
}

static void
set_error(char **error, const char *path, sqlite3 *db)
{
	if (db != NULL && sqlite3_errcode(db) == SQLITE_FULL)
		*error = xasprintf("%s: %s", path, strerror(ENOSPC));
	else
		*error = xasprintf(
		    "%s: SQLite: %s", path, db != NULL ? sqlite3_errmsg(db) : "no memory");
}

int
store_write(
    const struct study *st, const char *path, const volatile sig_atomic_t *stop, char **error)
{
	sqlite3 *db = NULL;
	int rc = -1;

	*error = NULL;
	if (store_open_file(path, SQLITE_OPEN_READWRITE, &db) == SQLITE_OK &&
	    fill(db, st, stop) == 0)
		rc = 0;
	if (rc != 0 && (stop == NULL || *stop == 0))
		set_error(error, path, db);
	if (sqlite3_close(db) != SQLITE_OK)
		rc = -1;
	return rc;
}

sqlite3 *
store_memory(const struct study *st, char **error)
{
	sqlite3 *db = NULL;

	*error = NULL;
	if (sqlite3_open_v2(":memory:", &db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
		NULL) == SQLITE_OK &&
	    fill(db, st, NULL) == 0)
		return db;
	set_error(error, "a database in memory", db);
	sqlite3_close(db);
	return NULL;
}
