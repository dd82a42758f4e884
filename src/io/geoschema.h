/* Where the facts stand in the records of the databases that people have. */
#ifndef SURVEY_IO_GEOSCHEMA_H
#define SURVEY_IO_GEOSCHEMA_H

#include <maxminddb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/buf.h"
#include "survey/geodb.h"

#define GEO_PATHS 3 /* alternatives of a fact */

/* Keys from the record's map inwards, NULL at the end. */
typedef const char *const *geo_path;

struct geo_schema {
	const char *source; /* whose records are made like this */
	const char *marker; /* a member that the records of this row have, or NULL */
	geo_path fact[GEO_NKINDS][GEO_PATHS]; /* country code; AS number */
	geo_path name[GEO_NKINDS][GEO_PATHS]; /* English name of the country; name of the AS */
};

extern const struct geo_schema geo_schemas[];
extern const size_t geo_nschemas;

/*
 * Facts as databases write them.  A country is a code as in country_code(); "",
 * "-", ZZ and XX are none.  An AS number is 64500 or AS64500; "", "-" and 0 are
 * none.
 */
enum geo_form {
	GEO_NONE, /* the database says that it knows nothing */
	GEO_GOOD,
	GEO_ODD, /* something else stands there */
};
enum geo_form geo_country_form(const char *text, size_t len, char cc[static 3]);
enum geo_form geo_asn_form(const char *text, size_t len, uint32_t *asn);

/* Of n records or rows: is what stands in the place of a fact that fact? */
bool geo_is_usable(size_t good, size_t odd, size_t n);

/* A name into buf, cut between characters; "" when it is not UTF-8 or has a NUL byte. */
void geo_name_copy(const char *text, size_t len, char *buf, size_t size);

/* Facts of a data record; the result is empty unless it is GEO_GOOD. */
enum geo_form geo_entry_country(
    const struct geo_schema *s, const MMDB_entry_s *entry, char cc[static 3]);
enum geo_form geo_entry_asn(const struct geo_schema *s, const MMDB_entry_s *entry, uint32_t *asn);
/* The name that goes with a fact, as geo_name_copy() has it; "" when it is absent. */
void geo_entry_name(const struct geo_schema *s, enum geo_kind kind, const MMDB_entry_s *entry,
    char *buf, size_t size);

/*
 * Choose the row whose facts at least half of the records have in the expected
 * form; has tells which facts these are.  Returns NULL, with no fact, when no row fits.
 */
const struct geo_schema *geo_schema_choose(
    const MMDB_entry_s *entry, size_t n, bool has[static GEO_NKINDS]);

/* "continent{code}, country{iso_code, names}": the members of a record, two levels of them. */
void geo_entry_members(const MMDB_entry_s *entry, struct buf *out);

#endif
