#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "survey/country.h"
#include "survey/escape.h"
#include "io/geoschema.h"

#define PATH(...) ((const char *const[]){ __VA_ARGS__, NULL })

/*
 * One row a shape of record, told by what the records hold and not by the
 * database's type, which is the maker's free text.  The first row that fits is
 * taken.  A CSV's header is read by the same table: its columns are members.
 *
 * The rows with a marker come before the last one because of what "country"
 * means beside an AS number: with IPinfo's as_name it is where the address is,
 * in a list of ASes it is where the AS is registered, and of no use here.
 */
/* clang-format off: a row a shape */
const struct geo_schema geo_schemas[] = {
	{ "MaxMind, DB-IP, IP2Location, ip-location-db's ASes", NULL,
	    { { PATH("country", "iso_code"), PATH("registered_country", "iso_code") },
		{ PATH("autonomous_system_number"), PATH("traits", "autonomous_system_number") } },
	    { { PATH("country", "names", "en"), PATH("registered_country", "names", "en") },
		{ PATH("autonomous_system_organization"),
		    PATH("traits", "autonomous_system_organization") } } },
	{ "IPinfo: country and AS, Lite", "as_name",
	    { { PATH("country_code"), PATH("country") }, { PATH("asn") } },
	    { { PATH("country_name"), PATH("country") }, { PATH("as_name") } } },
	{ "iplocate's and IPinfo's ASes", "asn", { { NULL }, { PATH("asn") } },
	    { { NULL }, { PATH("org"), PATH("name") } } },
	{ "ip-location-db, iplocate, IPinfo: countries", NULL,
	    { { PATH("country_code"), PATH("country_iso_code"), PATH("country") }, { NULL } },
	    { { PATH("country_name"), PATH("country") }, { NULL } } },
};
/* clang-format on */

const size_t geo_nschemas = sizeof(geo_schemas) / sizeof(geo_schemas[0]);

enum geo_form
geo_country_form(const char *text, size_t len, char cc[static 3])
{
	memset(cc, 0, 3);
	if (len == 0 || (len == 1 && text[0] == '-'))
		return GEO_NONE;
	if (!country_code(text, len, cc))
		return GEO_ODD;
	if (strcmp(cc, "ZZ") != 0 && strcmp(cc, "XX") != 0)
		return GEO_GOOD;
	memset(cc, 0, 3);
	return GEO_NONE;
}

enum geo_form
geo_asn_form(const char *text, size_t len, uint32_t *asn)
{
	uint64_t n = 0;

	*asn = 0;
	if (len == 0 || (len == 1 && text[0] == '-'))
		return GEO_NONE;
	if (len > 2 && strncasecmp(text, "AS", 2) == 0) {
		text += 2;
		len -= 2;
	}
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' ||
		    (n = n * 10 + (uint64_t)(text[i] - '0')) > UINT32_MAX)
			return GEO_ODD;
	}
	*asn = (uint32_t)n;
	return n != 0 ? GEO_GOOD : GEO_NONE;
}

/* libmaxminddb does not write through the entry, but its prototypes lack the const. */
static bool
get(const MMDB_entry_s *entry, geo_path path, MMDB_entry_data_s *data)
{
	MMDB_entry_s copy = *entry;

	return MMDB_aget_value(&copy, data, path) == MMDB_SUCCESS && data->has_data;
}

static enum geo_form
read_country(const MMDB_entry_data_s *data, char cc[static 3])
{
	cc[0] = '\0';
	if (data->type != MMDB_DATA_TYPE_UTF8_STRING)
		return GEO_ODD;
	return geo_country_form(data->utf8_string, data->data_size, cc);
}

static enum geo_form
read_asn(const MMDB_entry_data_s *data, uint32_t *asn)
{
	uint64_t n = 0;

	*asn = 0;
	switch (data->type) {
	case MMDB_DATA_TYPE_UTF8_STRING:
		return geo_asn_form(data->utf8_string, data->data_size, asn);
	case MMDB_DATA_TYPE_UINT16:
		n = data->uint16;
		break;
	case MMDB_DATA_TYPE_UINT32:
		n = data->uint32;
		break;
	case MMDB_DATA_TYPE_INT32:
		n = data->int32 >= 0 ? (uint64_t)data->int32 : UINT64_MAX;
		break;
	case MMDB_DATA_TYPE_UINT64:
		n = data->uint64;
		break;
	default:
		return GEO_ODD;
	}
	if (n > UINT32_MAX)
		return GEO_ODD;
	*asn = (uint32_t)n;
	return n != 0 ? GEO_GOOD : GEO_NONE;
}

enum geo_form
geo_entry_country(const struct geo_schema *s, const MMDB_entry_s *entry, char cc[static 3])
{
	enum geo_form form, worst = GEO_NONE;
	MMDB_entry_data_s data;

	cc[0] = '\0';
	for (size_t i = 0; i < GEO_PATHS && s->fact[GEO_COUNTRY][i] != NULL; i++) {
		if (!get(entry, s->fact[GEO_COUNTRY][i], &data))
			continue;
		if ((form = read_country(&data, cc)) == GEO_GOOD)
			return GEO_GOOD;
		if (form == GEO_ODD)
			worst = GEO_ODD;
	}
	return worst;
}

enum geo_form
geo_entry_asn(const struct geo_schema *s, const MMDB_entry_s *entry, uint32_t *asn)
{
	enum geo_form form, worst = GEO_NONE;
	MMDB_entry_data_s data;

	*asn = 0;
	for (size_t i = 0; i < GEO_PATHS && s->fact[GEO_ASN][i] != NULL; i++) {
		if (!get(entry, s->fact[GEO_ASN][i], &data))
			continue;
		if ((form = read_asn(&data, asn)) == GEO_GOOD)
			return GEO_GOOD;
		if (form == GEO_ODD)
			worst = GEO_ODD;
	}
	return worst;
}

void
geo_entry_name(const struct geo_schema *s, enum geo_kind kind, const MMDB_entry_s *entry, char *buf,
    size_t size)
{
	MMDB_entry_data_s data;

	buf[0] = '\0';
	for (size_t i = 0; i < GEO_PATHS && s->name[kind][i] != NULL && buf[0] == '\0'; i++) {
		if (get(entry, s->name[kind][i], &data) && data.type == MMDB_DATA_TYPE_UTF8_STRING)
			geo_name_copy(data.utf8_string, data.data_size, buf, size);
	}
}

void
geo_name_copy(const char *text, size_t len, char *buf, size_t size)
{
	if (len >= size) {
		len = size - 1;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	if (!utf8_valid(text, len) || memchr(text, '\0', len) != NULL)
		len = 0;
	memcpy(buf, text, len);
	buf[len] = '\0';
}

/* Do at least half of the records have the member that marks the row? */
static bool
is_marked(const struct geo_schema *s, const MMDB_entry_s *entry, size_t n)
{
	MMDB_entry_data_s data;
	size_t with = 0;

	if (s->marker == NULL)
		return true;
	for (size_t i = 0; i < n; i++)
		with += get(&entry[i], PATH(s->marker), &data);
	return with * 2 >= n;
}

/*
 * A fact that a sample of n records should have: most that have anything in its place have
 * it in the expected form, and a tenth have it at all (a database of AS numbers
 * knows nothing of much of the address space).
 */
bool
geo_is_usable(size_t good, size_t odd, size_t n)
{
	return good > 0 && good > odd && good * 10 >= n;
}

const struct geo_schema *
geo_schema_choose(const MMDB_entry_s *entry, size_t n, bool has[static GEO_NKINDS])
{
	for (const struct geo_schema *s = geo_schemas; s < geo_schemas + geo_nschemas; s++) {
		size_t good[GEO_NKINDS] = { 0 }, odd[GEO_NKINDS] = { 0 };

		for (size_t i = 0; i < n; i++) {
			enum geo_form form[GEO_NKINDS];
			uint32_t asn;
			char cc[3];

			form[GEO_COUNTRY] = geo_entry_country(s, &entry[i], cc);
			form[GEO_ASN] = geo_entry_asn(s, &entry[i], &asn);
			for (int k = 0; k < GEO_NKINDS; k++) {
				good[k] += form[k] == GEO_GOOD;
				odd[k] += form[k] == GEO_ODD;
			}
		}
		for (int k = 0; k < GEO_NKINDS; k++)
			has[k] = geo_is_usable(good[k], odd[k], n);
		if ((has[GEO_COUNTRY] || has[GEO_ASN]) && is_marked(s, entry, n))
			return s;
	}
	has[GEO_COUNTRY] = has[GEO_ASN] = false;
	return NULL;
}
