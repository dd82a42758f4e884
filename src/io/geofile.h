/* What the lookup and the tree walk of src/geo share. */
#ifndef SURVEY_IO_GEOFILE_H
#define SURVEY_IO_GEOFILE_H

#include <maxminddb.h>
#include <stdbool.h>
#include <stddef.h>

#include "survey/geodb.h"

struct geo_file {
	MMDB_s mmdb;
	char *path;
	char *type; /* the metadata's database_type */
	bool opened; /* mmdb needs closing */
};

/* Returns 0, or -1 with the reason in *error. */
int geo_file_open(struct geo_file *f, const char *path, char **error);
void geo_file_close(struct geo_file *f);

/*
 * A database made piece by piece: MMDB files, or rows of something else that
 * geo_db_seal() makes ready to be asked (path is where they came from).
 */
struct geo_db *geo_db_new(void);
int geo_db_add_mmdb(struct geo_db *db, enum geo_kind kind, const char *path, char **error);
void geo_db_add_row(struct geo_db *db, enum geo_kind kind, const struct ip *lo, const struct ip *hi,
    const char *country, uint32_t asn, const char *name);
void geo_db_seal(struct geo_db *db, enum geo_kind kind, const char *path);

/* The database of one kind in a directory (the caller frees), or NULL. */
char *geo_dir_find(const char *dir, enum geo_kind kind);

/* Facts of a data record; false, with an empty result, when it has none that can be used. */
bool geo_entry_country(const MMDB_entry_s *entry, char cc[static 3]);
bool geo_entry_asn(const MMDB_entry_s *entry, uint32_t *asn);
/* A string at a path of keys into buf, cut between characters; false when absent or not UTF-8. */
bool geo_entry_text(const MMDB_entry_s *entry, const char *const *path, char *buf, size_t size);

#endif
