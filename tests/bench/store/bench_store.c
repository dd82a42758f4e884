/*
 * bench_store DB FOLDER: what survey.db costs beside a plain SQLite program.
 *
 * Writing: store_write() of the opened study, against the same rows of all tables held as
 * plain values in memory, inserted by one prepared statement a table in one transaction,
 * and the same indices.  Reading: study_open(), whole and the clusters alone, against
 * SELECT * of every table with every column looked at.  Prints medians of the rounds and ratios.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/mem.h"
#include "survey/store.h"

#define ROUNDS 5

struct value {
	int type;
	int len;
	union {
		int64_t number;
		char *bytes;
	};
};

struct table {
	char *insert; /* statement */
	int columns;
	size_t nvalues, cap;
	struct value *values;
};

struct content {
	struct table *tables;
	size_t ntables, tables_cap;
	struct buf schema, indices; /* statements that make them */
};

struct times {
	double cpu[ROUNDS], wall[ROUNDS];
	int n;
};

static double
seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
times_start(struct times *t)
{
	t->cpu[t->n] = seconds(CLOCK_PROCESS_CPUTIME_ID);
	t->wall[t->n] = seconds(CLOCK_MONOTONIC);
}

static void
times_stop(struct times *t)
{
	t->cpu[t->n] = seconds(CLOCK_PROCESS_CPUTIME_ID) - t->cpu[t->n];
	t->wall[t->n] = seconds(CLOCK_MONOTONIC) - t->wall[t->n];
	t->n++;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double values[ROUNDS], int n)
{
	qsort(values, (size_t)n, sizeof(*values), compare);
	return values[n / 2];
}

_Noreturn static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "bench_store: %s: %s\n", what, why);
	exit(1);
}

static sqlite3 *
open_db(const char *path, int flags)
{
	sqlite3 *db;

	if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK)
		fail(path, sqlite3_errmsg(db));
	return db;
}

static void
exec(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail(sql, sqlite3_errmsg(db));
}

static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		fail(sql, sqlite3_errmsg(db));
	return s;
}

static struct value
take(sqlite3_stmt *s, int column)
{
	struct value v = { .type = sqlite3_column_type(s, column) };

	if (v.type == SQLITE_INTEGER) {
		v.number = sqlite3_column_int64(s, column);
	} else if (v.type != SQLITE_NULL) {
		v.len = sqlite3_column_bytes(s, column);
		v.bytes = xmalloc((size_t)v.len + 1);
		memcpy(v.bytes, sqlite3_column_blob(s, column), (size_t)v.len);
	}
	return v;
}

static void
load_table(sqlite3 *db, const char *name, struct table *t)
{
	char *sql = xasprintf("SELECT * FROM %s", name);
	sqlite3_stmt *s = prepare(db, sql);
	struct buf b;

	t->columns = sqlite3_column_count(s);
	buf_init(&b);
	buf_printf(&b, "INSERT INTO %s VALUES (?", name);
	for (int i = 1; i < t->columns; i++)
		buf_adds(&b, ",?");
	buf_adds(&b, ")");
	t->insert = xstrdup(b.data);
	buf_fini(&b);
	while (sqlite3_step(s) == SQLITE_ROW) {
		mem_grow(&t->values, &t->cap, t->nvalues + (size_t)t->columns, sizeof(*t->values));
		for (int i = 0; i < t->columns; i++)
			t->values[t->nvalues++] = take(s, i);
	}
	sqlite3_finalize(s);
	free(sql);
}

static void
load(const char *path, struct content *c)
{
	sqlite3 *db = open_db(path, SQLITE_OPEN_READONLY);
	sqlite3_stmt *s = prepare(db, "SELECT type, name, sql FROM sqlite_master"
				      " WHERE type IN ('table', 'index') ORDER BY rowid");

	while (sqlite3_step(s) == SQLITE_ROW) {
		const char *type = (const char *)sqlite3_column_text(s, 0);
		const char *sql = (const char *)sqlite3_column_text(s, 2);

		if (strcmp(type, "index") == 0) {
			buf_printf(&c->indices, "%s;", sql);
			continue;
		}
		buf_printf(&c->schema, "%s;", sql);
		mem_grow(&c->tables, &c->tables_cap, c->ntables + 1, sizeof(*c->tables));
		c->tables[c->ntables] = (struct table){ .insert = NULL };
		load_table(db, (const char *)sqlite3_column_text(s, 1), &c->tables[c->ntables++]);
	}
	sqlite3_finalize(s);
	sqlite3_close(db);
}

static void
bind(sqlite3_stmt *s, int column, const struct value *v)
{
	if (v->type == SQLITE_NULL)
		sqlite3_bind_null(s, column);
	else if (v->type == SQLITE_INTEGER)
		sqlite3_bind_int64(s, column, v->number);
	else if (v->type == SQLITE_TEXT)
		sqlite3_bind_text(s, column, v->bytes, v->len, SQLITE_STATIC);
	else
		sqlite3_bind_blob(s, column, v->bytes, v->len, SQLITE_STATIC);
}

static void
write_plain(const struct content *c, const char *path)
{
	sqlite3 *db = open_db(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);

	exec(db, "PRAGMA journal_mode = OFF");
	exec(db, "PRAGMA synchronous = OFF");
	exec(db, "BEGIN");
	exec(db, c->schema.data);
	for (size_t i = 0; i < c->ntables; i++) {
		const struct table *t = &c->tables[i];
		sqlite3_stmt *s = prepare(db, t->insert);

		for (size_t v = 0; v < t->nvalues; v += (size_t)t->columns) {
			for (int k = 0; k < t->columns; k++)
				bind(s, k + 1, &t->values[v + (size_t)k]);
			if (sqlite3_step(s) != SQLITE_DONE)
				fail(t->insert, sqlite3_errmsg(db));
			sqlite3_reset(s);
		}
		sqlite3_finalize(s);
	}
	exec(db, c->indices.data);
	exec(db, "COMMIT");
	sqlite3_close(db);
}

static uint64_t
read_plain(const char *path)
{
	sqlite3 *db = open_db(path, SQLITE_OPEN_READONLY);
	sqlite3_stmt *names = prepare(db, "SELECT name FROM sqlite_master WHERE type = 'table'");
	uint64_t sum = 0;

	while (sqlite3_step(names) == SQLITE_ROW) {
		char *sql = xasprintf("SELECT * FROM %s", sqlite3_column_text(names, 0));
		sqlite3_stmt *s = prepare(db, sql);
		int columns = sqlite3_column_count(s);

		while (sqlite3_step(s) == SQLITE_ROW) {
			for (int i = 0; i < columns; i++) {
				if (sqlite3_column_type(s, i) == SQLITE_INTEGER)
					sum += (uint64_t)sqlite3_column_int64(s, i);
				else if (sqlite3_column_type(s, i) == SQLITE_TEXT)
					sum += sqlite3_column_text(s, i)[0];
				else
					sum += (uint64_t)sqlite3_column_bytes(s, i);
			}
		}
		sqlite3_finalize(s);
		free(sql);
	}
	sqlite3_finalize(names);
	sqlite3_close(db);
	return sum;
}

static double
print(const char *what, struct times *t)
{
	double cpu = median(t->cpu, t->n);

	printf("%-38s %8.3f CPU s %8.3f s\n", what, cpu, median(t->wall, t->n));
	return cpu;
}

static void
empty_file(const char *path)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fclose(f) != 0)
		fail(path, "cannot be made");
}

static void
bench_writing(const char *db, char *out)
{
	struct content c = { .tables = NULL };
	struct times plain = { .n = 0 }, ours = { .n = 0 };
	struct study *st = study_open(db, STUDY_ALL, 0);
	char *error;

	if (st == NULL)
		fail(db, "is no study");
	buf_init(&c.schema);
	buf_init(&c.indices);
	load(db, &c);
	for (int i = 0; i < ROUNDS; i++) {
		empty_file(out);
		times_start(&plain);
		write_plain(&c, out);
		times_stop(&plain);
		empty_file(out);
		times_start(&ours);
		if (store_write(
			st, NULL, &(struct outfile){ .path = out, .tmp = out }, NULL, &error) == -1)
			fail(out, error);
		times_stop(&ours);
	}
	printf("survey.db / plain SQLite: %.2f x CPU, at most 1.5 wanted\n",
	    print("survey.db", &ours) / print("the same rows, a plain program", &plain));
	study_free(st);
}

static void
bench_reading(const char *db)
{
	struct times plain = { .n = 0 }, ours = { .n = 0 }, clusters = { .n = 0 };
	struct study *st;

	for (int i = 0; i < ROUNDS; i++) {
		times_start(&plain);
		read_plain(db);
		times_stop(&plain);
		times_start(&ours);
		st = study_open(db, STUDY_ALL, 0);
		times_stop(&ours);
		study_free(st);
		times_start(&clusters);
		st = study_open(db, STUDY_CLUSTERED, 0);
		times_stop(&clusters);
		study_free(st);
	}
	printf("study_open / bare read: %.2f x CPU, at most 1.5 wanted\n",
	    print("study_open, everything", &ours) / print("the same rows, a bare read", &plain));
	printf("clusters alone: %.3f s, under 0.05 wanted\n",
	    print("study_open, clusters", &clusters));
}

int
main(int argc, char **argv)
{
	char *out;

	if (argc != 3) {
		fprintf(stderr, "usage: bench_store survey.db FOLDER\n");
		return 2;
	}
	out = path_join(argv[2], "bench.db");
	bench_writing(argv[1], out);
	bench_reading(argv[1]);
	unlink(out);
	free(out);
	return 0;
}
