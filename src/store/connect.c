/* A survey.db found and opened, with nothing read from it yet. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/foreign.h"
#include "survey/mem.h"
#include "survey/store.h"

#include "connect.h"
#include "schema.h"

char *
store_db_path(const char *path)
{
	return file_is_dir(path) ? path_join(path, STORE_FILE) : xstrdup(path);
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
	/* What a file has made of our schema is not run: no triggers, and we ask no views. */
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

/*
 * Does it have our tables, as we make them?  Columns may have been added at their ends.  A view in
 * a table's place, or a column that is computed, could go on without end.
 */
static bool
has_our_tables(sqlite3 *db)
{
	sqlite3_stmt *s = NULL;
	bool good = sqlite3_prepare_v2(db,
			"SELECT count(*) FROM sqlite_master WHERE "
			"substr(sql, 1, length(?1)) = ?1 AND substr(sql, length(?1) + 1, 1) IN "
			"(',', ')')",
			-1, &s, NULL) == SQLITE_OK;

	for (const char *at = store_tables, *end; good && (end = strstr(at, ");")) != NULL;
	     at = end + 2) {
		sqlite3_bind_text(s, 1, at, (int)(end - at), SQLITE_STATIC);
		good = sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int(s, 0) == 1;
		sqlite3_reset(s);
	}
	sqlite3_finalize(s);
	return good;
}

int
store_try_open(const char *file, sqlite3 **db, char **error)
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
	/* Before 1.1 was complete, its schema lacked tables and columns. */
	if (schema == STORE_SCHEMA &&
	    pragma_number(*db, "PRAGMA application_id") == STORE_APPLICATION && has_our_tables(*db))
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
	char *file = store_db_path(path);
	sqlite3 *db;

	if (store_try_open(file, &db, error) == 0)
		*error = xasprintf("%s is no survey.db of this version; `survey analyze` makes one "
				   "where the records are",
		    file);
	free(file);
	return db;
}

bool
store_is_there(const char *path)
{
	char *file = store_db_path(path), *error;
	sqlite3 *db;
	bool there = store_try_open(file, &db, &error) == 1;

	sqlite3_close(db);
	free(error);
	free(file);
	return there;
}
