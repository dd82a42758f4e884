/* survey.db back into a study: all of it, or a part. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/foreign.h"
#include "survey/hex.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/publickey.h"
#include "survey/store.h"
#include "survey/study_builder.h"

#include "findings.h"
#include "maildb.h"
#include "import.h"

/* The file that path stands for; the caller frees it. */
static char *
db_path(const char *path)
{
	struct stat sb;

	return stat(path, &sb) == 0 && S_ISDIR(sb.st_mode) ? path_join(path, STORE_FILE)
							   : xstrdup(path);
}

static int
pragma_number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s = NULL;
	int n = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return n;
}

/* SQLite would wait at a pipe for whoever opens its other end. */
static bool
is_regular(const char *file)
{
	int fd = file_open(file, O_RDONLY | O_NONBLOCK, 0);
	struct stat sb;
	bool regular = fd != -1 && fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode);

	if (fd != -1)
		close(fd);
	return regular;
}

/* A path as SQLite's URI.  Nobody writes to our databases once they have their names: no locks, no journals. */
static char *
uri_of(const char *path, bool immutable)
{
	struct buf b;
	char *uri;

	buf_init(&b);
	buf_adds(&b, "file:");
	for (const char *p = path; *p != '\0'; p++)
		buf_printf(&b, strchr("%?#", *p) != NULL ? "%%%02x" : "%c", (unsigned char)*p);
	if (immutable)
		buf_adds(&b, "?immutable=1");
	uri = buf_steal(&b);
	buf_fini(&b);
	return uri;
}

int
store_open_file(const char *file, int flags, sqlite3 **db)
{
	char *dir = path_dir(file), *real = NULL, *path = NULL, *uri;
	const char *slash = strrchr(file, '/');
	struct foreign f;
	int rc;

	*db = NULL;
	if (foreign_find(file, &f)) {
		/* SQLite refuses a link in any place of the path: this one leads there without. */
		flags |= SQLITE_OPEN_NOFOLLOW;
		if ((real = realpath(dir, NULL)) != NULL)
			path = path_join(real, slash != NULL ? slash + 1 : file);
	}
	uri = uri_of(path != NULL ? path : file, (flags & SQLITE_OPEN_READONLY) != 0);
	rc = is_regular(file)
		 ? sqlite3_open_v2(uri, db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL)
		 : SQLITE_CANTOPEN;
	free(uri);
	free(path);
	free(real);
	free(dir);
	return rc;
}

int
store_connect(const char *file, sqlite3 **db)
{
	int rc = store_open_file(file, SQLITE_OPEN_READONLY, db);

	if (rc != SQLITE_OK)
		return rc;
	/* What a file has made of our schema is not run: no triggers, views only where we ask. */
	sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(*db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(*db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_exec(*db,
	    "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA query_only = ON", NULL, NULL,
	    NULL);
	/* In a sandbox without a directory to write there is no place for a large sort. */
	if (getenv("SQLITE_TMPDIR") == NULL)
		sqlite3_exec(*db, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL);
	return SQLITE_OK;
}

/* 1 a survey.db of this schema; 0 no such thing; -1 with a message in *error. */
static int
open_file(const char *file, sqlite3 **db, char **error)
{
	int schema;

	*db = NULL;
	*error = NULL;
	if (!is_regular(file))
		return 0;
	if (store_connect(file, db) != SQLITE_OK) {
		*error = xasprintf("%s: %s", file, *db != NULL ? sqlite3_errmsg(*db) : "no memory");
		sqlite3_close(*db);
		*db = NULL;
		return -1;
	}
	schema = pragma_number(*db, "PRAGMA user_version");
	if (schema == STORE_SCHEMA &&
	    pragma_number(*db, "PRAGMA application_id") == STORE_APPLICATION)
		return 1;
	sqlite3_close(*db);
	*db = NULL;
	if (schema > STORE_SCHEMA) {
		*error = xasprintf("%s has schema %d, which a newer survey made; this one reads %d",
		    file, schema, STORE_SCHEMA);
		return -1;
	}
	return 0;
}

sqlite3 *
store_open(const char *path, char **error)
{
	char *file = db_path(path);
	sqlite3 *db;

	if (open_file(file, &db, error) == 0)
		*error = xasprintf("%s is no survey.db of this version; `survey analyze` makes one "
				   "where the records are",
		    file);
	free(file);
	return db;
}

bool
store_is_there(const char *path)
{
	char *file = db_path(path), *error;
	sqlite3 *db;
	bool there = open_file(file, &db, &error) == 1;

	sqlite3_close(db);
	free(error);
	free(file);
	return there;
}

/* Ids of rows, ascending, as places in an array: ids from 1 without gaps need no search. */
struct ids {
	int64_t *v;
	size_t n, cap;
};

static void
ids_add(struct ids *ids, int64_t id)
{
	mem_grow(&ids->v, &ids->cap, ids->n + 1, sizeof(*ids->v));
	ids->v[ids->n++] = id;
}

static uint32_t
ids_find(const struct ids *ids, int64_t id)
{
	size_t lo = 0, hi = ids->n;

	if (id >= 1 && (uint64_t)id <= ids->n && ids->v[id - 1] == id)
		return (uint32_t)(id - 1);
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ids->v[mid] < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < ids->n && ids->v[lo] == id ? (uint32_t)lo : STUDY_NONE;
}

struct reading {
	sqlite3 *db;
	struct study_builder *b;
	unsigned parts;
	uint32_t cluster; /* only this one; 0: all */
	struct ids hosts, keys, certs, answers, clusters;
	uint32_t *host_number; /* of the builder, by place in hosts; likewise below */
	uint32_t *key_number, *cert_number;
	uint32_t *first_host; /* by place in clusters: builder's number plus one */
	uint32_t others; /* place in clusters of the last row of others */
	size_t cap_hosts, cap_keys, cap_certs, cap_clusters;
	uint64_t bad;
};

static const char *
column_text(sqlite3_stmt *s, int c, size_t *len)
{
	const char *t = (const char *)sqlite3_column_text(s, c);

	*len = t != NULL ? (size_t)sqlite3_column_bytes(s, c) : 0;
	return t != NULL ? t : "";
}

static uint32_t
text_number(struct reading *r, sqlite3_stmt *s, int c)
{
	size_t len;
	const char *t = column_text(s, c, &len);

	return study_builder_text(r->b, t, len);
}

static int64_t
column_time(sqlite3_stmt *s, int c)
{
	size_t len;
	const char *t = column_text(s, c, &len);

	return len > 0 ? time_parse(t, len) : TIME_UNKNOWN;
}

static uint8_t
column_fact(sqlite3_stmt *s, int c)
{
	if (sqlite3_column_type(s, c) == SQLITE_NULL)
		return FACT_UNKNOWN;
	return sqlite3_column_int(s, c) != 0 ? FACT_YES : FACT_NO;
}

static int32_t
column_known(sqlite3_stmt *s, int c)
{
	sqlite3_int64 v = sqlite3_column_int64(s, c);

	return sqlite3_column_type(s, c) == SQLITE_NULL || v < 0 || v > INT32_MAX ? -1 : (int32_t)v;
}

static uint32_t
column_u32(sqlite3_stmt *s, int c)
{
	sqlite3_int64 v = sqlite3_column_int64(s, c);

	return v < 0 || v > UINT32_MAX ? 0 : (uint32_t)v;
}

/* Call each() with every row.  Returns 0, or -1 when SQLite could not. */
static int
each_row(struct reading *r, const char *sql, void (*each)(struct reading *, sqlite3_stmt *))
{
	sqlite3_stmt *s = NULL;
	int rc;

	if (sqlite3_prepare_v2(r->db, sql, -1, &s, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_bind_parameter_count(s) > 0)
		sqlite3_bind_int64(s, 1, r->cluster);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW)
		each(r, s);
	sqlite3_finalize(s);
	return rc == SQLITE_DONE ? 0 : -1;
}

static void
read_run(struct reading *r, sqlite3_stmt *s)
{
	struct study_run_facts f;
	const char **texts[] = { &f.name, &f.program, &f.source, &f.countries, &f.config_sha256,
		&f.tools };

	study_run_facts_init(&f);
	for (int i = 0; i < 6; i++)
		*texts[i] = (const char *)sqlite3_column_text(s, i);
	f.began = column_time(s, 6);
	f.ended = column_time(s, 7);
	f.scan_date = column_time(s, 8);
	f.seed = (uint64_t)sqlite3_column_int64(s, 9);
	f.shard = column_u32(s, 10);
	f.shards = column_u32(s, 11);
	f.pairs_up_to = column_u32(s, 12);
	f.lines = (uint64_t)sqlite3_column_int64(s, 13);
	f.refused = (uint64_t)sqlite3_column_int64(s, 14);
	study_builder_run(r->b, &f);
}

static void
read_answer(struct reading *r, sqlite3_stmt *s)
{
	struct study_answer a = { .at = column_time(s, 4), .ms = column_u32(s, 5) };
	struct ip *addresses = NULL;
	uint32_t *targets = NULL;
	size_t len, cap_addresses = 0, cap_targets = 0;
	const char *t;
	int type, outcome;

	t = column_text(s, 2, &len);
	type = dns_type_from(t, len);
	t = column_text(s, 3, &len);
	outcome = dns_outcome_from(t, len);
	a.name = text_number(r, s, 1);
	if (type == -1 || outcome == -1 || a.name == STUDY_NO_TEXT) {
		r->bad++;
		type = DNS_A; /* its number is taken all the same */
		outcome = DNS_TIMEOUT;
	}
	a.type = (uint8_t)type;
	a.outcome = (uint8_t)outcome;
	t = column_text(s, 6, &len);
	for (size_t at = 0; at < len;) {
		const char *end = memchr(t + at, '\n', len - at);
		size_t n = end != NULL ? (size_t)(end - t) - at : len - at;
		struct ip ip;

		if (!dns_type_has_addresses((enum dns_type)type)) {
			mem_grow(&targets, &cap_targets, a.targets.n + 1, sizeof(*targets));
			targets[a.targets.n++] = study_builder_text(r->b, t + at, n);
		} else if (ip_parse_any(t + at, n, &ip)) {
			mem_grow(&addresses, &cap_addresses, a.addresses.n + 1, sizeof(*addresses));
			addresses[a.addresses.n++] = ip;
		} else {
			r->bad++;
		}
		at += n + 1;
	}
	study_builder_answer(r->b, &a, addresses, targets);
	ids_add(&r->answers, sqlite3_column_int64(s, 0));
	free(addresses);
	free(targets);
}

static int
word_of(const char *const *words, int n, const char *t, size_t len)
{
	for (int i = 0; i < n; i++) {
		if (words[i] != NULL && strlen(words[i]) == len && memcmp(words[i], t, len) == 0)
			return i;
	}
	return -1;
}

static int
out_of(const char *t, size_t len)
{
	static const char *words[HOST_NOUTS];

	for (int i = OUT_NONE + 1; i < HOST_NOUTS; i++)
		words[i] = host_out_name((enum host_out)i);
	return word_of(words, HOST_NOUTS, t, len);
}

static int
host_verdict_of(const char *t, size_t len)
{
	const char *words[HOST_NVERDICTS];

	for (int i = 0; i < HOST_NVERDICTS; i++)
		words[i] = host_verdict_name((enum host_verdict)i);
	return word_of(words, HOST_NVERDICTS, t, len);
}

/* Hosts of one cluster belong together, whatever their keys say. */
static void
join_cluster(struct reading *r, int64_t id, uint32_t host)
{
	uint32_t at;

	if (id <= 0 || id > UINT32_MAX || (at = ids_find(&r->clusters, id)) == STUDY_NONE)
		return;
	if (r->first_host[at] == 0)
		r->first_host[at] = host + 1;
	else
		study_builder_join(r->b, r->first_host[at] - 1, host);
}

static void
read_host(struct reading *r, sqlite3_stmt *s)
{
	struct study_host *h;
	struct ip ip;
	size_t len;
	const char *t = column_text(s, 1, &len);
	uint32_t number = STUDY_NONE, as_name;
	int v;

	ids_add(&r->hosts, sqlite3_column_int64(s, 0));
	mem_grow(&r->host_number, &r->cap_hosts, r->hosts.n, sizeof(*r->host_number));
	if (ip_parse_any(t, len, &ip) && study_builder_find(r->b, &ip) == STUDY_NONE)
		number = study_builder_address(r->b, &ip);
	else
		r->bad++;
	r->host_number[r->hosts.n - 1] = number;
	if (number == STUDY_NONE)
		return;
	as_name = text_number(r, s, 5);
	h = study_builder_host(r->b, number);
	h->record = (uint64_t)sqlite3_column_int64(s, 2);
	t = column_text(s, 3, &len);
	if (len == 2)
		memcpy(h->country, t, 2);
	h->as_own = sqlite3_column_int(s, 6) != 0;
	h->writer = text_number(r, s, 7);
	h->time = column_time(s, 8);
	t = column_text(s, 9, &len);
	if (len > 0) {
		v = out_of(t, len);
		h->out = (uint8_t)(v > 0 ? v : OUT_NO_KEY);
	}
	t = column_text(s, 11, &len);
	v = host_verdict_of(t, len);
	h->verdict = (uint8_t)(v >= 0 ? v : HOST_NONE);
	h->rdns = text_number(r, s, 12);
	h->ptr = ids_find(&r->answers, sqlite3_column_int64(s, 13));
	h->as_name = as_name;
	if (sqlite3_column_type(s, 4) != SQLITE_NULL || as_name != STUDY_NO_TEXT) {
		t = column_text(s, 5, &len);
		h->as = study_builder_as(r->b, column_u32(s, 4), t, len);
	}
	if (sqlite3_column_int64(s, 14) > 0)
		h->run = column_u32(s, 14) - 1;
	join_cluster(r, sqlite3_column_int64(s, 10), number);
}

static int
public_result_of(const char *t, size_t len)
{
	const char *words[NPUBLIC_RESULTS];

	for (int i = 0; i < NPUBLIC_RESULTS; i++)
		words[i] = public_result_name((enum public_result)i);
	return word_of(words, NPUBLIC_RESULTS, t, len);
}

static int
public_type_of(const char *t, size_t len)
{
	const char *words[NPUBLIC_TYPES];

	for (int i = 0; i < NPUBLIC_TYPES; i++)
		words[i] = public_type_name((enum public_type)i);
	return word_of(words, NPUBLIC_TYPES, t, len);
}

static void
read_key(struct reading *r, sqlite3_stmt *s)
{
	struct study_key *k;
	uint8_t fp[KEY_LEN], kind;
	size_t len;
	const char *t = column_text(s, 2, &len);
	uint32_t number, curve;
	int v;

	kind = len == 3 && memcmp(t, "ssh", 3) == 0 ? KEY_SSH_HOST : KEY_TLS_SPKI;
	curve = text_number(r, s, 6);
	t = column_text(s, 1, &len);
	if (hex_parse(t, len, fp, KEY_LEN)) {
		number = study_builder_key(r->b, fp, kind);
	} else {
		r->bad += len > 0;
		number = study_builder_unnamed_key(r->b, kind);
	}
	k = study_builder_key_facts(r->b, number);
	t = column_text(s, 3, &len);
	v = public_result_of(t, len);
	k->public_key = (uint8_t)(v >= 0 ? v : PUBLIC_ABSENT);
	t = column_text(s, 4, &len);
	v = public_type_of(t, len);
	k->type = (uint8_t)(v >= 0 ? v : PUBLIC_UNKNOWN);
	k->bits = column_u32(s, 5);
	k->curve = curve;
	k->public_at = (uint64_t)sqlite3_column_int64(s, 0);
	ids_add(&r->keys, sqlite3_column_int64(s, 0));
	mem_grow(&r->key_number, &r->cap_keys, r->keys.n, sizeof(*r->key_number));
	r->key_number[r->keys.n - 1] = number;
}

static void
read_cert(struct reading *r, sqlite3_stmt *s)
{
	struct study_cert c;
	size_t len;
	const char *t;
	uint32_t key = ids_find(&r->keys, sqlite3_column_int64(s, 2)), number = STUDY_NONE;

	memset(&c, 0, sizeof(c));
	if (key != STUDY_NONE) {
		t = column_text(s, 1, &len);
		c.has_sha256 = hex_parse(t, len, c.sha256, sizeof(c.sha256));
		c.key = r->key_number[key];
		c.serial = text_number(r, s, 3);
		c.subject = text_number(r, s, 4);
		c.issuer = text_number(r, s, 5);
		c.not_before = column_time(s, 6);
		c.not_after = column_time(s, 7);
		c.self_signed = column_fact(s, 8);
		number = study_builder_cert(r->b, &c);
	}
	ids_add(&r->certs, sqlite3_column_int64(s, 0));
	mem_grow(&r->cert_number, &r->cap_certs, r->certs.n, sizeof(*r->cert_number));
	r->cert_number[r->certs.n - 1] = number;
}

static uint32_t
host_of(struct reading *r, sqlite3_stmt *s, int c)
{
	uint32_t at = ids_find(&r->hosts, sqlite3_column_int64(s, c));

	return at == STUDY_NONE ? STUDY_NONE : r->host_number[at];
}

/* host, port, grab, key; then, with facts, the rest. */
static void
read_grab(struct reading *r, sqlite3_stmt *s)
{
	uint32_t host = host_of(r, s, 0), key, cert;
	int row = port_index(column_u32(s, 1));
	struct study_grab g;

	key = ids_find(&r->keys, sqlite3_column_int64(s, 3));
	if (host == STUDY_NONE || row == -1 || key == STUDY_NONE) {
		r->bad++;
		return;
	}
	key = r->key_number[key];
	g = (struct study_grab){ .host = host,
		.key = key,
		.cert = STUDY_NONE,
		.grab = text_number(r, s, 2),
		.bits = -1,
		.cipher = -1,
		.at = TIME_UNKNOWN,
		.port = (uint8_t)row,
		.kind = (uint8_t)port_table[row].kind,
		.trusted = FACT_UNKNOWN,
		.timely = FACT_UNKNOWN,
		.sha1_only = FACT_UNKNOWN };
	if ((r->parts & STUDY_FACTS) != 0) {
		cert = ids_find(&r->certs, sqlite3_column_int64(s, 4));
		g.cert = cert != STUDY_NONE ? r->cert_number[cert] : STUDY_NONE;
		g.version = text_number(r, s, 5);
		g.cipher = column_known(s, 6);
		g.alg = text_number(r, s, 7);
		g.bits = column_known(s, 8);
		g.curve = text_number(r, s, 9);
		g.trusted = column_fact(s, 10);
		g.timely = column_fact(s, 11);
		g.software = text_number(r, s, 12);
		g.kex = text_number(r, s, 13);
		g.sha1_only = column_fact(s, 14);
		g.at = column_time(s, 15);
	}
	study_builder_grab(r->b, &g);
}

static void
read_outcome(struct reading *r, sqlite3_stmt *s)
{
	uint32_t host = host_of(r, s, 0);
	int row = port_index(column_u32(s, 1)), outcome;
	size_t len;
	const char *t = column_text(s, 2, &len);

	outcome = port_outcome_from(t, len);
	if (host == STUDY_NONE || row == -1 || outcome == -1)
		r->bad++;
	else
		study_builder_host(r->b, host)->outcome[row] = (uint8_t)outcome;
}

static void
read_name(struct reading *r, sqlite3_stmt *s)
{
	uint32_t host = host_of(r, s, 0);
	struct study_name n = { .verdict = NAME_NOT_LOOKED_UP };
	size_t len;
	const char *t = column_text(s, 1, &len);

	if (host == STUDY_NONE || !study_name_key_parse(t, len, &n)) {
		r->bad++;
		return;
	}
	n.text = text_number(r, s, 2);
	t = column_text(s, 3, &len);
	for (int v = 0; v < NAME_NVERDICTS; v++) {
		const char *word = study_name_verdict((uint8_t)v);

		if (strlen(word) == len && memcmp(word, t, len) == 0)
			n.verdict = (uint8_t)v;
	}
	n.answer = ids_find(&r->answers, sqlite3_column_int64(s, 4));
	study_builder_name(r->b, host, &n);
}

static void
read_cluster(struct reading *r, sqlite3_stmt *s)
{
	ids_add(&r->clusters, sqlite3_column_int64(s, 0));
	mem_grow(&r->first_host, &r->cap_clusters, r->clusters.n, sizeof(*r->first_host));
	r->first_host[r->clusters.n - 1] = 0;
}

/* The cluster at that place of clusters, when hosts of it were read; else STUDY_NONE. */
static uint32_t
cluster_read(const struct reading *r, sqlite3_stmt *s)
{
	uint32_t at = ids_find(&r->clusters, sqlite3_column_int64(s, 0));

	return at != STUDY_NONE && r->first_host[at] != 0 ? at : STUDY_NONE;
}

/* Rows of others and of others_keys come together: those of one cluster follow each other. */
static void
read_others(struct reading *r, sqlite3_stmt *s)
{
	uint32_t at = cluster_read(r, s), key;
	int row;

	if (at == STUDY_NONE)
		return;
	if (at != r->others) {
		study_builder_others(
		    r->b, r->first_host[at] - 1, column_u32(s, 1), column_u32(s, 2));
		r->others = at;
	}
	if (sqlite3_column_type(s, 3) == SQLITE_NULL)
		return;
	key = ids_find(&r->keys, sqlite3_column_int64(s, 3));
	row = port_index(column_u32(s, 4));
	if (key == STUDY_NONE || row == -1)
		r->bad++;
	else
		study_builder_others_key(r->b, r->key_number[key], (uint8_t)row);
}

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
#define NAME_COLUMNS "host, key, name, verdict, answer FROM names "
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
	    { "SELECT " DNS_COLUMNS "WHERE id IN (SELECT answer FROM names WHERE host IN " IN_ONE
	      " UNION SELECT ptr FROM hosts WHERE cluster = ?1) ORDER BY id",
		"SELECT " DNS_COLUMNS "WHERE id IN (SELECT answer FROM names WHERE host IN " IN_ANY
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
	{ STUDY_NAMES, read_name,
	    { "SELECT " NAME_COLUMNS "WHERE host IN " IN_ONE " ORDER BY rowid",
		"SELECT " NAME_COLUMNS "WHERE host IN " IN_ANY " ORDER BY rowid",
		"SELECT " NAME_COLUMNS "ORDER BY rowid" } },
};

/* Without facts, of the grabs only which key stands where. */
static const char *const bare_grabs[3] = {
	"SELECT " GRAB_COLUMNS "WHERE key IS NOT NULL AND host IN " IN_ONE " ORDER BY p.rowid",
	"SELECT " GRAB_COLUMNS "WHERE key IS NOT NULL AND host IN " IN_ANY " ORDER BY p.rowid",
	"SELECT " GRAB_COLUMNS "WHERE key IS NOT NULL ORDER BY p.rowid",
};

/* Only copies for owners have rows there; a survey.db of an earlier version lacks the table. */
#define OTHERS_COLUMNS                                                                     \
	"o.cluster, o.hosts, o.ases, k.key, k.port FROM others o LEFT JOIN others_keys k " \
	"ON k.cluster = o.cluster ORDER BY o.cluster, k.rowid"

static bool
has_table(sqlite3 *db, const char *name)
{
	sqlite3_stmt *s = NULL;
	bool there = false;

	if (sqlite3_prepare_v2(db, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?",
		-1, &s, NULL) == SQLITE_OK) {
		sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
		there = sqlite3_step(s) == SQLITE_ROW;
	}
	sqlite3_finalize(s);
	return there;
}

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
	if (has_table(r->db, "others"))
		return each_row(r, "SELECT " OTHERS_COLUMNS, read_others);
	return 0;
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
	struct octets *parts[] = { &k->modulus, &k->exponent, &k->point };
	size_t at[3];
	int rc = -1;

	*k = (struct public_key){ .type = (enum public_type)sk->type,
		.bits = sk->bits,
		.curve = study_text(st, sk->curve) };
	sqlite3_bind_int64(src->get, 1, (sqlite3_int64)sk->public_at);
	buf_clear(scratch);
	if (sqlite3_step(src->get) == SQLITE_ROW) {
		for (int i = 0; i < 3; i++) {
			const void *p = sqlite3_column_blob(src->get, i);

			at[i] = scratch->len;
			parts[i]->len = p != NULL ? (size_t)sqlite3_column_bytes(src->get, i) : 0;
			if (parts[i]->len > 0)
				buf_add(scratch, p, parts[i]->len);
		}
		for (int i = 0; i < 3; i++) /* the buffer does not move any more */
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
	if (sqlite3_prepare_v2(db, "SELECT modulus, exponent, point FROM keys WHERE id = ?", -1,
		&src->get, NULL) == SQLITE_OK)
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
			log_warn("%s: %llu entries were not understood and left out", file,
			    (unsigned long long)st->bad);
	}
	free(r.hosts.v);
	free(r.keys.v);
	free(r.certs.v);
	free(r.answers.v);
	free(r.clusters.v);
	free(r.host_number);
	free(r.key_number);
	free(r.cert_number);
	free(r.first_host);
	return st;
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
	file = db_path(path);
	rc = open_file(file, &db, &error);
	if (rc == 1)
		st = read_study(db, file, parts, cluster);
	else if (rc == -1)
		log_error("%s", error);
	else
		st = study_import(path);
	free(error);
	free(file);
	return st;
}
