#ifndef STORE_CONNECT_H
#define STORE_CONNECT_H

#include <sqlite3.h>

/* The database that path, of a run directory or of itself, stands for; the caller frees it. */
char *store_db_path(const char *path);

/* A database that need not be ours, read only.  SQLITE_OK, or an error with or without *db. */
int store_connect(const char *file, sqlite3 **db);

/*
 * 1 and *db, which the caller closes: a survey.db of this schema; 0: no such thing; -1: a message in
 * *error, which the caller frees.
 */
int store_try_open(const char *file, sqlite3 **db, char **error);

#endif
