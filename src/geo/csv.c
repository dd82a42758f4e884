#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/escape.h"
#include "survey/file.h"
#include "survey/georanges.h"
#include "survey/mem.h"
#include "geo/csvline.h"
#include "geo/walk.h"

#define MAX_LINE 4096
#define MAX_FIELDS 16

/* A CSV file read row by row; rows that cannot be read are counted and passed over. */
struct rows {
	FILE *f;
	const char *path;
	struct geo_stats *stats;
	unsigned long line;
	char text[MAX_LINE];
	char *field[MAX_FIELDS];
	int nfields;
};

static int
rows_open(struct rows *r, const char *path, struct geo_stats *stats, char **error)
{
	memset(r, 0, sizeof(*r));
	r->path = path;
	r->stats = stats;
	if ((r->f = fopen(path, "re")) == NULL) {
		*error = xasprintf("%s: %m", path);
		return -1;
	}
	return 0;
}

static void
rows_bad(struct rows *r, const char *why)
{
	r->stats->bad++;
	if (r->stats->first_bad == NULL)
		r->stats->first_bad = xasprintf("%s:%lu: %s", r->path, r->line, why);
}

/* The next row into field[]; false at the end of the file or when it cannot be read on. */
static bool
rows_next(struct rows *r)
{
	while (fgets(r->text, sizeof(r->text), r->f) != NULL) {
		size_t len = strlen(r->text);
		bool whole = (len > 0 && r->text[len - 1] == '\n') || feof(r->f);
		size_t bom = r->line == 0 && strncmp(r->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

		r->line++;
		if (!whole) {
			int c;

			/* A NUL byte ends strlen() early, so this covers it too. */
			if (memchr(r->text, '\n', sizeof(r->text)) == NULL) {
				while ((c = getc(r->f)) != EOF && c != '\n')
					;
			}
			rows_bad(r, "line too long or with a NUL byte");
			continue;
		}
		if (strspn(r->text + bom, " \t\r\n") == len - bom)
			continue;
		r->nfields = csvline_split(r->text + bom, r->field, MAX_FIELDS);
		if (r->nfields > 0)
			return true;
		rows_bad(r, "unbalanced quotes");
	}
	return false;
}

static int
rows_close(struct rows *r, int rc, char **error)
{
	if (rc == 0 && ferror(r->f)) {
		*error = xasprintf("%s: %m", r->path);
		rc = -1;
	}
	fclose(r->f);
	return rc;
}

/* Where a named column stands in the header row just read; -1 when it does not. */
static int
column(const struct rows *r, const char *name)
{
	for (int i = 0; i < r->nfields; i++) {
		if (strcmp(r->field[i], name) == 0)
			return i;
	}
	return -1;
}

static bool
number(const char *s, uint32_t *v)
{
	uint64_t n = 0;

	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9' || (n = n * 10 + (uint64_t)(*s - '0')) > UINT32_MAX)
			return false;
	}
	*v = (uint32_t)n;
	return true;
}

static bool
country_code(const char *s, char cc[static 3])
{
	if (s[0] < 'A' || s[0] > 'Z' || s[1] < 'A' || s[1] > 'Z' || s[2] != '\0')
		return false;
	memcpy(cc, s, 3);
	return true;
}

/* GeoLite2-*-Locations-en.csv: what a geoname_id stands for. */
struct location {
	uint32_t id;
	char country[3];
	char name[64];
};

struct locations {
	struct location *row;
	size_t n, cap;
};

static int
location_cmp(const void *a, const void *b)
{
	const struct location *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int
locations_read(struct locations *l, const char *path, struct geo_stats *stats, char **error)
{
	struct rows r;
	int id, cc, name, last, rc = -1;

	memset(l, 0, sizeof(*l));
	if (rows_open(&r, path, stats, error) == -1)
		return -1;
	if (!rows_next(&r) || (id = column(&r, "geoname_id")) == -1 ||
	    (cc = column(&r, "country_iso_code")) == -1) {
		*error = xasprintf("%s: no header with geoname_id and country_iso_code", path);
		goto out;
	}
	name = column(&r, "country_name");
	last = id > cc ? id : cc;
	while (rows_next(&r)) {
		struct location *row;

		mem_grow(&l->row, &l->cap, l->n + 1, sizeof(*l->row));
		row = &l->row[l->n];
		memset(row, 0, sizeof(*row));
		if (r.nfields <= last || !number(r.field[id], &row->id)) {
			rows_bad(&r, "no geoname_id");
			continue;
		}
		/* A continent has no country: networks of it fall back to where they are registered. */
		if (!country_code(r.field[cc], row->country))
			continue;
		if (name != -1 && name < r.nfields)
			snprintf(row->name, sizeof(row->name), "%s", r.field[name]);
		l->n++;
	}
	if (l->n > 0)
		qsort(l->row, l->n, sizeof(*l->row), location_cmp);
	rc = 0;
out:
	return rows_close(&r, rc, error);
}

static const struct location *
location_find(const struct locations *l, const char *id)
{
	struct location key;

	if (l->n == 0 || !number(id, &key.id))
		return NULL;
	return bsearch(&key, l->row, l->n, sizeof(*l->row), location_cmp);
}

static bool
network(const char *text, struct geo_net *net)
{
	struct cidr c;

	memset(net, 0, sizeof(*net));
	if (!cidr_parse(text, strlen(text), &c))
		return false;
	net->lo = c.ip;
	net->hi = cidr_last(&c);
	return true;
}

/*
 * One row of a Blocks file whose columns are col[0..2]: the network and, by
 * kind, two ids of places or an AS number and its name.
 */
static void
block(const struct geo_walk *w, struct rows *r, const int col[3], const struct locations *l)
{
	const struct location *loc;
	struct geo_net net;

	if (r->nfields <= col[0] || r->nfields <= col[1] || r->nfields <= col[2])
		rows_bad(r, "too few fields");
	else if (!network(r->field[col[0]], &net))
		rows_bad(r, "no network");
	else if (w->kind == GEO_ASN && !number(r->field[col[1]], &net.asn))
		rows_bad(r, "no AS number");
	else {
		if (w->kind == GEO_COUNTRY) {
			if ((loc = location_find(l, r->field[col[1]])) == NULL)
				loc = location_find(l, r->field[col[2]]);
			if (loc != NULL) {
				memcpy(net.country, loc->country, sizeof(net.country));
				net.name = loc->name[0] != '\0' ? loc->name : NULL;
			}
		}
		if (w->kind == GEO_ASN && utf8_valid(r->field[col[2]], strlen(r->field[col[2]])))
			net.name = r->field[col[2]];
		w->stats->networks++;
		w->fn(&net, w->arg);
	}
}

static int
blocks_read(const struct geo_walk *w, const char *path, const struct locations *l, char **error)
{
	static const char *const names[GEO_NKINDS][3] = {
		{ "network", "geoname_id", "registered_country_geoname_id" },
		{ "network", "autonomous_system_number", "autonomous_system_organization" },
	};
	struct rows r;
	int col[3], rc = -1;

	if (rows_open(&r, path, w->stats, error) == -1)
		return -1;
	if (!rows_next(&r))
		r.nfields = 0;
	for (int i = 0; i < 3; i++) {
		if ((col[i] = column(&r, names[w->kind][i])) == -1) {
			*error = xasprintf(
			    "%s: its header has no column %s", path, names[w->kind][i]);
			goto out;
		}
	}
	while (rows_next(&r))
		block(w, &r, col, l);
	rc = 0;
out:
	return rows_close(&r, rc, error);
}

/*
 * dir/file, or file in the newest folder dir/<prefix>*, the shape in which
 * MaxMind's archives unpack (GeoLite2-Country-CSV_20260115).  The caller
 * frees; NULL when there is neither.
 */
static char *
csv_find(const char *dir, const char *prefix, const char *file)
{
	char *found = path_join(dir, file);
	struct dirent **list;
	int n;

	if (access(found, F_OK) == 0)
		return found;
	free(found);
	found = NULL;
	if ((n = scandir(dir, &list, NULL, alphasort)) < 0)
		return NULL;
	while (n-- > 0) {
		if (found == NULL && strncmp(list[n]->d_name, prefix, strlen(prefix)) == 0) {
			char *sub = path_join(dir, list[n]->d_name);

			found = path_join(sub, file);
			free(sub);
			if (access(found, F_OK) == -1) {
				free(found);
				found = NULL;
			}
		}
		free(list[n]);
	}
	free(list);
	return found;
}

/* The files of a directory, by slot. */
static const struct {
	const char *prefix, *file;
} csv_slots[GEO_CSV_FILES] = {
	{ "GeoLite2-Country-CSV", "GeoLite2-Country-Locations-en.csv" },
	{ "GeoLite2-Country-CSV", "GeoLite2-Country-Blocks-IPv4.csv" },
	{ "GeoLite2-Country-CSV", "GeoLite2-Country-Blocks-IPv6.csv" },
	{ "GeoLite2-ASN-CSV", "GeoLite2-ASN-Blocks-IPv4.csv" },
	{ "GeoLite2-ASN-CSV", "GeoLite2-ASN-Blocks-IPv6.csv" },
};

enum { SLOT_LOCATIONS, SLOT_BLOCKS };

/* The slot of the networks of one family. */
static size_t
blocks_slot(enum geo_kind kind, bool v6)
{
	return SLOT_BLOCKS + 2 * (size_t)kind + v6;
}

/* The caller frees; NULL when there is no such file. */
static char *
csv_path(const struct geo_source *src, size_t slot)
{
	if (src->csv_files != NULL)
		return src->csv_files[slot] != NULL ? xstrdup(src->csv_files[slot]) : NULL;
	return csv_find(src->csv_dir, csv_slots[slot].prefix, csv_slots[slot].file);
}

size_t
geo_csv_files(const char *dir, char *paths[GEO_CSV_FILES])
{
	const struct geo_source src = { .csv_dir = dir };
	size_t n = 0;

	for (size_t slot = 0; slot < GEO_CSV_FILES; slot++)
		n += (paths[slot] = csv_path(&src, slot)) != NULL;
	return n;
}

bool
geo_csv_has_asn(const struct geo_source *src)
{
	char *path = csv_path(src, blocks_slot(GEO_ASN, false));
	bool has = path != NULL;

	free(path);
	return has;
}

int
geo_walk_csv(const struct geo_walk *w, const struct geo_source *src, char **error)
{
	const bool wanted[2] = { w->v4, w->v6 };
	struct locations l = { 0 };
	char *path = NULL;
	int rc = 0, found = 0;

	if (w->kind == GEO_COUNTRY) {
		if ((path = csv_path(src, SLOT_LOCATIONS)) == NULL) {
			*error = xasprintf(
			    "%s: no %s in it", src->csv_dir, csv_slots[SLOT_LOCATIONS].file);
			return -1;
		}
		rc = locations_read(&l, path, w->stats, error);
		free(path);
	}
	for (int i = 0; rc == 0 && i < 2; i++) {
		if (!wanted[i] || (path = csv_path(src, blocks_slot(w->kind, i == 1))) == NULL)
			continue;
		found++;
		rc = blocks_read(w, path, &l, error);
		free(path);
	}
	if (rc == 0 && found == 0) {
		*error = xasprintf(
		    "%s: no %s in it", src->csv_dir, csv_slots[blocks_slot(w->kind, !w->v4)].file);
		rc = -1;
	}
	free(l.row);
	return rc;
}

/* The legacy file: "1.0.0.0","1.0.0.255","16777216","16777471","AU","Australia". */
static bool
legacy_row(struct rows *r, struct geo_net *net)
{
	const char *lo = r->field[0], *hi = r->nfields > 1 ? r->field[1] : "";

	memset(net, 0, sizeof(*net));
	if (r->nfields < 5 || !ip_parse(lo, strlen(lo), &net->lo) ||
	    !ip_parse(hi, strlen(hi), &net->hi) || net->lo.family != net->hi.family ||
	    ip_cmp(&net->lo, &net->hi) > 0 || !country_code(r->field[4], net->country))
		return false;
	net->name = r->nfields > 5 ? r->field[5] : NULL;
	return true;
}

/*
 * The studies' later scripts wrote another shape under the same name: a header
 * "network,geoname_id,country_iso_code,country_name", then one CIDR a row.
 */
static bool
legacy_network(struct rows *r, struct geo_net *net)
{
	if (r->nfields < 3 || !network(r->field[0], net))
		return false;
	/* A network without a country has an empty field here. */
	country_code(r->field[2], net->country);
	net->name = r->nfields > 3 && r->field[3][0] != '\0' ? r->field[3] : NULL;
	return true;
}

int
geo_walk_legacy(const struct geo_walk *w, const char *path, char **error)
{
	bool (*row)(struct rows *, struct geo_net *) = legacy_row;
	struct geo_net net;
	struct rows r;

	if (rows_open(&r, path, w->stats, error) == -1)
		return -1;
	while (rows_next(&r)) {
		if (r.line == 1 && column(&r, "network") == 0) {
			row = legacy_network;
			continue;
		}
		if (!row(&r, &net)) {
			rows_bad(&r, "no network with a country");
			continue;
		}
		w->stats->networks++;
		if (net.lo.family == 4 ? w->v4 : w->v6)
			w->fn(&net, w->arg);
	}
	return rows_close(&r, 0, error);
}
