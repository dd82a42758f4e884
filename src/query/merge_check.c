/* Which runs are given, and whether they make one. */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/command.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/rfc3339.h"
#include "survey/store.h"
#include "survey/text.h"

#include "merge.h"

static bool
is_there(const char *dir, const char *name)
{
	char *path = path_join(dir, name);
	bool there = access(path, R_OK) == 0;

	free(path);
	return there;
}

static enum merge_records
find_records(const char *dir)
{
	return is_there(dir, "records.fresh")	    ? RECORDS_PLAIN
	       : is_there(dir, "records.fresh.gz")  ? RECORDS_GZIP
	       : is_there(dir, "records.fresh.zst") ? RECORDS_ZSTD
						    : RECORDS_NONE;
}

/* Whoever looks at the result is to know it; text is taken over. */
static void
say(struct merge *m, char *text)
{
	buf_printf(&m->why, "%s%s", m->why.len > 0 ? "; " : "", text);
	free(text);
}

static void
fault(struct merge *m, char *text)
{
	m->nfaults++;
	if (m->o->partial)
		log_warn("%s", text);
	else
		log_error("%s", text);
	say(m, text);
}

static char *
column_copy(sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	return text != NULL && *text != '\0' ? xstrdup(text) : NULL;
}

static int64_t
column_time(sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	return text != NULL ? time_parse(text, strlen(text)) : TIME_UNKNOWN;
}

/* The rows of a source's table `runs`.  Returns 0, or -1 after a message. */
static int
read_runs(struct merge *m, size_t number)
{
	struct merge_source *src = &m->sources[number];
	sqlite3_stmt *s = NULL;
	char *error = NULL;
	sqlite3 *db = store_open(src->path, &error);
	int rc = -1;

	if (db == NULL) {
		log_error("%s", error);
		free(error);
		return -1;
	}
	src->run0 = m->nruns;
	if (sqlite3_prepare_v2(db,
		"SELECT name, config_sha256, tools, countries, seed, shard, shards, began, ended, "
		"hosts, lines FROM runs ORDER BY id",
		-1, &s, NULL) != SQLITE_OK)
		goto out;
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t began = column_time(s, 7), ended = column_time(s, 8);

		m->runs = xreallocarray(m->runs, (size_t)m->nruns + 1, sizeof(*m->runs));
		m->runs[m->nruns++] = (struct merge_run){ .source = number,
			.name = column_copy(s, 0),
			.config_sha256 = column_copy(s, 1),
			.tools = column_copy(s, 2),
			.countries = column_copy(s, 3),
			.seed = (uint64_t)sqlite3_column_int64(s, 4),
			.shard = (uint32_t)sqlite3_column_int64(s, 5),
			.shards = (uint32_t)sqlite3_column_int64(s, 6),
			.when = ended != TIME_UNKNOWN ? ended : began };
		src->hosts += (uint64_t)sqlite3_column_int64(s, 9);
		src->lines += (uint64_t)sqlite3_column_int64(s, 10);
	}
	src->nruns = m->nruns - src->run0;
	if (src->m.found.lines > 0)
		src->lines = src->m.found.lines + src->m.found.blank_lines;
	if (src->nruns == 1 && src->m.lists_digest != NULL)
		m->runs[src->run0].lists_sha256 = xstrdup(src->m.lists_digest);
out:
	if (rc != SQLITE_DONE)
		log_error("%s: %s", src->path, sqlite3_errmsg(db));
	sqlite3_finalize(s);
	sqlite3_close(db);
	return rc == SQLITE_DONE ? 0 : -1;
}

/* Is there anything to merge?  Returns 0, or -1 after a message. */
static int
open_source(struct merge *m, size_t number)
{
	struct merge_source *src = &m->sources[number];
	const char *given = m->o->runs[number];
	struct stat st;

	src->lock = -1;
	manifest_init_results(&src->m);
	if ((src->path = realpath(given, NULL)) == NULL || stat(src->path, &st) == -1) {
		log_error("%s: %s", given, strerror(errno));
		return -1;
	}
	if (!S_ISDIR(st.st_mode)) {
		log_error("%s: a run's directory is needed, or one that analyze -o made", given);
		return -1;
	}
	src->dev = st.st_dev;
	src->ino = st.st_ino;
	for (size_t i = 0; i < number; i++) {
		if (m->sources[i].dev == st.st_dev && m->sources[i].ino == st.st_ino) {
			log_error("%s is given twice", given);
			return -1;
		}
	}
	(void)manifest_read(&src->m, src->path);
	if (src->m.anonymised || is_there(src->path, "ANONYMISED")) {
		log_error(
		    "%s is an anonymised copy: its pseudonyms are those of no other run", given);
		return -1;
	}
	src->lock = rundir_lock(src->path);
	if (src->lock == -1 && (errno == EWOULDBLOCK || rundir_is_locked(src->path))) {
		log_error("%s: a running survey or analysis writes there; wait for it", given);
		return -1;
	}
	src->records = find_records(src->path);
	return read_runs(m, number);
}

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Shards of one scan have the same seed and the same number of them. */
static bool
same_scan(const struct merge_run *a, const struct merge_run *b)
{
	return a->shards > 1 && a->shards == b->shards && a->seed == b->seed && a->seed != 0 &&
	       same(a->name, b->name);
}

/* "zmap 2.1.1" of "zmap 2.1.1, zgrab2 1.0.0". */
static size_t
zmap_version(const char *tools, const char **at)
{
	*at = tools != NULL ? strstr(tools, "zmap ") : NULL;
	return *at != NULL ? strcspn(*at, ",") : 0;
}

/* What all shards of a scan must have in common with its first one. */
static void
check_shard(struct merge *m, const struct merge_run *first, const struct merge_run *r)
{
	const char *path = m->sources[r->source].path, *one = m->sources[first->source].path;
	const char *a, *b;
	size_t na = zmap_version(first->tools, &a), nb = zmap_version(r->tools, &b);

	if (!same(first->config_sha256, r->config_sha256))
		fault(m, xasprintf("%s was run by another config than %s", path, one));
	if (first->lists_sha256 != NULL && r->lists_sha256 != NULL &&
	    strcmp(first->lists_sha256, r->lists_sha256) != 0)
		fault(m, xasprintf("%s scanned other ranges than %s", path, one));
	if (na > 0 && nb > 0 && (na != nb || memcmp(a, b, na) != 0))
		fault(m, xasprintf(
			     "%s was scanned by %.*s, %s by %.*s: their shards are cut differently",
			     path, (int)nb, b, one, (int)na, a));
}

/* Are all shards of this scan there, once each? */
static void
check_scan(struct merge *m, uint32_t scan)
{
	const struct merge_run *first = &m->runs[scan];
	size_t *by_shard = xcalloc((size_t)first->shards + 1, sizeof(*by_shard));
	struct buf missing;
	uint32_t n = 0;

	buf_init(&missing);
	for (uint32_t i = scan; i < m->nruns; i++) {
		const struct merge_run *r = &m->runs[i];

		if (r->scan != scan || r->shard >= r->shards)
			continue;
		check_shard(m, first, r);
		if (by_shard[r->shard] != 0)
			fault(m, xasprintf("%s and %s are both shard %u of %u",
				     m->sources[by_shard[r->shard] - 1].path,
				     m->sources[r->source].path, r->shard, r->shards));
		by_shard[r->shard] = r->source + 1;
	}
	for (uint32_t i = 0; i < first->shards; i++) {
		if (by_shard[i] == 0)
			buf_printf(&missing, "%s%u", n++ > 0 ? ", " : "", i);
	}
	if (n > 0)
		fault(m, xasprintf("%s %s of %u %s missing from the scan of %s",
			     text_noun(n, "shard", "shards"), missing.data, first->shards,
			     text_noun(n, "is", "are"), m->sources[first->source].path));
	buf_fini(&missing);
	free(by_shard);
}

/* Shards of scans that differ only by the seed are mostly meant to be of one. */
static void
check_seeds(struct merge *m, uint32_t scan)
{
	const struct merge_run *r = &m->runs[scan];

	for (uint32_t i = 0; i < scan; i++) {
		const struct merge_run *other = &m->runs[i];

		if (other->scan == i && other->shards == r->shards && other->seed != r->seed &&
		    same(other->name, r->name)) {
			fault(m,
			    xasprintf("%s was scanned with the seed %llu, %s with %llu: "
				      "these are shards of different scans",
				m->sources[r->source].path, (unsigned long long)r->seed,
				m->sources[other->source].path, (unsigned long long)other->seed));
			return;
		}
	}
}

static bool
scan_is_whole(const struct merge *m, uint32_t scan)
{
	uint32_t n = 0;

	for (uint32_t i = scan; i < m->nruns; i++)
		n += m->runs[i].scan == scan;
	return n == m->runs[scan].shards;
}

static void
check_state(struct merge *m, const struct merge_source *src)
{
	if (src->m.state == RUN_INCOMPLETE || src->m.found.incomplete) {
		m->incomplete = true;
		log_warn("%s is incomplete, and so is what is made of it", src->path);
		if (src->m.state_text != NULL)
			say(m, xasprintf("%s is incomplete: %s", src->path, src->m.state_text));
	} else if (!manifest_is_finished(&src->m)) {
		fault(m,
		    xasprintf("%s is not finished (%s)", src->path, run_state_name[src->m.state]));
	}
}

static void
find_scans(struct merge *m)
{
	m->scan_when = xcalloc((size_t)m->nruns + 1, sizeof(*m->scan_when));
	for (uint32_t i = 0; i < m->nruns; i++) {
		struct merge_run *r = &m->runs[i];

		r->scan = i;
		m->scan_when[i] = r->when;
		for (uint32_t k = 0; k < i; k++) {
			if (same_scan(&m->runs[k], r)) {
				r->scan = m->runs[k].scan;
				break;
			}
		}
		if (r->when != TIME_UNKNOWN &&
		    (m->scan_when[r->scan] == TIME_UNKNOWN || r->when > m->scan_when[r->scan]))
			m->scan_when[r->scan] = r->when;
	}
}

static void
add_country(struct merge *m, const char *cc, size_t len)
{
	for (size_t i = 0; i < m->ncountries; i++) {
		if (strlen(m->countries[i]) == len && memcmp(m->countries[i], cc, len) == 0)
			return;
	}
	m->countries = xreallocarray(m->countries, m->ncountries + 1, sizeof(*m->countries));
	m->countries[m->ncountries++] = xstrndup(cc, len);
}

/* Whoever is in one of the countries takes part. */
static void
find_countries(struct merge *m)
{
	for (uint32_t i = 0; i < m->nruns; i++) {
		const char *at = m->runs[i].countries;

		if (at == NULL || strcmp(at, "XX") == 0) {
			m->any_country = true;
			continue;
		}
		for (size_t len; *at != '\0'; at += len + (at[len] == ','))
			add_country(m, at, len = strcspn(at, ","));
	}
}

int
merge_check(struct merge *m)
{
	for (size_t i = 0; i < m->nsources; i++) {
		if (open_source(m, i) == -1)
			return EXIT_USAGE;
	}
	find_scans(m);
	find_countries(m);
	for (size_t i = 0; i < m->nsources; i++)
		check_state(m, &m->sources[i]);
	for (uint32_t i = 0; i < m->nruns; i++) {
		if (m->runs[i].scan != i || m->runs[i].shards < 2)
			continue;
		check_scan(m, i);
		if (!scan_is_whole(m, i))
			check_seeds(m, i);
	}
	if (m->nfaults == 0)
		return 0;
	if (!m->o->partial) {
		log_error("these runs do not add up to one; --partial merges them all the same, "
			  "and says so in the result");
		return EXIT_USAGE;
	}
	m->incomplete = true;
	return 0;
}
