#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/text.h"
#include "geo/columns.h"
#include "io/geofile.h"

#define HEAD_ROWS 256 /* that are looked at, */
#define TAIL_BYTES (16 << 10) /* and so much of the file's end */

/* ---- addresses ---- */

static bool
is_number(const char *s)
{
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

/* A decimal number of up to 128 bits as an address of IPv6. */
static bool
parse_number(const char *s, struct ip *ip)
{
	*ip = (struct ip){ .family = 6 };
	for (; *s != '\0'; s++) {
		unsigned carry = (unsigned)(*s - '0');

		for (size_t i = 16; i-- > 0;) {
			carry += ip->a[i] * 10u;
			ip->a[i] = (uint8_t)carry;
			carry >>= 8;
		}
		if (carry != 0)
			return false;
	}
	return true;
}

/* Numbers up to 2^32 are IPv4, and so are those of ::ffff:0:0/96. */
static bool
becomes_v4(struct ip *lo, struct ip *hi)
{
	static const uint8_t plain[12], mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct ip_range r = { { .family = 4 }, { .family = 4 } };

	if (memcmp(lo->a, hi->a, 12) != 0 ||
	    (memcmp(lo->a, plain, 12) != 0 && memcmp(lo->a, mapped, 12) != 0))
		return false;
	memcpy(r.lo.a, lo->a + 12, 4);
	memcpy(r.hi.a, hi->a + 12, 4);
	*lo = r.lo;
	*hi = r.hi;
	return true;
}

static bool
parse_ends(const char *lo, const char *hi, struct geo_net *net)
{
	if (is_number(lo) && is_number(hi)) {
		if (!parse_number(lo, &net->lo) || !parse_number(hi, &net->hi))
			return false;
		becomes_v4(&net->lo, &net->hi);
	} else if (!ip_parse(lo, strlen(lo), &net->lo) || !ip_parse(hi, strlen(hi), &net->hi)) {
		return false;
	}
	return net->lo.family == net->hi.family && ip_cmp(&net->lo, &net->hi) <= 0;
}

static bool
parse_network(const char *text, struct geo_net *net)
{
	struct cidr c;

	if (!cidr_parse(text, strlen(text), &c))
		return false;
	net->lo = c.ip;
	net->hi = cidr_last(&c);
	return true;
}

/* ---- rows ---- */

/* The text of a column, or NULL when the row ends before it. */
static const char *
field(const struct rows *r, int column)
{
	return column >= 0 && column < r->nfields ? r->field[column] : NULL;
}

static const char *
read_ends(const struct geo_columns *col, const struct rows *r, struct geo_net *net)
{
	const char *lo = field(r, col->network != -1 ? col->network : col->lo);
	const char *hi = field(r, col->network != -1 ? col->network : col->hi);

	if (lo == NULL || hi == NULL)
		return "too few fields";
	if (!(col->network != -1 ? parse_network(lo, net) : parse_ends(lo, hi, net)))
		return "no network";
	return NULL;
}

static const char *
read_place(const struct geo_columns *col, const struct rows *r, const struct places *places,
    struct geo_net *net)
{
	const char *id = field(r, col->place), *registered = field(r, col->registered);
	const struct place *place = NULL;

	if (id == NULL || (col->registered != -1 && registered == NULL))
		return "too few fields";
	if (places != NULL && (place = places_find(places, id)) == NULL && registered != NULL)
		place = places_find(places, registered);
	if (place != NULL) {
		memcpy(net->country, place->country, sizeof(net->country));
		net->name = place->name[0] != '\0' ? place->name : NULL;
	}
	return NULL;
}

const char *
geo_columns_read(const struct geo_columns *col, const struct rows *r, enum geo_kind kind,
    const struct places *places, struct geo_net *net)
{
	const char *why, *text;

	memset(net, 0, sizeof(*net));
	if ((why = read_ends(col, r, net)) != NULL)
		return why;
	if (kind == GEO_COUNTRY && col->place != -1)
		return read_place(col, r, places, net);
	/* A row that was cut off may end within a number. */
	if ((text = field(r, col->fact[kind])) == NULL || col->name[kind] >= r->nfields)
		return "too few fields";
	if (kind == GEO_COUNTRY && geo_country_form(text, strlen(text), net->country) == GEO_ODD)
		return "no country code";
	if (kind == GEO_ASN && geo_asn_form(text, strlen(text), &net->asn) == GEO_ODD)
		return "no AS number";
	net->name = field(r, col->name[kind]);
	if (net->name != NULL && net->name[0] == '\0')
		net->name = NULL;
	return NULL;
}

/* ---- the columns of a file ---- */

static const struct geo_columns no_columns = { false, -1, -1, -1, { -1, -1 }, { -1, -1 }, -1, -1 };

/* The column of the first path that has one; a column has no inner keys. */
static int
column_of(const struct rows *r, const geo_path *paths)
{
	int at = -1;

	for (size_t i = 0; i < GEO_PATHS && paths[i] != NULL && at == -1; i++) {
		if (paths[i][1] == NULL)
			at = rows_column(r, paths[i][0]);
	}
	return at;
}

/* Facts by the table of records: a row of a CSV with these columns is such a record. */
static void
find_facts(struct geo_columns *col, const struct rows *r)
{
	for (const struct geo_schema *s = geo_schemas; s < geo_schemas + geo_nschemas; s++) {
		if (s->marker != NULL && rows_column(r, s->marker) == -1)
			continue;
		for (int k = 0; k < GEO_NKINDS; k++) {
			col->fact[k] = column_of(r, s->fact[k]);
			col->name[k] = col->fact[k] != -1 ? column_of(r, s->name[k]) : -1;
			if (col->name[k] == col->fact[k])
				col->name[k] = -1;
		}
		if (col->fact[GEO_COUNTRY] != -1 || col->fact[GEO_ASN] != -1)
			return;
	}
}

/* A row that names the columns; false when it does not. */
static bool
read_header(struct geo_csv *c, const struct rows *r)
{
	static const char *const ends[][2] = { { "start_ip", "end_ip" },
		{ "network_start_ip", "network_last_ip" },
		{ "network_start_integer", "network_last_integer" },
		{ "ip_range_start", "ip_range_end" }, { "range_start", "range_end" },
		{ "ip_from", "ip_to" }, { "start", "end" } };
	struct geo_columns *col = &c->col;

	*col = no_columns;
	col->header = true;
	col->network = rows_column(r, "network");
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]) && col->network == -1; i++) {
		col->lo = rows_column(r, ends[i][0]);
		col->hi = rows_column(r, ends[i][1]);
		if (col->lo != -1 && col->hi != -1)
			break;
		col->lo = col->hi = -1;
	}
	c->places = col->network == -1 && col->lo == -1 && rows_column(r, "geoname_id") != -1 &&
		    rows_column(r, "country_iso_code") != -1;
	if (col->network == -1 && col->lo == -1)
		return c->places;
	find_facts(col, r);
	if (col->fact[GEO_COUNTRY] == -1 && (col->place = rows_column(r, "geoname_id")) != -1)
		col->registered = rows_column(r, "registered_country_geoname_id");
	return true;
}

/*
 * Files without a header, by what stands in their columns, in this order:
 * l and h the first and last address, c a country code, a an AS number, N a
 * name if it is the last column, d a number, k a continent, p a prefix.
 * Further columns are passed over.
 */
static const struct shape {
	const char *source, *columns;
} shapes[] = {
	{ "GeoIPCountryWhois.csv", "lhddcN" },
	{ "DB-IP city", "lhkc" },
	{ "IP2Location ASes", "lhpaN" },
	{ "ip-location-db and DB-IP ASes", "lhaN" },
	{ "ip-location-db, DB-IP, IP2Location countries", "lhcN" },
};

static bool
is_continent(const char *text)
{
	static const char *const codes[] = { "AF", "AN", "AS", "EU", "NA", "OC", "SA", "ZZ", "" };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (strcmp(text, codes[i]) == 0)
			return true;
	}
	return false;
}

/* Is the row of the shape, as far as that does not follow from its network and facts? */
static bool
has_shape(const char *columns, const struct rows *r)
{
	struct geo_net net;

	for (int i = 0; columns[i] != '\0' && columns[i] != 'N'; i++) {
		if (i >= r->nfields || (columns[i] == 'd' && !is_number(r->field[i])) ||
		    (columns[i] == 'k' && !is_continent(r->field[i])) ||
		    (columns[i] == 'p' && !parse_network(r->field[i], &net)))
			return false;
	}
	return true;
}

static void
shape_columns(struct geo_columns *col, const char *columns, int nfields)
{
	*col = no_columns;
	for (int i = 0; columns[i] != '\0'; i++) {
		switch (columns[i]) {
		case 'l':
			col->lo = i;
			break;
		case 'h':
			col->hi = i;
			break;
		case 'c':
			col->fact[GEO_COUNTRY] = i;
			break;
		case 'a':
			col->fact[GEO_ASN] = i;
			break;
		case 'N':
			if (i == nfields - 1)
				col->name[col->fact[GEO_ASN] != -1 ? GEO_ASN : GEO_COUNTRY] = i;
			break;
		default:
			break;
		}
	}
}

/* ---- looking ---- */

struct sample {
	size_t n; /* rows */
	size_t good[GEO_NKINDS], odd[GEO_NKINDS];
	size_t fitting; /* rows of the shape that is tried, with a network */
	bool v4, v6;
};

static void
take_row(struct sample *s, const struct geo_columns *col, const char *shape, const struct rows *r,
    const struct places *places)
{
	struct geo_net net;
	bool ends = read_ends(col, r, &net) == NULL && (shape == NULL || has_shape(shape, r));

	s->n++;
	s->fitting += ends;
	for (int k = 0; ends && k < GEO_NKINDS; k++) {
		if (col->fact[k] == -1 && (k != GEO_COUNTRY || col->place == -1))
			continue;
		if (geo_columns_read(col, r, (enum geo_kind)k, places, &net) != NULL)
			s->odd[k]++;
		else if (k == GEO_COUNTRY ? net.country[0] != '\0' : net.asn != 0)
			s->good[k]++;
	}
	if (ends) {
		s->v4 |= net.lo.family == 4;
		s->v6 |= net.lo.family == 6;
	}
}

/* Returns 0, or -1 with the reason in *error. */
static int
look_at(struct sample *s, const char *path, const struct geo_columns *col, const char *shape,
    const struct places *places, char **error)
{
	struct stat st;
	struct rows r;

	memset(s, 0, sizeof(*s));
	if (rows_open(&r, path, NULL, error) == -1)
		return -1;
	if (col->header)
		rows_next(&r);
	while (s->n < HEAD_ROWS && rows_next(&r))
		take_row(s, col, shape, &r, places);
	if (s->n == HEAD_ROWS && fstat(r.fd, &st) == 0 && st.st_size > TAIL_BYTES) {
		rows_seek(&r, (long)st.st_size - TAIL_BYTES);
		while (rows_next(&r))
			take_row(s, col, shape, &r, places);
	}
	return rows_close(&r, 0, error);
}

static bool
usable(const struct sample *s, enum geo_kind kind)
{
	return geo_is_usable(s->good[kind], s->odd[kind], s->n);
}

/* The first shape that nine of ten rows have. */
static int
find_shape(struct geo_csv *c, int nfields, struct sample *s, char **error)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		shape_columns(&c->col, shapes[i].columns, nfields);
		if (look_at(s, c->path, &c->col, shapes[i].columns, NULL, error) == -1)
			return -1;
		for (int k = 0; k < GEO_NKINDS; k++) {
			if (c->col.fact[k] != -1 && usable(s, (enum geo_kind)k) &&
			    (s->fitting - s->odd[k]) * 10 >= s->n * 9)
				return 0;
		}
	}
	c->col = no_columns;
	memset(s, 0, sizeof(*s));
	return 0;
}

/* "a, b, c" of the row just read. */
static char *
row_text(const struct rows *r)
{
	struct buf text;

	buf_init(&text);
	for (int i = 0; i < r->nfields && i < 20; i++) {
		buf_adds(&text, i > 0 ? ", " : "");
		text_plain(&text, r->field[i], strlen(r->field[i]), 40);
	}
	return buf_steal(&text);
}

int
geo_csv_look(struct geo_csv *c, const char *path, char **error)
{
	struct sample s = { 0 };
	bool any, named = false;
	struct rows r;
	int nfields = 0;

	memset(c, 0, sizeof(*c));
	if (rows_open(&r, path, NULL, error) == -1)
		return -1;
	c->path = xstrdup(path);
	c->col = no_columns;
	if ((any = rows_next(&r))) {
		c->found = row_text(&r);
		nfields = r.nfields;
		named = read_header(c, &r);
	}
	if (rows_close(&r, 0, error) == -1 ||
	    (any && !named && find_shape(c, nfields, &s, error) == -1) ||
	    (named && look_at(&s, path, &c->col, NULL, NULL, error) == -1)) {
		geo_csv_fini(c);
		return -1;
	}
	c->v4 = s.v4;
	c->v6 = s.v6;
	for (int k = 0; k < GEO_NKINDS; k++)
		c->has[k] = c->col.fact[k] != -1 && usable(&s, (enum geo_kind)k);
	c->has[GEO_COUNTRY] = c->has[GEO_COUNTRY] || (c->col.place != -1 && s.fitting > 0);
	return 0;
}

bool
geo_csv_knows_places(const struct geo_csv *c, const struct places *places)
{
	struct sample s;
	char *error = NULL;
	int rc = look_at(&s, c->path, &c->col, NULL, places, &error);

	free(error);
	return rc == 0 && usable(&s, GEO_COUNTRY);
}

void
geo_csv_fini(struct geo_csv *c)
{
	free(c->path);
	free(c->found);
	memset(c, 0, sizeof(*c));
}
