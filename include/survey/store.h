/* The study on disk: survey.db. */
/* Layer: store */
#ifndef SURVEY_STORE_H
#define SURVEY_STORE_H

#include <signal.h>

#include "survey/study.h"

struct explainer;
struct outfile;
struct sqlite3;

#define STORE_FILE "survey.db"
#define STORE_APPLICATION 0x73757276 /* "surv": PRAGMA application_id */
#define STORE_SCHEMA 2 /* PRAGMA user_version */

/*
 * Write the whole study into out, which is open and empty.  Its bytes depend on nothing but the
 * study.  Returns 0; -1 with a message in *error (the caller frees it), NULL when
 * *stop was set.  stop may be NULL, and so may explainer, which is of the same study.
 */
int store_write(const struct study *st, struct explainer *explainer, const struct outfile *out,
    const volatile sig_atomic_t *stop, char **error);

/*
 * Open a survey.db of this schema, read only, for SQL.  path is the file or
 * the directory that holds it.  The caller closes it.  NULL with a message in *error
 * (the caller frees it) when there is none or it is of another schema.
 */
struct sqlite3 *store_open(const char *path, char **error);
/* An in-memory database of the same tables for a study that has none (an imported one).  Likewise. */
struct sqlite3 *store_memory(const struct study *st, char **error);

/*
 * sqlite3_open_v2() for the regular file, with flags beside NOMUTEX.  In another user's directory
 * (foreign.h) no link is followed.  Returns SQLITE_OK, or an error with or without *db.
 */
int store_open_file(const char *file, int flags, struct sqlite3 **db);

/* Is there a survey.db of this schema at path, a file or the directory that holds it? */
bool store_is_there(const char *path);

#endif
