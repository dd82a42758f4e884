/* Mail domains in survey.db. */
#ifndef STORE_MAILDB_H
#define STORE_MAILDB_H

#include "survey/study.h"

struct insert;
struct sqlite3;

/* Fill the tables from st->mail, or leave them empty. */
void maildb_write(struct insert *r, const struct study *st);

/*
 * Read them into st->mail, which stays NULL where no domain stands.  What is not understood is
 * added to st->bad.  Returns 0; -1: SQLite could not.  A database without these tables has none.
 */
int maildb_read(struct sqlite3 *db, struct study *st);

#endif
