/*
 * The networks of countries and ASes out of a geo database.
 */
/* Layer: geo */
#ifndef SURVEY_GEORANGES_H
#define SURVEY_GEORANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/geodb.h"
#include "survey/ip.h"

#define GEO_CSV_FILES 5 /* of a directory of GeoLite2's CSVs, at most */

/*
 * Where the networks come from.  A path may be NULL; what a query needs and
 * no path gives is an error.  The MMDB paths win over csv_dir, that over
 * legacy_file.
 */
struct geo_source {
	const char *country_mmdb;
	const char *asn_mmdb;
	const char *csv_dir; /* GeoLite2 Blocks and Locations, or a folder of GeoLite2-*-CSV_* */
	const char *const
	    *csv_files; /* paths to read in place of what geo_csv_files() gives, or NULL */
	const char *legacy_file; /* GeoIPCountryWhois.csv: countries only */
};

/* What is wanted: the union of the countries and the ASes; neither is every network of every country. */
struct geo_query {
	const char *const *countries; /* two upper-case letters each */
	size_t ncountries;
	const uint32_t *asns;
	size_t nasns;
	bool v4, v6;
};

struct geo_stats {
	uint64_t networks; /* rows or leaves read */
	uint64_t matched;
	uint64_t bad; /* CSV rows that could not be read */
	char *first_bad; /* "file:line: reason" of the first of them, or NULL; the caller frees */
};

/*
 * Add the networks to out and normalise it.  Returns 0, or -1 with the reason
 * in *error (the caller frees it) and out in an unspecified state.  A damaged
 * MMDB tree is an error: half a country is no list of it.
 */
int geo_list(const struct geo_source *src, const struct geo_query *q, struct ipset *out,
    struct geo_stats *stats, char **error);

/*
 * Write the IPv4 networks of the query's countries (none: all) as
 * GeoIPCountryWhois.csv: first and last address, both as numbers, code, name;
 * sorted, neighbours of one country merged.  Nothing is taken out: it is the
 * database in another form.  Returns as geo_list().
 */
int geo_write_legacy(const struct geo_source *src, const struct geo_query *q, const char *path,
    struct geo_stats *stats, char **error);

/*
 * A database to ask for single addresses, from the same source: the MMDBs that
 * are given, and for what they leave out the CSVs, which are read into memory
 * (64 bytes a network).  Returns NULL with the reason in *error when it has
 * nothing; a source without AS numbers is fine.
 */
struct geo_db *geo_source_open(const struct geo_source *src, struct geo_stats *stats, char **error);

/*
 * The files of a csv_dir that are read, NULL for those that it lacks; the
 * caller frees each.  Returns how many there are.  A directory with copies of
 * them, by the same names, is as good.
 */
size_t geo_csv_files(const char *dir, char *paths[GEO_CSV_FILES]);

/* Take the reserved ranges out of s, but for what allow (normalised) names. */
void geo_take_reserved(struct ipset *s, const struct ipset *allow);

#endif
