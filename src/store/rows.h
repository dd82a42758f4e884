/* Rows of survey.db on their way into a study. */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/study_builder.h"

/* Ids of rows, ascending, as places in an array: ids from 1 without gaps need no search. */
struct ids {
	int64_t *v;
	size_t n, cap;
};

struct reading {
	sqlite3 *db;
	struct study_builder *b;
	unsigned parts;
	uint32_t cluster; /* only this one; 0: all */
	struct ids hosts, keys, certs, answers, clusters, name_texts;
	uint32_t *host_number; /* of the builder, by place in hosts; likewise below */
	uint32_t *key_number, *cert_number, *name_number;
	uint32_t *first_host; /* by place in clusters: builder's number plus one */
	uint32_t others; /* place in clusters of the last row of others */
	size_t cap_hosts, cap_keys, cap_certs, cap_clusters, cap_names;
	uint64_t bad;
};

/*
 * Call each() with every row of the statement, whose ?1 is the cluster's id.  Returns 0, or -1 when
 * SQLite could not.
 */
int each_row(struct reading *r, const char *sql, void (*each)(struct reading *, sqlite3_stmt *));

/* A row of one table, its columns as open.c asks for them.  One that is not understood is counted in bad. */
void read_run(struct reading *r, sqlite3_stmt *s);
void read_answer(struct reading *r, sqlite3_stmt *s);
void read_host(struct reading *r, sqlite3_stmt *s);
void read_key(struct reading *r, sqlite3_stmt *s);
void read_cert(struct reading *r, sqlite3_stmt *s);
void read_grab(struct reading *r, sqlite3_stmt *s);
void read_outcome(struct reading *r, sqlite3_stmt *s);
void read_name_text(struct reading *r, sqlite3_stmt *s);
void read_name(struct reading *r, sqlite3_stmt *s);
void read_cluster(struct reading *r, sqlite3_stmt *s);
void read_others(struct reading *r, sqlite3_stmt *s);

#endif
