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

struct outfile;

#define GEO_CSV_FILES 12 /* of a folder, at most */
/* What doctor and a run say of sources that have ASes only. */
#define GEO_NO_COUNTRIES "none, and run.countries needs it"

/*
 * Where the networks come from.  Any may be NULL; what a query needs and nothing
 * gives is an error.  A file is an MMDB or a CSV of networks, told by what is in
 * it; in a folder the best is chosen.  The first two must have what they are
 * named for; the others stand in for one that is not given, in this order, and
 * need not have both.
 */
struct geo_source {
	const char *country_mmdb; /* a file or folder, asked for countries only */
	const char *asn_mmdb; /* asked for AS numbers only */
	const char *database; /* a file or folder */
	const char
	    *csv_dir; /* a CSV file, or a folder with CSV files or MaxMind's archives of them */
	/* GEO_CSV_FILES paths, or NULL, to read in place of what geo_csv_files() gives for csv_dir */
	const char *const *csv_files;
	const char *legacy_file; /* a CSV file */
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
 * database in another form.  out is open and gets its name here; on an error it
 * stays the caller's to abort.  Returns as geo_list().
 */
int geo_write_legacy(const struct geo_source *src, const struct geo_query *q, struct outfile *out,
    struct geo_stats *stats, char **error);

/*
 * Look at samples of what a source names.  Returns 0 when it has networks with
 * country codes or AS numbers, else -1 with the reason in *error.
 */
int geo_source_look(const struct geo_source *src, char **error);

/*
 * A database to ask for single addresses, from the same source; CSVs are read
 * into memory (40 to 80 bytes a network).  A sample of its networks has been
 * looked at.  Returns NULL with the reason in *error when it has nothing; a
 * source without AS numbers is fine.
 */
struct geo_db *geo_source_open(const struct geo_source *src, struct geo_stats *stats, char **error);

/*
 * The files of a csv_dir that are read, by their names, NULL behind them; the
 * caller frees each.  Returns how many there are.  Copies of them by whatever
 * name, in this order, are as good.
 */
size_t geo_csv_files(const char *dir, char *paths[GEO_CSV_FILES]);

/* Take the reserved ranges out of s, but for what allow (normalised) names. */
void geo_take_reserved(struct ipset *s, const struct ipset *allow);

#endif
