#include <string.h>

#include "survey/buf.h"
#include "survey/hex.h"
#include "survey/study.h"

#include "insert.h"

#define STOP_ROWS 4096 /* how often the stop flag is looked at */

void
insert_init(struct insert *r, sqlite3 *db, const volatile sig_atomic_t *stop)
{
	memset(r, 0, sizeof(*r));
	r->db = db;
	r->stop = stop;
	arena_init(&r->copies);
}

void
insert_fini(struct insert *r)
{
	sqlite3_finalize(r->many);
	arena_fini(&r->copies);
}

static sqlite3_stmt *
prepare(struct insert *r, int nrows)
{
	sqlite3_stmt *s = NULL;
	struct buf sql;

	buf_init(&sql);
	buf_printf(&sql, "INSERT INTO %s VALUES ", r->table);
	for (int i = 0; i < nrows; i++) {
		buf_adds(&sql, i > 0 ? ",(?" : "(?");
		for (int k = 1; k < r->columns; k++)
			buf_adds(&sql, ",?");
		buf_addc(&sql, ')');
	}
	if (sqlite3_prepare_v2(r->db, sql.data, (int)sql.len, &s, NULL) != SQLITE_OK)
		r->failed = true;
	buf_fini(&sql);
	return s;
}

static int
bind(sqlite3_stmt *s, int at, const struct insert_value *v)
{
	switch (v->type) {
	case SQLITE_INTEGER:
		return sqlite3_bind_int64(s, at, v->number);
	case SQLITE_TEXT:
		return sqlite3_bind_text(s, at, v->data, -1, SQLITE_STATIC);
	case SQLITE_BLOB:
		return sqlite3_bind_blob64(s, at, v->data, (uint64_t)v->number, SQLITE_STATIC);
	default:
		return sqlite3_bind_null(s, at);
	}
}

/* The rows that have come together. */
static void
flush(struct insert *r)
{
	sqlite3_stmt *s = r->many;

	if (r->nrows < INSERT_ROWS)
		s = prepare(r, r->nrows);
	else if (s == NULL)
		s = r->many = prepare(r, INSERT_ROWS);
	/* One that is too large would leave that of an earlier row, whose text is gone. */
	for (int i = 0; i < r->nvalues && s != NULL && !r->failed; i++)
		r->failed = bind(s, i + 1, &r->values[i]) != SQLITE_OK;
	if (s == NULL || r->failed || sqlite3_step(s) != SQLITE_DONE)
		r->failed = true;
	sqlite3_reset(s);
	if (s != r->many)
		sqlite3_finalize(s);
	r->nrows = r->nvalues = 0;
	arena_reset(&r->copies);
}

void
insert_begin(struct insert *r, const char *table, int columns)
{
	r->table = table;
	r->columns = columns;
}

void
insert_end(struct insert *r)
{
	if (r->nrows > 0 && !r->failed)
		flush(r);
	r->nrows = r->nvalues = 0;
	sqlite3_finalize(r->many);
	r->many = NULL;
	arena_reset(&r->copies);
}

static void
value(struct insert *r, int type, const void *data, int64_t number)
{
	r->values[r->nvalues++] = (struct insert_value){ data, number, type };
}

void
insert_null(struct insert *r)
{
	value(r, SQLITE_NULL, NULL, 0);
}

void
insert_id(struct insert *r)
{
	insert_null(r);
}

void
insert_int(struct insert *r, int64_t v)
{
	value(r, SQLITE_INTEGER, NULL, v);
}

void
insert_text(struct insert *r, const char *s)
{
	value(r, s != NULL ? SQLITE_TEXT : SQLITE_NULL, s, 0);
}

void
insert_copy(struct insert *r, const char *s)
{
	insert_text(r, s != NULL ? arena_strndup(&r->copies, s, strlen(s)) : NULL);
}

void
insert_blob_copy(struct insert *r, const void *data, size_t len)
{
	void *copy = arena_alloc(&r->copies, len + 1);

	memcpy(copy, data, len);
	value(r, SQLITE_BLOB, copy, (int64_t)len);
}

void
insert_number(struct insert *r, uint32_t number)
{
	if (number != STUDY_NONE)
		insert_int(r, (int64_t)number + 1);
	else
		insert_null(r);
}

void
insert_address(struct insert *r, const struct ip *ip)
{
	insert_text(r, ip != NULL ? ip_format(ip, insert_room(r, IP_STRLEN)) : NULL);
}

void
insert_hex(struct insert *r, const uint8_t *p, size_t len)
{
	char *text = insert_room(r, 2 * len + 1);

	hex_format(p, len, text);
	insert_text(r, text);
}

char *
insert_room(struct insert *r, size_t size)
{
	return arena_alloc(&r->copies, size);
}

void
insert_row(struct insert *r)
{
	while (r->nvalues < (r->nrows + 1) * r->columns)
		insert_null(r);
	if (++r->nrows == INSERT_ROWS && !r->failed)
		flush(r);
	if (r->failed)
		r->nrows = r->nvalues = 0;
	if (r->stop != NULL && ++r->since % STOP_ROWS == 0 && *r->stop)
		r->failed = true;
}
