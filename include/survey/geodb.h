/*
 * Country and AS number of an address, from MaxMind DB files.
 *
 * Reads MaxMind's and DB-IP's schema (country.iso_code, else
 * registered_country.iso_code; autonomous_system_number and _organization)
 * and ip-location-db's (country_code).  The files are hostile input: whatever
 * is damaged in them is an address without an entry.
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

/*
 * Open the databases at the given paths; NULL leaves one out, but not both.
 * Returns NULL with the reason in *error (the caller frees it).
 */
struct geo_db *geo_db_open(const char *country_path, const char *asn_path, char **error);

/*
 * Open what a directory has: of each kind the *.mmdb whose metadata say so,
 * a country database before a city one.  A directory with no database at all
 * is an error; one without ASNs gives results without them.  dir may also be
 * one file of either kind.
 */
struct geo_db *geo_db_open_dir(const char *dir, char **error);
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
