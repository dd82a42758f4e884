/* A study as SQLite tables, in one transaction. */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "survey/base64.h"
#include "survey/buf.h"
#include "survey/explain.h"
#include "survey/file.h"
#include "survey/mem.h"
#include "survey/name.h"
#include "survey/publickey.h"
#include "survey/store.h"

#include "findings.h"
#include "import.h"
#include "insert.h"
#include "maildb.h"
#include "schema.h"

/* Column by column; what is unknown becomes SQL's NULL. */
static void
put_known(struct insert *r, int64_t v)
{
	if (v >= 0)
		insert_int(r, v);
	else
		insert_null(r);
}

static void
put_fact(struct insert *r, uint8_t f)
{
	put_known(r, f == FACT_UNKNOWN ? -1 : f == FACT_YES);
}

static void
put_time(struct insert *r, int64_t t)
{
	insert_text(r, t != TIME_UNKNOWN ? time_format(t, insert_room(r, TIME_SIZE)) : NULL);
}

static void
put_blob(struct insert *r, const struct octets *b)
{
	if (b->len == 0)
		insert_null(r);
	else
		insert_blob_copy(r, b->data, b->len);
}

static void
put_runs(struct insert *r, const struct study *st)
{
	insert_begin(r, "runs", 19);
	for (uint32_t i = 0; i < st->nruns && !r->failed; i++) {
		const struct study_run *run = &st->runs[i];
		int64_t hosts = 0, in = 0;

		for (uint32_t h = 0; h < st->nhosts; h++) {
			hosts += st->hosts[h].run == i;
			in += st->hosts[h].run == i && st->hosts[h].out == OUT_NONE;
		}
		insert_id(r);
		insert_text(r, study_text(st, run->name));
		insert_text(r, study_text(st, run->program));
		insert_text(r, study_text(st, run->source));
		insert_text(r, study_text(st, run->countries));
		put_time(r, run->began);
		put_time(r, run->ended);
		put_time(r, run->scan_date);
		insert_text(r, study_text(st, run->config_sha256));
		put_known(r, run->seed != 0 ? (int64_t)run->seed : -1);
		put_known(r, run->shards != 0 ? (int64_t)run->shard : -1);
		put_known(r, run->shards != 0 ? (int64_t)run->shards : -1);
		insert_text(r, study_text(st, run->tools));
		insert_int(r, run->pairs_up_to);
		insert_int(r, (int64_t)run->lines);
		insert_int(r, (int64_t)run->refused);
		insert_int(r, hosts);
		insert_int(r, in);
		insert_int(r, st->nclusters);
		insert_row(r);
	}
	insert_end(r);
}

static void
put_hosts(struct insert *r, const struct study *st)
{
	insert_begin(r, "hosts", 17);
	for (uint32_t i = 0; i < st->nhosts && !r->failed; i++) {
		const struct study_host *h = &st->hosts[i];
		const struct study_cluster *c = h->cluster != STUDY_NONE ? &st->clusters[h->cluster]
									 : NULL;
		bool in = h->out == OUT_NONE;

		insert_id(r);
		insert_number(r, h->run);
		insert_address(r, &h->ip);
		insert_int(r, (int64_t)h->record);
		insert_text(r, h->country[0] != '\0' ? h->country : NULL);
		put_known(r, st->ases[h->as].asn > 0 ? (int64_t)st->ases[h->as].asn : -1);
		insert_text(r, study_text(st, h->as_name));
		insert_int(r, h->as_own);
		insert_text(r, study_text(st, h->writer));
		put_time(r, h->time);
		insert_text(r, in ? NULL : host_out_name((enum host_out)h->out));
		put_known(r, c != NULL ? (int64_t)c->id : -1);
		put_known(r, in ? (c != NULL ? (int64_t)c->hosts.n : 1) : -1);
		put_known(r, in ? (int64_t)h->nrcs : -1);
		insert_text(r, host_verdict_name((enum host_verdict)h->verdict));
		insert_text(r, study_text(st, h->rdns));
		insert_number(r, h->ptr);
		insert_row(r);
	}
	insert_end(r);
}

/* "SHA256:…", what ssh-keygen -lf prints of an SSH host key. */
static void
put_ssh_fp(struct insert *r, struct buf *scratch, const struct study_key *k)
{
	if (k->kind != KEY_SSH_HOST || !k->named) {
		insert_null(r);
		return;
	}
	buf_clear(scratch);
	base64_fingerprint(scratch, k->fp);
	insert_copy(r, scratch->data);
}

static void
put_keys(struct insert *r, const struct study *st)
{
	struct buf bytes, text;

	buf_init(&bytes);
	buf_init(&text);
	insert_begin(r, "keys", 13);
	for (uint32_t i = 0; i < st->nkeys && !r->failed; i++) {
		const struct study_key *k = &st->keys[i];
		struct public_key p = { .type = PUBLIC_UNKNOWN };

		if (k->public_key == PUBLIC_OK && st->public_get != NULL &&
		    st->public_get(st, i, &p, &bytes) == -1) {
			r->failed = true;
			break;
		}
		insert_id(r);
		if (k->named)
			insert_hex(r, k->fp, KEY_LEN);
		else
			insert_null(r);
		put_ssh_fp(r, &text, k);
		insert_text(r, k->kind == KEY_SSH_HOST ? "ssh" : "tls");
		insert_int(r, k->nhosts);
		insert_text(r, public_result_name((enum public_result)k->public_key));
		insert_text(r, k->public_key == PUBLIC_OK
				   ? public_type_name((enum public_type)k->type)
				   : NULL);
		put_known(r, k->bits > 0 ? (int64_t)k->bits : -1);
		insert_text(r, study_text(st, k->curve));
		put_blob(r, &p.modulus);
		put_blob(r, &p.exponent);
		put_blob(r, &p.point);
		put_blob(r, &p.generator);
		insert_row(r);
	}
	insert_end(r);
	buf_fini(&bytes);
	buf_fini(&text);
}

static void
put_certs(struct insert *r, const struct study *st)
{
	insert_begin(r, "certs", 9);
	for (uint32_t i = 0; i < st->ncerts && !r->failed; i++) {
		const struct study_cert *c = &st->certs[i];

		insert_id(r);
		if (c->has_sha256)
			insert_hex(r, c->sha256, sizeof(c->sha256));
		else
			insert_null(r);
		insert_number(r, c->key);
		insert_text(r, study_text(st, c->serial));
		insert_text(r, study_text(st, c->subject));
		insert_text(r, study_text(st, c->issuer));
		put_time(r, c->not_before);
		put_time(r, c->not_after);
		put_fact(r, c->self_signed);
		insert_row(r);
	}
	insert_end(r);
}

/* A port that is open without a key has a row, too: with nothing but its number. */
static void
put_open_ports(struct insert *r, const struct study *st, uint32_t host)
{
	for (int port = 0; port < NPORTS; port++) {
		if (st->hosts[host].outcome[port] != OUTCOME_OPEN)
			continue;
		insert_number(r, host);
		insert_int(r, port_table[port].port);
		insert_text(r, "");
		insert_row(r);
	}
}

static void
put_ports(struct insert *r, const struct study *st)
{
	insert_begin(r, "host_ports", 16);
	for (uint32_t i = 0; i < st->nhosts && !r->failed; i++) {
		const struct study_host *h = &st->hosts[i];

		for (uint32_t k = h->grabs.at; k < h->grabs.at + h->grabs.n; k++) {
			const struct study_grab *g = &st->grabs[k];

			insert_number(r, i);
			insert_int(r, port_table[g->port].port);
			insert_text(r, study_text_or_empty(st, g->grab));
			insert_number(r, g->key);
			insert_number(r, g->cert);
			insert_text(r, study_text(st, g->version));
			put_known(r, g->cipher);
			insert_text(r, study_text(st, g->alg));
			put_known(r, g->bits);
			insert_text(r, study_text(st, g->curve));
			put_fact(r, g->trusted);
			put_fact(r, g->kind == KEY_SSH_HOST ? FACT_UNKNOWN : g->timely);
			insert_text(r, study_text(st, g->software));
			insert_text(r, study_text(st, g->kex));
			put_fact(r, g->sha1_only);
			put_time(r, g->at);
			insert_row(r);
		}
		put_open_ports(r, st, i);
	}
	insert_end(r);
}

static void
put_outcomes(struct insert *r, const struct study *st)
{
	insert_begin(r, "outcomes", 3);
	for (uint32_t i = 0; i < st->nhosts && !r->failed; i++) {
		for (int port = 0; port < NPORTS; port++) {
			uint8_t outcome = st->hosts[i].outcome[port];

			if (outcome == OUTCOME_NOT_ASKED)
				continue;
			insert_number(r, i);
			insert_int(r, port_table[port].port);
			insert_text(r, port_outcome_name((enum port_outcome)outcome));
			insert_row(r);
		}
	}
	insert_end(r);
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
static const struct ip *
deciding_address(const struct study *st, const struct study_host *h, const struct study_name *n)
{
	return n->verdict == NAME_GOOD ? &h->ip : study_name_address(st, n);
}

/*
 * Each text once, in the order of the names.  Returns by text its id, which the caller frees: the
 * numbers that texts have in memory depend on how the study came there.  *nids: how many there are.
 */
static uint32_t *
put_name_texts(struct insert *r, const struct study *st, uint32_t *nids)
{
	uint32_t *ids = xcleared(st->ntexts / STUDY_TEXT_STEP + 1, sizeof(*ids)), n = 0;
	char reversed[NAME_SIZE];

	insert_begin(r, "name_texts", 3);
	for (uint32_t i = 0; i < st->nhosts && !r->failed; i++) {
		const struct study_span *names = &st->hosts[i].names;

		for (uint32_t k = names->at; k < names->at + names->n; k++) {
			uint32_t text = st->names[k].text;
			const char *name = study_text_or_empty(st, text);

			if (ids[text] != 0)
				continue;
			ids[text] = ++n;
			insert_id(r);
			insert_text(r, name);
			insert_copy(r, reverse_name(name, reversed));
			insert_row(r);
		}
	}
	insert_end(r);
	*nids = n;
	return ids;
}

/* A host's names that are one name. */
struct same_names {
	const struct study *st;
	const uint32_t *ids; /* by text */
	uint32_t *first; /* by id: the number of the last host's first name with it, from 1 */
	/* By place among the host's names: the next of the same name; of the first one, the last. */
	uint32_t *next, *last;
	size_t cap_next, cap_last;
};

/* Link each name to those that it repeats: next is 0 at the last, last 0 at all but the first. */
static void
link_names(struct same_names *same, const struct study_host *h)
{
	const struct study_name *names = same->st->names;
	uint32_t at = h->names.at;

	mem_grow(&same->next, &same->cap_next, h->names.n, sizeof(*same->next));
	mem_grow(&same->last, &same->cap_last, h->names.n, sizeof(*same->last));
	for (uint32_t k = 0; k < h->names.n; k++) {
		const struct study_name *n = &names[at + k];
		uint32_t *at_id = &same->first[same->ids[n->text]], first = *at_id;

		same->next[k] = same->last[k] = 0;
		if (first > at && names[first - 1].verdict == n->verdict &&
		    names[first - 1].answer == n->answer) {
			first -= at + 1;
			same->next[same->last[first] - 1] = k;
			same->last[first] = k + 1;
		} else {
			*at_id = at + k + 1;
			same->last[k] = k + 1;
		}
	}
}

static void
put_names(struct insert *r, const struct study *st)
{
	uint32_t nids, *ids = put_name_texts(r, st, &nids);
	struct same_names same = {
		.st = st, .ids = ids, .first = xcleared((size_t)nids + 1, sizeof(*same.first))
	};
	char key[HOST_KEY_SIZE];
	struct buf sources;

	buf_init(&sources);
	insert_begin(r, "host_names", 6);
	for (uint32_t i = 0; i < st->nhosts && !r->failed; i++) {
		const struct study_host *h = &st->hosts[i];

		link_names(&same, h);
		for (uint32_t k = 0; k < h->names.n; k++) {
			const struct study_name *n = &st->names[h->names.at + k];

			if (same.last[k] == 0)
				continue;
			buf_clear(&sources);
			buf_adds(&sources, study_name_key(n, key));
			for (uint32_t next = same.next[k]; next != 0; next = same.next[next]) {
				buf_addc(&sources, ' ');
				buf_adds(&sources, study_name_key(n + (next - k), key));
			}
			insert_number(r, i);
			insert_int(r, ids[n->text]);
			insert_copy(r, sources.data);
			insert_text(
			    r, n->verdict < NAME_NVERDICTS ? study_name_verdict(n->verdict) : NULL);
			insert_address(r, deciding_address(st, h, n));
			insert_number(r, n->answer);
			insert_row(r);
		}
	}
	insert_end(r);
	buf_fini(&sources);
	free(same.first);
	free(same.next);
	free(same.last);
	free(ids);
}

static void
put_dns(struct insert *r, const struct study *st)
{
	char ip[IP_STRLEN];
	struct buf b;

	buf_init(&b);
	insert_begin(r, "dns", 7);
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
		insert_id(r);
		insert_text(r, study_text_or_empty(st, a->name));
		insert_text(r, dns_type_name((enum dns_type)a->type));
		insert_text(r, dns_outcome_name((enum dns_outcome)a->outcome));
		insert_copy(r, b.len > 0 ? b.data : NULL);
		put_time(r, a->at);
		insert_int(r, a->ms);
		insert_row(r);
	}
	insert_end(r);
	buf_fini(&b);
}

/* What the cluster may be most likely: the rest of its row. */
static void
put_may_be(struct insert *r, const struct study *st, struct explainer *explainer, uint32_t cluster)
{
	struct explanation v[NWHYS];
	bool smelly;
	unsigned n = explainer != NULL ? explainer_cluster(explainer, cluster, v, &smelly)
				       : explain_cluster(st, cluster, v, &smelly);

	insert_text(r, why_word(v[0].what));
	insert_copy(r, v[0].pro);
	insert_copy(r, v[0].contra);
	insert_int(r, smelly);
	explanations_fini(v, n);
}

static void
put_clusters(struct insert *r, const struct study *st, struct explainer *explainer)
{
	insert_begin(r, "clusters", 9);
	for (uint32_t i = 0; i < st->nclusters && !r->failed; i++) {
		const struct study_cluster *c = &st->clusters[i];

		insert_int(r, c->id);
		insert_int(r, c->hosts.n);
		insert_int(r, c->keys.n);
		insert_int(r, c->nshared);
		put_known(r, c->nases > 0 ? (int64_t)c->nases : -1);
		put_may_be(r, st, explainer, i);
		insert_row(r);
	}
	insert_end(r);
	insert_begin(r, "cluster_keys", 3);
	for (uint32_t i = 0; i < st->nclusters && !r->failed; i++) {
		const struct study_cluster *c = &st->clusters[i];

		for (uint32_t k = 0; k < c->keys.n; k++) {
			uint32_t key = study_cluster_key(st, c, k);

			insert_int(r, c->id);
			insert_number(r, key);
			insert_int(r, st->keys[key].nhosts);
			insert_row(r);
		}
	}
	insert_end(r);
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
put_others(struct insert *r, const struct study *st)
{
	struct buf ports;

	buf_init(&ports);
	insert_begin(r, "others", 4);
	for (uint32_t i = 0; i < st->nothers && !r->failed; i++) {
		const struct study_others *o = &st->others[i];

		ports_of_others(st, o, &ports);
		insert_int(r, st->clusters[o->cluster].id);
		insert_int(r, o->hosts);
		insert_int(r, o->ases);
		insert_copy(r, ports.len > 0 ? ports.data : "");
		insert_row(r);
	}
	insert_end(r);
	buf_fini(&ports);
	insert_begin(r, "others_keys", 3);
	for (uint32_t i = 0; i < st->nothers && !r->failed; i++) {
		const struct study_others *o = &st->others[i];

		for (uint32_t k = o->keys.at; k < o->keys.at + o->keys.n; k++) {
			insert_int(r, st->clusters[o->cluster].id);
			insert_number(r, st->others_keys[k].key);
			insert_int(r, port_table[st->others_keys[k].port].port);
			insert_row(r);
		}
	}
	insert_end(r);
}

static void
run_sql(struct insert *r, const char *sql)
{
	if (!r->failed && sqlite3_exec(r->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		r->failed = true;
}

/* Everything into an open, empty database. */
static int
fill(sqlite3 *db, const struct study *st, struct explainer *explainer,
    const volatile sig_atomic_t *stop)
{
	const char *file = sqlite3_db_filename(db, "main");
	char *pragmas = xasprintf("PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT",
	    STORE_SCHEMA, STORE_APPLICATION);
	struct insert r;

	insert_init(&r, db, stop);
	/* Rows only follow each other, and what an index sorts at a time, as much as the cache, is
	 * sorted sooner where the processor's own cache holds it. */
	run_sql(&r, "PRAGMA page_size = 16384; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
		    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -16384");
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
	put_clusters(&r, st, explainer);
	put_others(&r, st);
	findings_write(&r, st);
	maildb_write(&r, st);
	run_sql(&r, store_indices);
	run_sql(&r, store_views);
	run_sql(&r, pragmas);
	free(pragmas);
	insert_fini(&r);
	return r.failed ? -1 : 0;
}

static void
set_error(char **error, const char *path, sqlite3 *db)
{
	int code = db != NULL ? sqlite3_errcode(db) : SQLITE_NOMEM;

	if (code == SQLITE_FULL)
		*error = xasprintf("%s: %s", path, strerror(ENOSPC));
	else if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
		*error = xasprintf("%s: a public key cannot be read again", path);
	else
		*error = xasprintf(
		    "%s: SQLite: %s", path, db != NULL ? sqlite3_errmsg(db) : "no memory");
}

int
store_write(const struct study *st, struct explainer *explainer, const struct outfile *out,
    const volatile sig_atomic_t *stop, char **error)
{
	sqlite3 *db = NULL;
	int rc = -1;

	*error = NULL;
	if (out->tmp == NULL) {
		*error = xasprintf("%s is no regular file, which a database needs", out->path);
		return -1;
	}
	if (store_open_file(out->tmp, SQLITE_OPEN_READWRITE, &db) == SQLITE_OK &&
	    fill(db, st, explainer, stop) == 0)
		rc = 0;
	if (rc != 0 && (stop == NULL || *stop == 0))
		set_error(error, out->path, db);
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
	    fill(db, st, NULL, NULL) == 0)
		return db;
	set_error(error, "a database in memory", db);
	sqlite3_close(db);
	return NULL;
}
