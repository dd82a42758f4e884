/*
 * A study from files that are no survey.db of this schema: a directory with
 * clusters.json, all-key-fingerprints.json, verdicts.ndjson and an earlier
 * survey.db, or a collisions.json.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/filekind.h"
#include "survey/jsontext.h"
#include "survey/log.h"
#include "survey/rundir.h"
#include "survey/store.h"
#include "survey/text.h"

#include "gather.h"
#include "connect.h"
#include "import.h"

/* Versions and software, which no other file tells. */
static void
read_version(struct gather *im, sqlite3_stmt *row)
{
	const char *text = (const char *)sqlite3_column_text(row, 0);
	sqlite3_int64 port = sqlite3_column_int64(row, 1);
	uint32_t host = STUDY_NONE, *fields[2];
	struct facts *f;
	int n;

	if (text != NULL)
		host = gather_known_host(im, text, (size_t)sqlite3_column_bytes(row, 0));
	if (host == STUDY_NONE || port < 0 || port > UINT16_MAX ||
	    (n = port_index((unsigned)port)) == -1)
		return;
	f = gather_facts(im, host, n);
	fields[0] = &f->version;
	fields[1] = &f->software;
	for (int c = 0; c < 2; c++) {
		text = (const char *)sqlite3_column_text(row, 2 + c);
		if (text != NULL && *fields[c] == STUDY_NO_TEXT)
			*fields[c] = study_builder_text(
			    im->b, text, (size_t)sqlite3_column_bytes(row, 2 + c));
	}
}

static void
read_versions(struct gather *im, const char *path)
{
	sqlite3_stmt *rows = NULL;
	sqlite3 *db = NULL;
	int rc = store_connect(path, &db);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db,
		    "SELECT h.ip, p.port, p.version, p.software FROM host_ports p "
		    "JOIN hosts h ON h.id = p.host WHERE p.key IS NOT NULL "
		    "ORDER BY h.id, p.port, p.grab",
		    -1, &rows, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
		read_version(im, rows);
		rc = SQLITE_OK;
	}
	if (rc != SQLITE_DONE)
		log_warn("cannot read %s: %s: versions stay unknown", path,
		    db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
	sqlite3_finalize(rows);
	sqlite3_close(db);
}

/* A file of results in the address space: written once and renamed, it never shrinks under us. */
struct mapped {
	const char *text;
	size_t len;
};

/* Returns 1, 0 when there is no such file, or -1 after a message. */
static int
map_file(struct mapped *m, const char *path)
{
	int fd = file_open(path, O_RDONLY | O_NONBLOCK, 0);
	struct stat sb;
	void *p;

	*m = (struct mapped){ "", 0 };
	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1 || fstat(fd, &sb) == -1)
		goto fail;
	if (!S_ISREG(sb.st_mode)) {
		errno = EINVAL;
		goto fail;
	}
	if (sb.st_size > 0) {
		p = mmap(NULL, (size_t)sb.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED)
			goto fail;
		*m = (struct mapped){ p, (size_t)sb.st_size };
		madvise(p, m->len, MADV_SEQUENTIAL);
	}
	close(fd);
	return 1;
fail:
	log_error("cannot read %s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return -1;
}

static void
unmap(struct mapped *m)
{
	if (m->len > 0)
		munmap((void *)(uintptr_t)m->text, m->len);
}

/* Who has lost hosts has lost clusters, and may not know it. */
static int
refuse_torn(const struct gather *im, const char *path)
{
	if (!im->torn)
		return 0;
	log_error("%s is not whole: its array does not end, and without the rest there are other "
		  "clusters",
	    path);
	return -1;
}

/* Read a file of the directory; as map_file(). */
static int
read_file(struct gather *im, const char *dir, const char *name,
    void (*reader)(struct gather *, const char *, size_t))
{
	char *path = path_join(dir, name);
	struct mapped m;
	int rc = map_file(&m, path);

	if (rc == 1) {
		reader(im, m.text, m.len);
		rc = refuse_torn(im, path) == -1 ? -1 : 1;
	}
	unmap(&m);
	free(path);
	return rc;
}

/* Where survey.db can be made, say how: it tells more. */
static void
say_what_is_better(const char *dir)
{
	char *records = rundir_records(dir);

	if (records != NULL)
		log_info("%s has no %s of this version: `survey analyze %s` makes it", dir,
		    STORE_FILE, dir);
	free(records);
}

static int
read_dir(struct gather *im, const char *dir)
{
	char *db;
	int rc = read_file(im, dir, "clusters.json", gather_clusters), all;
	bool clusters = rc == 1;

	if (rc == 0 && (rc = read_file(im, dir, "collisions.json", gather_collisions)) == 0) {
		log_error("%s has no survey.db of this version, clusters.json or collisions.json: "
			  "`survey analyze` makes them from records.fresh",
		    dir);
		return -1;
	}
	if (rc == -1 || (all = read_file(im, dir, "all-key-fingerprints.json", gather_hosts)) == -1)
		return -1;
	im->all_hosts = all == 1;
	/* What it says of hosts in clusters, collisions.json says too. */
	if (all == 0 && clusters && read_file(im, dir, "collisions.json", gather_hosts) == -1)
		return -1;
	/* After the hosts are known, and over what their names alone would imply. */
	if (read_file(im, dir, "verdicts.ndjson", gather_verdicts) == -1)
		return -1;
	db = path_join(dir, STORE_FILE);
	if (access(db, F_OK) == 0)
		read_versions(im, db);
	free(db);
	say_what_is_better(dir);
	return 0;
}

/* By gzip or zstd. */
static bool
is_packed(const struct mapped *m)
{
	return m->len >= 4 &&
	       (memcmp(m->text, "\x1f\x8b", 2) == 0 || memcmp(m->text, "\x28\xb5\x2f\xfd", 4) == 0);
}

/* Why a file is none that a study can be read from. */
static void
tell_lone(const char *path, const struct mapped *m, const struct gather *im)
{
	size_t len = m->len < FILEKIND_BYTES ? m->len : FILEKIND_BYTES;
	const struct filekind *kind = filekind_tell(m->text, len);
	size_t at = jsontext_skip_blanks(m->text, len, 0);

	if (kind != NULL && !kind->hosts)
		log_error("%s is %s", path, kind->what);
	else if (is_packed(m))
		log_error("%s is compressed: `survey analyze %s -o DIR` reads compressed records; "
			  "unpack a collisions.json first",
		    path, path);
	else if (at < len && m->text[at] == '{' && filekind_is_record(m->text, len, at))
		log_error("%s holds records: `survey analyze %s -o DIR` makes a study of them, "
			  "which this command reads",
		    path, path);
	else if (im->nhosts > 0)
		log_error("%s is %s: hosts with their keys, but without the pairs that share one. "
			  "survey graph, report, stats, find, cluster, compare and export read the "
			  "directory that it is in, or a collisions.json",
		    path,
		    im->any_clusters ? "an all-key-fingerprints.json" : "a fingerprints.json");
	else
		log_error(
		    "%s holds no host: it is neither a survey.db nor a collisions.json", path);
}

/* Is it a collisions.json, ours or that of an earlier study? */
static bool
is_collisions(const struct mapped *m, const struct gather *im)
{
	const struct filekind *kind = filekind_tell(
	    m->text, m->len < FILEKIND_BYTES ? m->len : FILEKIND_BYTES);

	return im->nhosts > 0 && im->any_pairs && (kind == NULL || kind->hosts);
}

static int
read_lone(struct gather *im, const char *path)
{
	struct mapped m;
	int rc = map_file(&m, path);

	if (rc == 0)
		log_error("%s: %s", path, strerror(ENOENT));
	if (rc != 1)
		return -1;
	gather_collisions(im, m.text, m.len);
	rc = is_collisions(&m, im) ? 0 : -1;
	if (rc == -1)
		tell_lone(path, &m, im);
	else
		rc = refuse_torn(im, path);
	unmap(&m);
	return rc;
}

struct study *
study_import(const char *path)
{
	struct study *st = NULL;
	struct gather *im;
	struct stat sb;
	int rc;

	if (stat(path, &sb) == -1) {
		log_error("%s: %s", path, strerror(errno));
		return NULL;
	}
	im = gather_new();
	rc = S_ISDIR(sb.st_mode) ? read_dir(im, path) : read_lone(im, path);
	if (rc == 0)
		st = gather_finish(im);
	if (st != NULL && st->bad > 0)
		log_warn("%s: %llu %s not understood and left out", path,
		    (unsigned long long)st->bad, text_noun(st->bad, "entry was", "entries were"));
	if (st != NULL && st->odd_keys > 0)
		log_info("%s: %llu %s no name", path, (unsigned long long)st->odd_keys,
		    text_noun(st->odd_keys, "fingerprint is no SHA-256; this key has",
			"fingerprints are no SHA-256; these keys have"));
	gather_free(im);
	return st;
}
