/*
 * Country and AS number of an address; georanges.h opens databases.
 *
 * What records hold is told by a table, io/geoschema.c.  The files are hostile
 * input: whatever is damaged in them is an address without an entry.
 */
/* Layer: io */
#ifndef SURVEY_GEODB_H
#define SURVEY_GEODB_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "survey/ip.h"

#define GEO_AS_NAME_MAX 256 /* longer names are cut between characters */

enum geo_kind { GEO_COUNTRY, GEO_ASN };
#define GEO_NKINDS 2

struct geo_db;

struct geo_info {
	char country[3]; /* ISO 3166-1 alpha-2 in upper case; "" is no entry */
	uint32_t asn; /* 0 is no entry */
	char as_name[GEO_AS_NAME_MAX]; /* valid UTF-8 as the database has it, else "" */
};

void geo_db_close(struct geo_db *db);

/*
 * Fill info for ip; what is not known is empty.  Returns true when anything
 * was found.  May be called from several threads at once.
 */
bool geo_db_lookup(const struct geo_db *db, const struct ip *ip, struct geo_info *info);

/* What was opened, for manifests: NULL or 0 when that kind is absent.  A CSV's type is "CSV". */
const char *geo_db_path(const struct geo_db *db, enum geo_kind kind);
const char *geo_db_type(const struct geo_db *db, enum geo_kind kind);
time_t geo_db_built(const struct geo_db *db, enum geo_kind kind);

#endif
