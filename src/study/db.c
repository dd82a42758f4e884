/* What only survey.db tells: protocol versions and software. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "survey/file.h"
#include "survey/log.h"

#include "study_read.h"

static void
read_rows(struct study *st, sqlite3_stmt *rows)
{
	int rc;

	while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
		const char *ip = (const char *)sqlite3_column_text(rows, 0);
		int ip_len = sqlite3_column_bytes(rows, 0), port = sqlite3_column_int(rows, 1);
		struct study_port *p;
		uint32_t host;

		if (ip == NULL || port <= 0 || port > UINT16_MAX ||
		    (host = study_find_host(st, ip, (size_t)ip_len)) == STUDY_NONE)
			continue;
		p = study_find_port(st, host, (uint16_t)port);
		if (p == NULL)
			continue;
		for (int c = 2; c <= 3; c++) {
			const char *s = (const char *)sqlite3_column_text(rows, c);
			const char **field = c == 2 ? &p->version : &p->software;

			if (s != NULL && *field == NULL)
				*field = study_text(st, s, (size_t)sqlite3_column_bytes(rows, c));
		}
		st->found.versions |= p->version != NULL;
	}
	if (rc != SQLITE_DONE)
		log_warn("survey.db: %s", sqlite3_errstr(rc));
}

void
study_read_db(struct study *st, const char *path)
{
	sqlite3_stmt *rows = NULL;
	struct stat sb;
	sqlite3 *db = NULL;

	if (stat(path, &sb) == -1)
		return; /* a directory need not have one */
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db,
		"SELECT h.ip, p.port, p.version, p.software FROM host_ports p "
		"JOIN hosts h ON h.id = p.host WHERE p.key IS NOT NULL "
		"ORDER BY h.id, p.port, p.grab",
		-1, &rows, NULL) != SQLITE_OK)
		log_warn("cannot read %s: %s: versions stay unknown", path,
		    db != NULL ? sqlite3_errmsg(db) : "out of memory");
	else
		read_rows(st, rows);
	sqlite3_finalize(rows);
	sqlite3_close(db);
}
