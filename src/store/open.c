/* survey.db back into a study: all of it, or a part. */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/publickey.h"
#include "survey/store.h"
#include "survey/study_builder.h"
#include "survey/text.h"

#include "connect.h"
#include "findings.h"
#include "maildb.h"
#include "import.h"
#include "rows.h"

#define HOST_COLUMNS                                                                     \
	"id, ip, ip_record, country, asn, as_name, as_own, writer, time, out, cluster, " \
	"verdict, rdns, ptr, run FROM hosts "
#define KEY_COLUMNS "id, fp, kind, public_key, type, bits, curve FROM keys "
#define CERT_COLUMNS \
	"id, sha256, key, serial, subject, issuer, not_before, not_after, self_signed FROM certs "
#define FACT_COLUMNS                                                                        \
	"host, port, grab, key, cert, version, cipher_suite, key_type, key_bits, p.curve, " \
	"browser_trusted, timely, software, kex, sha1_only, time FROM host_ports p "
#define GRAB_COLUMNS "host, port, grab, key FROM host_ports p "
#define NAME_COLUMNS "host, name, sources, verdict, answer FROM host_names "
#define DNS_COLUMNS "id, name, type, outcome, at, ms, answers FROM dns "

/* What a part of the hosts needs.  ?1 is the cluster's id. */
#define IN_ONE "(SELECT id FROM hosts WHERE cluster = ?1)"
#define IN_ANY "(SELECT id FROM hosts WHERE cluster IS NOT NULL)"
#define KEYS_OF(hosts) "(SELECT key FROM host_ports WHERE key IS NOT NULL AND host IN " hosts ")"

/* By table: the statement for one cluster, for all clusters, for everything. */
static const struct {
	unsigned part; /* that wants it; 0: always */
	void (*each)(struct reading *, sqlite3_stmt *);
	const char *sql[3];
} tables[] = {
	{ 0, read_run,
	    { "SELECT name, program, source, countries, config_sha256, tools, began, ended, "
	      "scan_date, seed, shard, shards, pairs_up_to, lines, refused FROM runs ORDER BY id",
		NULL, NULL } },
	{ 0, read_cluster,
	    { "SELECT id FROM clusters WHERE id = ?1", "SELECT id FROM clusters ORDER BY id",
		NULL } },
	{ STUDY_NAMES | STUDY_DNS, read_answer,
	    { "SELECT " DNS_COLUMNS
	      "WHERE id IN (SELECT answer FROM host_names WHERE host IN " IN_ONE
	      " UNION SELECT ptr FROM hosts WHERE cluster = ?1) ORDER BY id",
		"SELECT " DNS_COLUMNS
		"WHERE id IN (SELECT answer FROM host_names WHERE host IN " IN_ANY
		" UNION SELECT ptr FROM hosts WHERE cluster IS NOT NULL) ORDER BY id",
		"SELECT " DNS_COLUMNS "ORDER BY id" } },
	{ 0, read_host,
	    { "SELECT " HOST_COLUMNS "WHERE cluster = ?1 ORDER BY id",
		"SELECT " HOST_COLUMNS "WHERE cluster IS NOT NULL ORDER BY id",
		"SELECT " HOST_COLUMNS "ORDER BY id" } },
	{ 0, read_key,
	    { "SELECT " KEY_COLUMNS "WHERE id IN " KEYS_OF(IN_ONE) " ORDER BY id",
		"SELECT " KEY_COLUMNS "WHERE id IN (SELECT key FROM cluster_keys) ORDER BY id",
		"SELECT " KEY_COLUMNS "ORDER BY id" } },
	{ STUDY_FACTS, read_cert,
	    { "SELECT " CERT_COLUMNS "WHERE key IN " KEYS_OF(IN_ONE) " ORDER BY id",
		"SELECT " CERT_COLUMNS "WHERE key IN (SELECT key FROM cluster_keys) ORDER BY id",
		"SELECT " CERT_COLUMNS "ORDER BY id" } },
	{ STUDY_FACTS, read_grab,
	    { "SELECT " FACT_COLUMNS "WHERE key IS NOT NULL AND host IN " IN_ONE
	      " ORDER BY p.rowid",
		"SELECT " FACT_COLUMNS "WHERE key IS NOT NULL AND host IN " IN_ANY
		" ORDER BY p.rowid",
		"SELECT " FACT_COLUMNS "WHERE key IS NOT NULL ORDER BY p.rowid" } },
	{ STUDY_OUTCOMES, read_outcome,
	    { "SELECT host, port, outcome FROM outcomes WHERE host IN " IN_ONE " ORDER BY rowid",
		"SELECT host, port, outcome FROM outcomes WHERE host IN " IN_ANY " ORDER BY rowid",
		"SELECT host, port, outcome FROM outcomes ORDER BY rowid" } },
	{ STUDY_NAMES, read_name_text,
	    { "SELECT id, name FROM name_texts WHERE id IN (SELECT name FROM host_names "
	      "WHERE host IN " IN_ONE ") ORDER BY id",
		"SELECT id, name FROM name_texts WHERE id IN (SELECT name FROM host_names "
		"WHERE host IN " IN_ANY ") ORDER BY id",
		"SELECT id, name FROM name_texts ORDER BY id" } },
	{ STUDY_NAMES, read_name,
	    { "SELECT " NAME_COLUMNS "WHERE host IN " IN_ONE " ORDER BY rowid",
		"SELECT " NAME_COLUMNS "WHERE host IN " IN_ANY " ORDER BY rowid",
		"SELECT " NAME_COLUMNS "ORDER BY rowid" } },
};

/* Without facts, of the grabs only which key stands where. */
static const char *const bare_grabs[3] = {
	"SELECT " GRAB_COLUMNS "WHERE key IS NOT NULL AND host IN " IN_ONE " ORDER BY p.rowid",
	/* In the order of the table: by the index, half of it would have to be sorted. */
	"SELECT " GRAB_COLUMNS "CROSS JOIN hosts h ON h.id = p.host WHERE key IS NOT NULL "
	"AND h.cluster IS NOT NULL ORDER BY p.rowid",
	"SELECT " GRAB_COLUMNS "WHERE key IS NOT NULL ORDER BY p.rowid",
};

/* Only copies for owners have rows there. */
#define OTHERS_COLUMNS                                                                     \
	"o.cluster, o.hosts, o.ases, k.key, k.port FROM others o LEFT JOIN others_keys k " \
	"ON k.cluster = o.cluster ORDER BY o.cluster, k.rowid"

static int
read_tables(struct reading *r)
{
	int scope = r->cluster != 0 ? 0 : (r->parts & STUDY_OTHERS) != 0 ? 2 : 1;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		int which = scope;

		if (tables[i].each == read_grab && (r->parts & STUDY_FACTS) == 0) {
			if (each_row(r, bare_grabs[scope], read_grab) == -1)
				return -1;
			continue;
		}
		if (tables[i].part != 0 && (tables[i].part & r->parts) == 0)
			continue;
		while (tables[i].sql[which] == NULL)
			which--;
		if (each_row(r, tables[i].sql[which], tables[i].each) == -1)
			return -1;
	}
	return each_row(r, "SELECT " OTHERS_COLUMNS, read_others);
}

/* Public keys of an open study: read from the database when asked for. */
struct source {
	sqlite3 *db;
	sqlite3_stmt *get;
};

static int
source_get(const struct study *st, uint32_t key, struct public_key *k, struct buf *scratch)
{
	const struct source *src = st->public_source;
	const struct study_key *sk = &st->keys[key];
	struct octets *parts[PUBLIC_PARTS] = { &k->modulus, &k->exponent, &k->point,
		&k->generator };
	size_t at[PUBLIC_PARTS];
	int rc = -1;

	*k = (struct public_key){ .type = (enum public_type)sk->type,
		.bits = sk->bits,
		.curve = study_text(st, sk->curve) };
	sqlite3_bind_int64(src->get, 1, (sqlite3_int64)sk->public_at);
	buf_clear(scratch);
	if (sqlite3_step(src->get) == SQLITE_ROW) {
		for (int i = 0; i < PUBLIC_PARTS; i++) {
			const void *p = sqlite3_column_blob(src->get, i);

			at[i] = scratch->len;
			parts[i]->len = p != NULL ? (size_t)sqlite3_column_bytes(src->get, i) : 0;
			if (parts[i]->len > 0)
				buf_add(scratch, p, parts[i]->len);
		}
		for (int i = 0; i < PUBLIC_PARTS; i++) /* the buffer does not move any more */
			parts[i]->data = parts[i]->len > 0 ? (const uint8_t *)scratch->data + at[i]
							   : NULL;
		rc = 0;
	}
	sqlite3_reset(src->get);
	errno = rc == -1 ? EIO : 0;
	return rc;
}

static void
source_close(struct study *st)
{
	struct source *src = st->public_source;

	sqlite3_finalize(src->get);
	sqlite3_close(src->db);
	free(src);
	st->public_source = NULL;
}

/* The study takes the database over. */
static void
keep_source(struct study *st, sqlite3 *db)
{
	struct source *src = xcalloc(1, sizeof(*src));

	src->db = db;
	if (sqlite3_prepare_v2(db,
		"SELECT modulus, exponent, point, generator FROM keys WHERE id = ?", -1, &src->get,
		NULL) == SQLITE_OK)
		st->public_get = source_get;
	st->public_source = src;
	st->public_close = source_close;
}

/* Clusters have the ids of the database, which may leave out some. */
static void
keep_ids(struct reading *r, struct study *st)
{
	size_t n = 0;

	for (size_t i = 0; i < r->clusters.n; i++)
		n += r->first_host[i] != 0;
	if (n != st->nclusters)
		return;
	n = 0;
	for (size_t i = 0; i < r->clusters.n; i++) {
		if (r->first_host[i] != 0)
			st->clusters[n++].id = (uint32_t)r->clusters.v[i];
	}
}

static struct study *
read_study(sqlite3 *db, const char *file, unsigned parts, uint32_t cluster)
{
	struct reading r = { .db = db,
		.b = study_builder_new(),
		.parts = parts,
		.cluster = cluster,
		.others = STUDY_NONE };
	struct study *st = NULL;

	study_builder_parts(r.b, cluster != 0 ? parts & ~(unsigned)STUDY_OTHERS : parts);
	if (read_tables(&r) == -1) {
		log_error("%s: %s", file, sqlite3_errmsg(db));
		study_builder_free(r.b);
		sqlite3_close(db);
	} else {
		st = study_builder_finish(r.b, NULL);
		keep_ids(&r, st);
		st->bad = r.bad;
		if ((parts & STUDY_FINDINGS) != 0 && findings_read(db, st) == -1)
			log_warn("%s: weak keys: %s", file, sqlite3_errmsg(db));
		if ((parts & STUDY_MAIL) != 0 && maildb_read(db, st) == -1)
			log_warn("%s: mail domains: %s", file, sqlite3_errmsg(db));
		keep_source(st, db);
		if (st->bad > 0)
			log_warn("%s: %llu %s not understood and left out", file,
			    (unsigned long long)st->bad,
			    text_noun(st->bad, "entry was", "entries were"));
	}
	free(r.hosts.v);
	free(r.keys.v);
	free(r.certs.v);
	free(r.answers.v);
	free(r.name_texts.v);
	free(r.name_number);
	free(r.clusters.v);
	free(r.host_number);
	free(r.key_number);
	free(r.cert_number);
	free(r.first_host);
	return st;
}

/* An owner's copy has an others.json, its survey.db by itself rows of others or hosts as they are. */
static enum study_copy
copy_of(const struct study *st, const char *path)
{
	bool of_owner = st->nothers > 0 || file_is_in(path, "others.json");
	uint32_t aliases = 0;

	for (uint32_t i = 0; i < st->nhosts; i++)
		aliases += st->hosts[i].ip.family == IP_ALIAS;
	if (of_owner || (aliases > 0 && aliases < st->nhosts))
		return STUDY_OF_OWNER;
	return aliases > 0 ? STUDY_ANONYMISED : STUDY_NO_COPY;
}

struct study *
study_open(const char *path, unsigned parts, uint32_t cluster)
{
	char *file, *error;
	struct study *st = NULL;
	struct stat sb;
	sqlite3 *db;
	int rc;

	if (stat(path, &sb) == -1) {
		log_error("%s: %s", path, strerror(errno));
		return NULL;
	}
	file = store_db_path(path);
	rc = store_try_open(file, &db, &error);
	if (rc == 1)
		st = read_study(db, file, parts, cluster);
	else if (rc == -1)
		log_error("%s", error);
	else
		st = study_import(path);
	if (st != NULL)
		st->copy = copy_of(st, path);
	free(error);
	free(file);
	return st;
}
