/* Which runs a command line names. */
#include <dirent.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/foreign.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/query.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"
#include "survey/store.h"

static bool
is_study(const char *dir)
{
	return file_is_in(dir, STORE_FILE) || file_is_in(dir, "clusters.json") ||
	       file_is_in(dir, "collisions.json");
}

static char *
last_part(const char *path)
{
	size_t end = strlen(path), start;

	while (end > 1 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/'; start--)
		;
	return xstrndup(path + start, end - start);
}

/* The one value of a statement as a time. */
static int64_t
ask_time(sqlite3 *db, const char *sql)
{
	int64_t t = TIME_UNKNOWN;
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) == SQLITE_TEXT)
		t = time_parse(
		    (const char *)sqlite3_column_text(s, 0), (size_t)sqlite3_column_bytes(s, 0));
	sqlite3_finalize(s);
	return t;
}

/* What survey.db knows of it: records may be analysed years after they were made. */
static int64_t
began_of_store(const char *path)
{
	static const char *const statements[] = { "SELECT min(began) FROM runs",
		"SELECT min(scan_date) FROM runs", "SELECT min(time) FROM host_ports",
		"SELECT min(time) FROM hosts" };
	int64_t began = TIME_UNKNOWN;
	char *error = NULL;
	sqlite3 *db;

	if (!store_is_there(path) || (db = store_open(path, &error)) == NULL) {
		free(error);
		return TIME_UNKNOWN;
	}
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]) && began == TIME_UNKNOWN;
	     i++)
		began = ask_time(db, statements[i]);
	sqlite3_close(db);
	return began;
}

static void
add_one(struct query_runs *r, const char *path)
{
	struct query_run run = {
		.path = xstrdup(path), .name = last_part(path), .began = began_of_store(path)
	};
	struct manifest m;

	if (run.began == TIME_UNKNOWN && manifest_read(&m, path) == 0) {
		run.began = m.created != 0 ? m.created : TIME_UNKNOWN;
		manifest_fini(&m);
	}
	/* Runs of one name are called by their paths. */
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->v[i].name, run.name) != 0)
			continue;
		manifest_set(&r->v[i].name, r->v[i].path);
		manifest_set(&run.name, path);
	}
	mem_grow(&r->v, &r->cap, r->n + 1, sizeof(*r->v));
	r->v[r->n++] = run;
}

static int
by_time(const void *pa, const void *pb)
{
	const struct query_run *a = pa, *b = pb;

	if (a->began != b->began)
		return a->began < b->began ? -1 : 1;
	return strcmp(a->path, b->path);
}

void
query_runs_sort(struct query_runs *r)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].began == TIME_UNKNOWN)
			return;
	}
	if (r->n > 1)
		qsort(r->v, r->n, sizeof(*r->v), by_time);
}

/* Is a survey at work there, or is one to go on?  Results that no survey made are finished. */
static bool
is_unfinished(const char *path)
{
	struct manifest m;
	bool unfinished;

	if (manifest_read(&m, path) == -1)
		return false;
	unfinished = m.has_scan && m.state != RUN_INCOMPLETE && !manifest_is_finished(&m);
	manifest_fini(&m);
	if (unfinished)
		log_info("%s is not finished, and left out", path);
	return unfinished;
}

/* The finished runs below a directory such as run.directory. */
static size_t
add_below(struct query_runs *r, const char *dir)
{
	DIR *d = file_opendir(dir);
	const struct dirent *e;
	size_t first = r->n;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char *path = path_join(dir, e->d_name);
		struct stat sb;

		/* "latest" is a link to one of the others. */
		if (e->d_name[0] != '.' && lstat(path, &sb) == 0 && S_ISDIR(sb.st_mode) &&
		    is_study(path)) {
			(void)foreign_add(path, false);
			if (!is_unfinished(path))
				add_one(r, path);
		}
		free(path);
	}
	if (d != NULL)
		closedir(d);
	if (r->n > first)
		qsort(r->v + first, r->n - first, sizeof(*r->v), by_time);
	return r->n - first;
}

int
query_runs_add(struct query_runs *r, const char *path)
{
	struct stat sb;

	if (stat(path, &sb) == -1) {
		log_error("%s: %s", path, strerror(errno));
		return -1;
	}
	if (!S_ISDIR(sb.st_mode) || is_study(path)) {
		add_one(r, path);
		return 0;
	}
	if (add_below(r, path) > 0)
		return 0;
	log_error(
	    "%s holds no results, nor do finished runs in it; survey analyze makes them", path);
	return -1;
}

void
query_runs_fini(struct query_runs *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].path);
		free(r->v[i].name);
	}
	free(r->v);
	*r = (struct query_runs){ NULL, 0, 0 };
}

/* A copy for the owner of some hosts: by its file, or as a survey.db by itself by its rows. */
static bool
is_of_owner(sqlite3 *db, const char *path)
{
	sqlite3_stmt *s = NULL;
	bool of_owner = file_is_in(path, "others.json") ||
			(sqlite3_prepare_v2(db, "SELECT 1 FROM others", -1, &s, NULL) ==
				SQLITE_OK &&
			    sqlite3_step(s) == SQLITE_ROW);

	sqlite3_finalize(s);
	return of_owner;
}

sqlite3 *
query_open(const char *path, const char **lacks)
{
	char *error = NULL;
	struct study *st;
	sqlite3 *db = NULL;
	bool clustered = false;

	if (store_is_there(path)) {
		db = store_open(path, &error);
	} else if ((st = study_open(path, STUDY_ALL, 0)) != NULL) {
		clustered = (st->parts & STUDY_OTHERS) == 0;
		db = store_memory(st, &error);
		study_free(st);
	}
	if (error != NULL)
		log_error("%s", error);
	free(error);
	*lacks = NULL;
	if (db != NULL && is_of_owner(db, path))
		*lacks = "this copy tells only the hosts that it was made for";
	else if (clustered)
		*lacks = "this file tells only hosts in clusters";
	return db;
}
