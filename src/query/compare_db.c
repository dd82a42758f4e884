/* survey-compare.db: what changed, as tables to ask. */
#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "survey/file.h"
#include "survey/hex.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/rfc3339.h"
#include "survey/store.h"

#include "compare.h"

#define COMPARE_FILE "survey-compare.db"

static const char tables[] =
    "CREATE TABLE pairs (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT NOT NULL,"
    " a_began TEXT, b_began TEXT, hosts_kept INTEGER NOT NULL, keys_kept INTEGER NOT NULL);"
    "CREATE TABLE notes (pair INTEGER NOT NULL REFERENCES pairs, note TEXT NOT NULL);"
    "CREATE TABLE hosts (pair INTEGER NOT NULL REFERENCES pairs, ip TEXT NOT NULL,"
    " change TEXT NOT NULL, reason TEXT);"
    "CREATE TABLE keys (pair INTEGER NOT NULL REFERENCES pairs, fp TEXT NOT NULL,"
    " change TEXT NOT NULL, hosts_a INTEGER NOT NULL, hosts_b INTEGER NOT NULL);"
    "CREATE TABLE changes (id INTEGER PRIMARY KEY, pair INTEGER NOT NULL REFERENCES pairs,"
    " change TEXT NOT NULL);"
    "CREATE TABLE change_clusters (change INTEGER NOT NULL REFERENCES changes,"
    " run TEXT NOT NULL, cluster INTEGER NOT NULL, size INTEGER NOT NULL);"
    "CREATE TABLE change_hosts (change INTEGER NOT NULL REFERENCES changes,"
    " ip TEXT NOT NULL, what TEXT NOT NULL);"
    "CREATE TABLE change_keys (change INTEGER NOT NULL REFERENCES changes,"
    " fp TEXT NOT NULL, what TEXT NOT NULL);";

static const char indices[] = "CREATE INDEX hosts_ip ON hosts (ip);"
			      "CREATE INDEX keys_fp ON keys (fp);"
			      "CREATE INDEX change_clusters_change ON change_clusters (change);"
			      "CREATE INDEX change_hosts_ip ON change_hosts (ip);"
			      "CREATE INDEX change_keys_fp ON change_keys (fp);";

struct filling {
	sqlite3 *db;
	bool failed;
	int64_t changes;
};

static void
run_sql(struct filling *f, const char *sql)
{
	if (!f->failed && sqlite3_exec(f->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		f->failed = true;
}

static sqlite3_stmt *
prepare(struct filling *f, const char *sql)
{
	sqlite3_stmt *s = NULL;

	if (!f->failed && sqlite3_prepare_v2(f->db, sql, -1, &s, NULL) != SQLITE_OK)
		f->failed = true;
	return s;
}

/* One row; its values by the letters of types: i int64_t, s text or NULL. */
static void
put(struct filling *f, sqlite3_stmt *s, const char *types, ...)
{
	va_list ap;

	if (f->failed)
		return;
	va_start(ap, types);
	for (int i = 0; types[i] != '\0'; i++) {
		if (types[i] == 'i')
			sqlite3_bind_int64(s, i + 1, va_arg(ap, int64_t));
		else
			sqlite3_bind_text(s, i + 1, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
	}
	va_end(ap);
	if (sqlite3_step(s) != SQLITE_DONE)
		f->failed = true;
	sqlite3_reset(s);
}

static void
put_pair(struct filling *f, int64_t pair, const struct comparison *c)
{
	sqlite3_stmt *s = prepare(f, "INSERT INTO pairs VALUES (?,?,?,?,?,?,?)");
	char a[TIME_SIZE], b[TIME_SIZE];

	put(f, s, "issssii", pair, c->run_a->path, c->run_b->path,
	    c->run_a->began != TIME_UNKNOWN ? time_format(c->run_a->began, a) : NULL,
	    c->run_b->began != TIME_UNKNOWN ? time_format(c->run_b->began, b) : NULL,
	    (int64_t)c->m.kept, (int64_t)c->m.kept_keys);
	sqlite3_finalize(s);
	s = prepare(f, "INSERT INTO notes VALUES (?,?)");
	for (const char *line = c->notes.data, *end; (end = strchr(line, '\n')) != NULL;
	     line = end + 1) {
		char *note = xstrndup(line, (size_t)(end - line));

		put(f, s, "is", pair, note);
		free(note);
	}
	sqlite3_finalize(s);
}

static void
put_hosts(struct filling *f, int64_t pair, const struct comparison *c)
{
	const struct match *m = &c->m;
	const struct {
		const struct match_list *l;
		const struct study *st;
		const char *change;
	} lists[] = { { &m->new_hosts, m->b, "new" }, { &m->gone_hosts, m->a, "gone" },
		{ &m->changed, m->a, "changed" }, { &m->rekeyed, m->a, "rekeyed" },
		{ &m->repaired, m->a, "repaired" } };
	sqlite3_stmt *s = prepare(f, "INSERT INTO hosts VALUES (?,?,?,?)");
	char ip[IP_STRLEN];

	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++) {
		for (size_t i = 0; i < lists[k].l->n; i++)
			put(f, s, "isss", pair,
			    ip_format(&lists[k].st->hosts[lists[k].l->v[i]].ip, ip),
			    lists[k].change, lists[k].l == &m->gone_hosts ? c->gone_why[i] : NULL);
	}
	sqlite3_finalize(s);
}

static int64_t
hosts_of(const struct study *st, uint32_t key)
{
	return key != STUDY_NONE ? (int64_t)st->keys[key].nhosts : 0;
}

static void
put_keys(struct filling *f, int64_t pair, const struct match *m)
{
	const struct {
		const struct match_list *l;
		const char *change;
	} lists[] = { { &m->new_keys, "new" }, { &m->gone_keys, "gone" }, { &m->spread, "spread" },
		{ &m->shrunk, "shrunk" }, { &m->moved, "moved" } };
	sqlite3_stmt *s = prepare(f, "INSERT INTO keys VALUES (?,?,?,?,?)");
	char fp[2 * KEY_LEN + 1];

	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++) {
		bool of_b = lists[k].l == &m->new_keys;

		for (size_t i = 0; i < lists[k].l->n; i++) {
			uint32_t key = lists[k].l->v[i];

			hex_format((of_b ? m->b : m->a)->keys[key].fp, KEY_LEN, fp);
			put(f, s, "issii", pair, fp, lists[k].change,
			    hosts_of(m->a, of_b ? m->key_a[key] : key),
			    hosts_of(m->b, of_b ? key : m->key_b[key]));
		}
	}
	sqlite3_finalize(s);
}

static void
put_clusters_of(struct filling *f, sqlite3_stmt *s, const char *run, const struct study *st,
    const struct match_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		put(f, s, "isii", f->changes, run, (int64_t)st->clusters[l->v[i]].id,
		    (int64_t)st->clusters[l->v[i]].hosts.n);
}

static void
put_hosts_of(struct filling *f, sqlite3_stmt *s, const char *what, const struct study *st,
    const struct match_list *l)
{
	char ip[IP_STRLEN];

	for (size_t i = 0; i < l->n; i++)
		put(f, s, "iss", f->changes, ip_format(&st->hosts[l->v[i]].ip, ip), what);
}

static void
put_keys_of(struct filling *f, sqlite3_stmt *s, const char *what, const struct study *st,
    const struct match_list *l)
{
	char fp[2 * KEY_LEN + 1];

	for (size_t i = 0; i < l->n; i++) {
		if (!st->keys[l->v[i]].named)
			continue;
		hex_format(st->keys[l->v[i]].fp, KEY_LEN, fp);
		put(f, s, "iss", f->changes, fp, what);
	}
}

static void
put_changes(struct filling *f, int64_t pair, const struct match *m)
{
	sqlite3_stmt *change = prepare(f, "INSERT INTO changes VALUES (?,?,?)");
	sqlite3_stmt *cluster = prepare(f, "INSERT INTO change_clusters VALUES (?,?,?,?)");
	sqlite3_stmt *host = prepare(f, "INSERT INTO change_hosts VALUES (?,?,?)");
	sqlite3_stmt *key = prepare(f, "INSERT INTO change_keys VALUES (?,?,?)");

	for (size_t i = 0; i < m->ngroups; i++) {
		const struct match_group *g = &m->groups[i];

		put(f, change, "iis", ++f->changes, pair, match_change_names[g->change]);
		put_clusters_of(f, cluster, "a", m->a, &g->a);
		put_clusters_of(f, cluster, "b", m->b, &g->b);
		put_hosts_of(f, host, "added", m->b, &g->added);
		put_hosts_of(f, host, "removed", m->a, &g->removed);
		put_hosts_of(f, host, "rekeyed", m->a, &g->rekeyed);
		put_keys_of(f, key, "new", m->b, &g->new_keys);
		put_keys_of(f, key, "gone", m->a, &g->gone_keys);
	}
	sqlite3_finalize(change);
	sqlite3_finalize(cluster);
	sqlite3_finalize(host);
	sqlite3_finalize(key);
}

static void
fill(struct filling *f, const struct comparison *c, size_t n)
{
	run_sql(f, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN");
	run_sql(f, tables);
	for (size_t i = 0; i < n; i++) {
		int64_t pair = (int64_t)i + 1;

		put_pair(f, pair, &c[i]);
		put_hosts(f, pair, &c[i]);
		put_keys(f, pair, &c[i].m);
		put_changes(f, pair, &c[i].m);
	}
	run_sql(f, indices);
	run_sql(f, "COMMIT");
}

int
compare_write_db(const char *dir, const struct comparison *c, size_t n)
{
	char *path = path_join(dir, COMPARE_FILE);
	struct filling f = { .db = NULL };
	struct outfile out;
	int rc = -1;

	if (outfile_open(&out, path) == -1) {
		log_error("cannot write %s: %s", path, strerror(errno));
		free(path);
		return -1;
	}
	if (store_open_file(out.tmp, SQLITE_OPEN_READWRITE, &f.db) != SQLITE_OK)
		f.failed = true;
	fill(&f, c, n);
	if (f.failed)
		log_error(
		    "cannot write %s: %s", path, f.db != NULL ? sqlite3_errmsg(f.db) : "no memory");
	if (sqlite3_close(f.db) != SQLITE_OK)
		f.failed = true;
	if (f.failed)
		outfile_abort(&out);
	else if ((rc = outfile_commit(&out)) == -1)
		log_error("cannot write %s: %s", path, strerror(errno));
	free(path);
	return rc;
}
