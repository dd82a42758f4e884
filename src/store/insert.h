/*
 * Rows for one table after another of a database that is being written.  Many
 * rows go into one statement: stepping it costs more than a row.
 */
#ifndef STORE_INSERT_H
#define STORE_INSERT_H

#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/ip.h"
#include "survey/mem.h"

#define INSERT_ROWS 16 /* more gain nothing */
#define INSERT_COLUMNS 20

struct insert_value {
	const void *data; /* NULL: an integer or SQL's NULL */
	int64_t number; /* of a blob: its bytes */
	int type; /* SQLITE_… */
};

struct insert {
	sqlite3 *db;
	const volatile sig_atomic_t *stop; /* looked at now and then; may be NULL */
	bool failed; /* or stopped: nothing more is written */
	const char *table;
	int columns, nrows, nvalues;
	unsigned since; /* rows since stop was looked at */
	sqlite3_stmt *many; /* for INSERT_ROWS rows, once there are so many */
	struct arena copies;
	struct insert_value values[INSERT_ROWS * INSERT_COLUMNS];
};

void insert_init(struct insert *r, sqlite3 *db, const volatile sig_atomic_t *stop);
void insert_fini(struct insert *r);

/* Rows of a table with that many columns follow; its name lives until insert_end(). */
void insert_begin(struct insert *r, const char *table, int columns);
void insert_end(struct insert *r);

/*
 * Column by column, then insert_row().  NULL is SQL's NULL.  insert_text() borrows until
 * insert_end(); insert_copy() and insert_blob_copy() do not.
 */
void insert_null(struct insert *r);
/* The row's own number, which is that of the row before and 1: SQLite need not search its place. */
void insert_id(struct insert *r);
void insert_int(struct insert *r, int64_t v);
void insert_text(struct insert *r, const char *s);
void insert_copy(struct insert *r, const char *s);
void insert_blob_copy(struct insert *r, const void *data, size_t len);

/* A number of something, from 1 in the database; STUDY_NONE and no address are NULL. */
void insert_number(struct insert *r, uint32_t number);
void insert_address(struct insert *r, const struct ip *ip);
void insert_hex(struct insert *r, const uint8_t *p, size_t len);

/* Room for a text of that size, such as insert_text() takes. */
char *insert_room(struct insert *r, size_t size);

/* Columns that got no value are NULL. */
void insert_row(struct insert *r);

#endif
