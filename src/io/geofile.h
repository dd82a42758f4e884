/* What the lookup and the tree walk of src/geo share. */
#ifndef SURVEY_IO_GEOFILE_H
#define SURVEY_IO_GEOFILE_H

#include <maxminddb.h>
#include <stdbool.h>
#include <stddef.h>

#include "survey/geodb.h"
#include "io/geoschema.h"

/* An MMDB file that has been looked at. */
struct geo_file {
	MMDB_s mmdb;
	char *path;
	char *type; /* the metadata's database_type */
	const struct geo_schema *schema; /* of its records; NULL: none of ours */
	bool has[GEO_NKINDS]; /* what a sample of its networks has */
	bool v4, v6; /* the families it has networks of */
	bool opened; /* mmdb needs closing */
};

/* Returns 0, or -1 with the reason in *error. */
int geo_file_open(struct geo_file *f, const char *path, char **error);
void geo_file_close(struct geo_file *f);
/* Returns 0 when it has facts of this kind, else -1 and *error tells what was found instead. */
int geo_file_need(const struct geo_file *f, enum geo_kind kind, char **error);

/* "country codes" or "AS numbers", for messages. */
const char *geo_kind_name(enum geo_kind kind);
/* What a database has that is without facts of a kind. */
const char *geo_lacks(const bool has[static GEO_NKINDS], enum geo_kind kind);

/*
 * A database made piece by piece: MMDB files, or rows of something else that
 * geo_db_seal() makes ready to be asked.  Rows of a kind are disjoint; path is
 * where they came from, and built is when that was made, 0 when unknown.
 */
struct geo_db *geo_db_new(void);
int geo_db_add_mmdb(struct geo_db *db, enum geo_kind kind, const char *path, char **error);
void geo_db_add_row(struct geo_db *db, enum geo_kind kind, const struct ip *lo, const struct ip *hi,
    const char *country, uint32_t asn, const char *name);
void geo_db_seal(struct geo_db *db, enum geo_kind kind, const char *path, time_t built);

#endif
