#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "survey/anonymise.h"
#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/port.h"
#include "survey/simd.h"

#include "pseudonym.h"

#define PAIRS_UP_TO 2000 /* hosts of a cluster that list all their partners */
#define PARTNERS_CUT 16 /* partners that those of larger ones list */

static const char *
port_name(uint16_t port)
{
	int row = port_index(port);

	return row >= 0 ? port_table[row].name : "p0";
}

static void
put(struct jsonw *w, const char *key, const char *value)
{
	jsonw_key(w, key);
	jsonw_string(w, value);
}

static void
put_uint(struct jsonw *w, const char *key, uint64_t value)
{
	jsonw_key(w, key);
	jsonw_uint(w, value);
}

static void
write_cluster(struct jsonw *w, const struct study *st, const struct study_cluster *c)
{
	jsonw_object(w);
	put_uint(w, "id", c->id);
	put_uint(w, "size", c->nhosts);
	jsonw_key(w, "hosts");
	jsonw_array(w);
	for (uint32_t i = c->host0; i < c->host0 + c->nhosts; i++) {
		const struct study_host *h = &st->hosts[i];

		jsonw_object(w);
		put(w, "ip", h->ip);
		put_uint(w, "ip_record", h->record);
		put_uint(w, "asn", st->ases[h->as].asn);
		put(w, "as", st->ases[h->as].name);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_key(w, "keys");
	jsonw_array(w);
	for (uint32_t i = c->key0; i < c->key0 + c->nkeys; i++) {
		const struct study_key *k = &st->keys[i];
		char unnamed[32];

		snprintf(unnamed, sizeof(unnamed), "unnamed-%u", i);
		jsonw_object(w);
		put(w, "fp", k->fp[0] != '\0' ? k->fp : unnamed);
		put(w, "kind", k->ssh ? "ssh" : "tls");
		jsonw_key(w, "at");
		jsonw_array(w);
		for (uint32_t u = k->use0; u < k->use0 + k->nuse; u++) {
			jsonw_array(w);
			jsonw_string(w, st->hosts[st->uses[u].host].ip);
			jsonw_string(w, port_name(st->uses[u].port));
			jsonw_end_array(w);
		}
		jsonw_end_array(w);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_end_object(w);
}

static void
write_clusters(struct jsonw *w, const struct study *st)
{
	jsonw_array(w);
	for (uint32_t i = 0; i < st->nclusters; i++)
		write_cluster(w, st, &st->clusters[i]);
	jsonw_end_array(w);
	jsonw_newline(w);
}

static void
put_tri(struct jsonw *w, const char *key, uint8_t v)
{
	if (v == STUDY_ABSENT)
		return;
	jsonw_key(w, key);
	jsonw_bool(w, v == STUDY_YES);
}

static void
write_facts(struct jsonw *w, const struct study *st, const struct study_host *h)
{
	for (int row = 0; row < NPORTS_STUDY; row++) {
		const struct study_port *p = NULL;

		for (uint32_t i = 0; i < h->nports; i++) {
			if (st->ports[h->port0 + i].port == port_table[row].port)
				p = &st->ports[h->port0 + i];
		}
		jsonw_key(w, port_table[row].name);
		jsonw_object(w);
		if (p != NULL) {
			if (p->bits > 0)
				put_uint(w, "rsalen", p->bits);
			else if (p->alg != NULL)
				put(w,
				    p->port == 22		    ? "alg"
				    : strncmp(p->alg, "P-", 2) == 0 ? "ecdsacurve"
								    : "spkialg",
				    p->alg);
			if (p->cipher != 0)
				put_uint(w, "cipher_suite", p->cipher);
			put_tri(w, "browser_trusted", p->trusted);
			put_tri(w, "self_signed", p->self_signed);
			put_tri(w, "timely", p->timely);
		}
		jsonw_end_object(w);
	}
}

static void
write_keys_of(struct jsonw *w, const char *key, const struct study *st, const struct study_host *h,
    enum study_verdict v)
{
	jsonw_key(w, key);
	jsonw_array(w);
	for (uint32_t i = 0; i < h->nnames; i++) {
		if (st->names[h->name0 + i].verdict == v)
			jsonw_string(w, st->names[h->name0 + i].key);
	}
	jsonw_end_array(w);
}

static void
write_nameset(struct jsonw *w, const struct study *st, const struct study_host *h)
{
	bool allbad = true;

	jsonw_object(w);
	for (uint32_t i = 0; i < h->nnames; i++) {
		const struct study_name *n = &st->names[h->name0 + i];

		put(w, n->key, n->name);
		allbad &= n->verdict == STUDY_NXDOMAIN;
		if (n->verdict == STUDY_BAD && n->address != NULL) {
			char *key = xasprintf("%s-ip", n->key);

			put(w, key, n->address);
			free(key);
		}
	}
	jsonw_key(w, "allbad");
	jsonw_bool(w, allbad);
	write_keys_of(w, "besty", st, h, STUDY_GOOD);
	write_keys_of(w, "unknown", st, h, STUDY_UNKNOWN);
	jsonw_end_object(w);
}

/* The partners of a host: a mask of port pairs for each host of its cluster. */
struct partners {
	uint64_t *mask;
	uint32_t n;
};

static void
find_partners(
    struct partners *p, const struct study *st, uint32_t host, const struct study_cluster *c)
{
	const struct study_host *h = &st->hosts[host];

	memset(p->mask, 0, c->nhosts * sizeof(*p->mask));
	p->n = 0;
	for (uint32_t i = 0; i < h->nuse; i++) {
		const struct study_use *mine = &st->uses[st->by_host[h->use0 + i]];
		const struct study_key *k = &st->keys[mine->key];
		int local = port_index(mine->port);

		for (uint32_t u = k->use0; u < k->use0 + k->nuse; u++) {
			int remote = port_index(st->uses[u].port);
			uint64_t *mask = &p->mask[st->uses[u].host - c->host0];

			if (st->uses[u].host == host || local < 0 || remote < 0 ||
			    local >= NPORTS_STUDY || remote >= NPORTS_STUDY)
				continue;
			p->n += *mask == 0;
			*mask |= UINT64_C(1) << (remote + 8 * local);
		}
	}
}

static void
write_partner(struct jsonw *w, const struct study_host *h, uint64_t mask)
{
	struct buf b;

	buf_init(&b);
	buf_printf(&b, "%u", h->record);
	jsonw_key(w, b.data);
	jsonw_object(w);
	put(w, "ip", h->ip);
	buf_clear(&b);
	buf_printf(&b, "0x%016llx", (unsigned long long)mask);
	put(w, "ports", b.data);
	buf_clear(&b);
	for (int local = 0; local < NPORTS_STUDY; local++) {
		for (int remote = 0; remote < NPORTS_STUDY; remote++) {
			if (mask >> (remote + 8 * local) & 1)
				buf_printf(
				    &b, "%s==%s;", port_table[local].name, port_table[remote].name);
		}
	}
	put(w, "str_colls", b.data);
	jsonw_end_object(w);
	buf_fini(&b);
}

/* nrcs and rcs; large clusters list few partners, as analyze does. */
static void
write_partners(struct jsonw *w, const struct study *st, const struct partners *p,
    const struct study_cluster *c)
{
	bool cut = c->nhosts > PAIRS_UP_TO;
	uint32_t listed = 0;

	put_uint(w, "nrcs", p->n);
	jsonw_key(w, "rcs");
	jsonw_object(w);
	for (uint32_t i = 0; i < c->nhosts && !(cut && listed == PARTNERS_CUT); i++) {
		if (p->mask[i] == 0)
			continue;
		write_partner(w, &st->hosts[c->host0 + i], p->mask[i]);
		listed++;
	}
	jsonw_end_object(w);
	if (cut) {
		jsonw_key(w, "rcs_truncated");
		jsonw_bool(w, true);
	}
}

static void
write_some_hosts(struct jsonw *w, const struct study *st, bool pairs)
{
	struct partners partners = { NULL, 0 };
	uint32_t most = 0;

	for (uint32_t i = 0; i < st->nclusters; i++) {
		if (st->clusters[i].nhosts > most)
			most = st->clusters[i].nhosts;
	}
	partners.mask = xcalloc((size_t)most + 1, sizeof(*partners.mask));
	jsonw_array(w);
	for (uint32_t i = 0; i < st->nhosts; i++) {
		const struct study_host *h = &st->hosts[i];
		const struct study_cluster *c = h->cluster != STUDY_NONE ? &st->clusters[h->cluster]
									 : NULL;
		uint16_t last = 0;

		if (pairs && c == NULL)
			continue;

		jsonw_object(w);
		jsonw_key(w, "analysis");
		jsonw_object(w);
		jsonw_key(w, "nameset");
		write_nameset(w, st, h);
		write_facts(w, st, h);
		jsonw_end_object(w);
		put(w, "asn", st->ases[h->as].name);
		put_uint(w, "asndec", st->ases[h->as].asn);
		put_uint(w, "clusternum", c != NULL ? c->id : 0);
		put_uint(w, "csize", c != NULL ? c->nhosts : 1);
		jsonw_key(w, "fprints");
		jsonw_object(w);
		for (uint32_t k = 0; k < h->nuse; k++) {
			const struct study_use *u = &st->uses[st->by_host[h->use0 + k]];

			if (u->port != last && st->keys[u->key].fp[0] != '\0')
				put(w, port_name(u->port), st->keys[u->key].fp);
			last = u->port;
		}
		jsonw_end_object(w);
		put(w, "ip", h->ip);
		put_uint(w, "ip_record", h->record);
		if (pairs) {
			find_partners(&partners, st, i, c);
			write_partners(w, st, &partners, c);
		} else {
			jsonw_key(w, "rcs");
			jsonw_object(w);
			jsonw_end_object(w);
		}
		put(w, "writer", "survey");
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_newline(w);
	free(partners.mask);
}

static void
write_hosts(struct jsonw *w, const struct study *st)
{
	write_some_hosts(w, st, false);
}

static void
write_collisions(struct jsonw *w, const struct study *st)
{
	write_some_hosts(w, st, true);
}

static void
write_verdicts(struct jsonw *w, const struct study *st)
{
	for (uint32_t i = 0; i < st->nhosts; i++) {
		const struct study_host *h = &st->hosts[i];

		if (!h->has_verdict)
			continue;
		jsonw_object(w);
		put(w, "ip", h->ip);
		put_uint(w, "ip_record", h->record);
		put(w, "verdict", study_verdict_name((enum study_verdict)h->verdict));
		jsonw_key(w, "names");
		jsonw_array(w);
		for (uint32_t k = 0; k < h->nnames; k++) {
			const struct study_name *n = &st->names[h->name0 + k];

			jsonw_object(w);
			put(w, "key", n->key);
			put(w, "name", n->name);
			put(w, "verdict", study_verdict_name((enum study_verdict)n->verdict));
			jsonw_key(w, "addresses");
			jsonw_array(w);
			if (n->address != NULL)
				jsonw_string(w, n->address);
			jsonw_end_array(w);
			jsonw_end_object(w);
		}
		jsonw_end_array(w);
		jsonw_end_object(w);
		jsonw_newline(w);
	}
}

/*
 * Members of an object that are numbers, with texts also short texts, and the
 * same of objects in it, down to a depth.  No array passes.
 */
static void
copy_members(struct jsonw *w, const char *name, struct simd_node from, bool texts, unsigned depth)
{
	struct simd_iter it = simd_iterate(from);
	struct simd_text key;
	struct simd_node v;

	jsonw_key(w, name);
	jsonw_object(w);
	while (simd_next(&it, &key, &v)) {
		char *k = xstrndup(key.s, key.len);
		struct simd_text t = simd_string(v);
		uint64_t n;

		if (simd_uint(v, &n))
			put_uint(w, k, n);
		else if (simd_type(v) == SIMD_OBJECT && depth > 0)
			copy_members(w, k, v, texts, depth - 1);
		else if (texts && t.s != NULL && t.len < 80) {
			jsonw_key(w, k);
			jsonw_stringn(w, t.s, t.len);
		}
		free(k);
	}
	jsonw_end_object(w);
}

static void
copy_text(struct jsonw *w, const char *key, struct simd_node root)
{
	struct simd_text t = simd_string(simd_get(root, key));

	if (t.s == NULL)
		return;
	jsonw_key(w, key);
	jsonw_stringn(w, t.s, t.len);
}

/* What run.json tells of scan and versions; nothing of networks, paths and names. */
static void
write_run(struct jsonw *w, const char *dir)
{
	static const char *const rates[] = { "rate_pps", "rate_hosts" };
	struct simd_parser *p = simd_parser_new((size_t)64 << 20);
	char *path = path_join(dir, "run.json"), *text;
	struct simd_node root, analysis;
	size_t len;

	jsonw_object(w);
	put(w, "writer", "survey");
	put_uint(w, "version", 1);
	jsonw_key(w, "anonymised");
	jsonw_bool(w, true);
	if ((text = file_read(path, (size_t)64 << 20, &len)) != NULL &&
	    simd_parse_copy(p, text, len, &root) == SIMD_OK) {
		copy_text(w, "state", root);
		copy_text(w, "created", root);
		copy_text(w, "ended", root);
		copy_members(w, "versions", simd_get(root, "versions"), true, 0);
		copy_members(w, "counts", simd_get(root, "counts"), false, 2);
		jsonw_key(w, "scan");
		jsonw_object(w);
		for (size_t i = 0; i < 2; i++) {
			double rate;

			if (!simd_double(simd_get(simd_get(root, "scan"), rates[i]), &rate))
				continue;
			jsonw_key(w, rates[i]);
			jsonw_double(w, rate, 3);
		}
		jsonw_end_object(w);
		analysis = simd_get(root, "analysis");
		if (simd_type(analysis) == SIMD_OBJECT) {
			uint64_t n;

			jsonw_key(w, "analysis");
			jsonw_object(w);
			copy_text(w, "scan_date", analysis);
			copy_text(w, "dns", analysis);
			if (simd_uint(simd_get(analysis, "hosts"), &n))
				put_uint(w, "hosts", n);
			copy_members(w, "hosts_out", simd_get(analysis, "hosts_out"), false, 0);
			copy_members(w, "refused", simd_get(analysis, "refused"), false, 0);
			jsonw_end_object(w);
		}
	}
	jsonw_end_object(w);
	jsonw_newline(w);
	free(text);
	free(path);
	simd_parser_free(p);
}

static int
save(const char *dir, const char *name, const void *data, size_t len)
{
	char *path = path_join(dir, name);
	int rc = file_write(path, data, len);

	if (rc == -1)
		log_error("cannot write %s: %s", path, strerror(errno));
	free(path);
	return rc;
}

static int
save_json(const char *dir, const char *name, const struct study *st,
    void (*write)(struct jsonw *, const struct study *))
{
	struct jsonw w;
	int rc;

	jsonw_init(&w, NULL);
	write(&w, st);
	rc = save(dir, name, w.out.data, w.out.len);
	jsonw_fini(&w);
	return rc;
}

static int
by_number(const void *pa, const void *pb)
{
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	return a < b ? -1 : a > b;
}

static int
save_sizes(const char *dir, const struct study *st)
{
	uint32_t *size = xcalloc((size_t)st->nclusters + 1, sizeof(*size)), alone = 0;
	struct buf b;
	int rc;

	for (uint32_t i = 0; i < st->nhosts; i++)
		alone += st->hosts[i].cluster == STUDY_NONE;
	buf_init(&b);
	buf_printf(&b, "clusternum,size\n0,%u\n", alone);
	for (uint32_t i = 0; i < st->nclusters; i++) {
		size[i] = st->clusters[i].nhosts;
		buf_printf(&b, "%u,%u\n", st->clusters[i].id, size[i]);
	}
	qsort(size, st->nclusters, sizeof(*size), by_number);
	buf_printf(&b, "\n\nclustersize,#clusters,collider\n%u,1,n\n", alone);
	for (uint32_t i = 0, k; i < st->nclusters; i = k) {
		for (k = i; k < st->nclusters && size[k] == size[i]; k++)
			;
		buf_printf(&b, "%u,%u,y\n", size[i], k - i);
	}
	rc = save(dir, "clustersizes.csv", b.data, b.len);
	buf_fini(&b);
	free(size);
	return rc;
}

/* The part of survey.db that the statistics read. */
static int
fill_db(sqlite3 *db, const struct study *st)
{
	sqlite3_stmt *host = NULL, *port = NULL;
	int rc = -1;

	if (sqlite3_exec(db,
		"PRAGMA synchronous=OFF; BEGIN;"
		"CREATE TABLE hosts (id INTEGER PRIMARY KEY, ip TEXT NOT NULL, cluster INTEGER);"
		"CREATE TABLE host_ports (host INTEGER NOT NULL, port INTEGER NOT NULL, "
		"grab TEXT NOT NULL, key INTEGER, version TEXT, software TEXT);",
		NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, "INSERT INTO hosts VALUES (?, ?, ?)", -1, &host, NULL) !=
		SQLITE_OK ||
	    sqlite3_prepare_v2(db, "INSERT INTO host_ports VALUES (?, ?, '', 1, ?, NULL)", -1,
		&port, NULL) != SQLITE_OK)
		goto out;
	for (uint32_t i = 0; i < st->nhosts; i++) {
		const struct study_host *h = &st->hosts[i];

		sqlite3_bind_int64(host, 1, i);
		sqlite3_bind_text(host, 2, h->ip, -1, SQLITE_STATIC);
		sqlite3_bind_int64(
		    host, 3, h->cluster != STUDY_NONE ? st->clusters[h->cluster].id : 0);
		if (sqlite3_step(host) != SQLITE_DONE || sqlite3_reset(host) != SQLITE_OK)
			goto out;
		for (uint32_t k = 0; k < h->nports; k++) {
			const struct study_port *p = &st->ports[h->port0 + k];

			sqlite3_bind_int64(port, 1, i);
			sqlite3_bind_int64(port, 2, p->port);
			sqlite3_bind_text(port, 3, p->version, -1, SQLITE_STATIC);
			if (sqlite3_step(port) != SQLITE_DONE || sqlite3_reset(port) != SQLITE_OK)
				goto out;
		}
	}
	rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
out:
	sqlite3_finalize(host);
	sqlite3_finalize(port);
	return rc;
}

static int
save_db(const char *dir, const struct study *st)
{
	char *path = path_join(dir, "survey.db"), *tmp = path_join(dir, "survey.db.tmp");
	sqlite3 *db = NULL;
	int rc = -1;

	unlink(tmp);
	if (sqlite3_open(tmp, &db) == SQLITE_OK)
		rc = fill_db(db, st);
	if (rc == -1)
		log_error(
		    "cannot write %s: %s", path, db != NULL ? sqlite3_errmsg(db) : "out of memory");
	sqlite3_close(db);
	if (rc == 0 && (chmod(tmp, 0600) == -1 || rename(tmp, path) == -1)) {
		log_error("cannot write %s: %s", path, strerror(errno));
		rc = -1;
	}
	if (rc == -1)
		unlink(tmp);
	free(path);
	free(tmp);
	return rc;
}

/* Only a new or empty directory, or an earlier copy, may get a copy: nothing else stays beside it. */
static int
claim(const char *dir)
{
	char *path = path_join(dir, "run.json"), *text;
	struct dirent *e;
	size_t len;
	int rc = 0;
	DIR *d;

	if (file_mkdirs(dir, 0700) == -1 || (d = opendir(dir)) == NULL) {
		log_error("cannot use %s: %s", dir, strerror(errno));
		free(path);
		return -1;
	}
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = -1;
	}
	closedir(d);
	if (rc == -1 && (text = file_read(path, (size_t)64 << 20, &len)) != NULL) {
		rc = strstr(text, "\"anonymised\":true") != NULL ? 0 : -1;
		free(text);
	}
	if (rc == -1)
		log_error("%s is not empty and no anonymised copy: choose a new directory", dir);
	free(path);
	return rc;
}

int
anonymise_rundir(const struct anonymise_options *o)
{
	unsigned char key[PSEUDONYM_KEY];
	struct study *st;
	struct stat sb;
	struct jsonw w;
	char *dir;
	int rc = -1;

	if ((st = study_load(o->path, STUDY_EVERYTHING)) == NULL)
		return -1;
	dir = stat(o->path, &sb) == 0 && S_ISDIR(sb.st_mode) ? xstrdup(o->path) : path_dir(o->path);
	if (claim(o->output) == -1 || pseudonym_key(dir, key) == -1)
		goto out;
	pseudonym_study(st, key, o->keep_as, o->nkeep_as);
	jsonw_init(&w, NULL);
	write_run(&w, dir);
	rc = save(o->output, "run.json", w.out.data, w.out.len);
	jsonw_fini(&w);
	if (rc == 0)
		rc = save_json(o->output, "clusters.json", st, write_clusters);
	if (rc == 0 && st->found.all_keys)
		rc = save_json(o->output, "all-key-fingerprints.json", st, write_hosts);
	if (rc == 0)
		rc = save_json(o->output, "collisions.json", st, write_collisions);
	if (rc == 0)
		rc = save_json(o->output, "verdicts.ndjson", st, write_verdicts);
	if (rc == 0)
		rc = save_sizes(o->output, st);
	if (rc == 0 && st->found.versions)
		rc = save_db(o->output, st);
out:
	study_free(st);
	free(dir);
	return rc;
}
