/* Weak keys in survey.db. */
#ifndef STORE_FINDINGS_H
#define STORE_FINDINGS_H

#include "survey/study.h"

struct insert;
struct sqlite3;

/* Fill the tables of findings from st->findings, or leave them empty. */
void findings_write(struct insert *r, const struct study *st);

/*
 * Read them into st->findings, which stays NULL where nobody has looked for weak keys.
 * What names a key that st has not is left out; what is not understood is added to
 * st->bad.  The keys' public_at are their ids in db.  Returns 0; -1: SQLite could not.
 */
int findings_read(struct sqlite3 *db, struct study *st);

#endif
