#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "survey/country.h"
#include "survey/file.h"
#include "survey/mem.h"
#include "geo/walk.h"
#include "io/geofile.h"

struct wanted {
	const struct geo_query *q;
	enum geo_kind kind;
	struct geo_stats *stats;
	struct ipset *out;
};

static bool
has_country(const struct geo_query *q, const char *cc)
{
	if (cc[0] == '\0')
		return false;
	for (size_t i = 0; i < q->ncountries; i++) {
		if (strcmp(q->countries[i], cc) == 0)
			return true;
	}
	return q->ncountries == 0;
}

static bool
has_asn(const struct geo_query *q, uint32_t asn)
{
	for (size_t i = 0; i < q->nasns; i++) {
		if (q->asns[i] == asn)
			return true;
	}
	return false;
}

static void
take_net(const struct geo_net *net, void *arg)
{
	struct wanted *w = arg;

	if (w->kind == GEO_COUNTRY ? !has_country(w->q, net->country) : !has_asn(w->q, net->asn))
		return;
	w->stats->matched++;
	ipset_add_range(w->out, &net->lo, &net->hi);
}

static int
walk(const struct geo_source *src, const struct geo_walk *w, char **error)
{
	const char *mmdb = w->kind == GEO_COUNTRY ? src->country_mmdb : src->asn_mmdb;

	if (mmdb != NULL)
		return geo_walk_mmdb(w, mmdb, error);
	if (src->csv_dir != NULL)
		return geo_walk_csv(w, src, error);
	if (src->legacy_file != NULL && w->kind == GEO_COUNTRY)
		return geo_walk_legacy(w, src->legacy_file, error);
	*error = xasprintf(
	    "no database of %s given", w->kind == GEO_COUNTRY ? "countries" : "AS numbers");
	return -1;
}

int
geo_list(const struct geo_source *src, const struct geo_query *q, struct ipset *out,
    struct geo_stats *stats, char **error)
{
	struct wanted wanted = { .q = q, .stats = stats, .out = out };
	struct geo_walk w = {
		.v4 = q->v4, .v6 = q->v6, .fn = take_net, .arg = &wanted, .stats = stats
	};

	for (int kind = GEO_COUNTRY; kind < GEO_NKINDS; kind++) {
		/* ASes alone need no countries; neither asked for is all countries. */
		if (kind == GEO_COUNTRY ? q->ncountries == 0 && q->nasns > 0 : q->nasns == 0)
			continue;
		wanted.kind = w.kind = (enum geo_kind)kind;
		if (walk(src, &w, error) == -1)
			return -1;
	}
	ipset_normalise(out);
	return 0;
}

struct fill {
	struct geo_db *db;
	enum geo_kind kind;
};

static void
fill_row(const struct geo_net *net, void *arg)
{
	const struct fill *f = arg;

	if (f->kind == GEO_COUNTRY ? net->country[0] == '\0' : net->asn == 0)
		return;
	geo_db_add_row(f->db, f->kind, &net->lo, &net->hi, net->country, net->asn,
	    f->kind == GEO_ASN ? net->name : NULL);
}

struct geo_db *
geo_source_open(const struct geo_source *src, struct geo_stats *stats, char **error)
{
	const char *mmdb[GEO_NKINDS] = { src->country_mmdb, src->asn_mmdb };
	struct geo_db *db = geo_db_new();
	struct fill f = { .db = db };
	struct geo_walk w = { .v4 = true, .v6 = true, .fn = fill_row, .arg = &f, .stats = stats };
	const char *path = src->csv_dir != NULL ? src->csv_dir : src->legacy_file;
	bool any = false;

	*error = NULL;
	for (int k = 0; k < GEO_NKINDS; k++) {
		bool csv = src->csv_dir != NULL || (path != NULL && k == GEO_COUNTRY);

		f.kind = w.kind = (enum geo_kind)k;
		if (mmdb[k] != NULL) {
			if (geo_db_add_mmdb(db, f.kind, mmdb[k], error) == -1)
				goto fail;
		} else if (!csv || (k == GEO_ASN && !geo_csv_has_asn(src))) {
			continue;
		} else {
			if (walk(src, &w, error) == -1)
				goto fail;
			geo_db_seal(db, f.kind, path);
		}
		any = true;
	}
	if (any)
		return db;
	*error = xstrdup("no geo database given");
fail:
	geo_db_close(db);
	return NULL;
}

void
geo_take_reserved(struct ipset *s, const struct ipset *allow)
{
	struct ipset reserved;

	ipset_init(&reserved);
	ipset_add_reserved(&reserved);
	if (allow != NULL)
		ipset_subtract(&reserved, allow);
	ipset_subtract(s, &reserved);
	ipset_fini(&reserved);
}

struct legacy_row {
	uint32_t lo, hi;
	char country[3];
};

struct legacy {
	const struct geo_query *q;
	struct geo_stats *stats;
	struct legacy_row *row;
	size_t n, cap;
	char *name[26][26]; /* as the database has it, by the letters of the code */
};

static void
legacy_net(const struct geo_net *net, void *arg)
{
	struct legacy *l = arg;
	char **name;

	if (net->lo.family != 4 || !has_country(l->q, net->country))
		return;
	l->stats->matched++;
	mem_grow(&l->row, &l->cap, l->n + 1, sizeof(*l->row));
	l->row[l->n].lo = ip_to_v4(&net->lo);
	l->row[l->n].hi = ip_to_v4(&net->hi);
	memcpy(l->row[l->n].country, net->country, sizeof(net->country));
	l->n++;
	name = &l->name[net->country[0] - 'A'][net->country[1] - 'A'];
	if (*name == NULL && net->name != NULL)
		*name = xstrdup(net->name);
}

static int
legacy_cmp(const void *a, const void *b)
{
	const struct legacy_row *x = a, *y = b;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return x->hi < y->hi ? -1 : x->hi > y->hi;
}

/* A name inside quotes (RFC 4180); control characters have no place in it. */
static void
print_name(FILE *f, const char *name)
{
	for (; *name != '\0'; name++) {
		if (*name == '"')
			fputs("\"\"", f);
		else
			fputc((unsigned char)*name < ' ' ? ' ' : *name, f);
	}
}

static void
legacy_print(FILE *f, const struct legacy *l, const struct legacy_row *row)
{
	const char *name = l->name[row->country[0] - 'A'][row->country[1] - 'A'];
	struct ip lo = ip_from_v4(row->lo), hi = ip_from_v4(row->hi);
	char a[IP_STRLEN], b[IP_STRLEN];

	if (name == NULL && (name = country_name(row->country)) == NULL)
		name = row->country;
	fprintf(f, "\"%s\",\"%s\",\"%u\",\"%u\",\"%s\",\"", ip_format(&lo, a), ip_format(&hi, b),
	    row->lo, row->hi, row->country);
	print_name(f, name);
	fputs("\"\n", f);
}

static void
legacy_merge(struct legacy *l)
{
	size_t out = 0;

	if (l->n == 0)
		return;
	qsort(l->row, l->n, sizeof(*l->row), legacy_cmp);
	for (size_t i = 1; i < l->n; i++) {
		struct legacy_row *last = &l->row[out], *row = &l->row[i];

		if (last->hi != UINT32_MAX && row->lo == last->hi + 1 &&
		    strcmp(row->country, last->country) == 0)
			last->hi = row->hi;
		else
			l->row[++out] = *row;
	}
	l->n = out + 1;
}

int
geo_write_legacy(const struct geo_source *src, const struct geo_query *q, const char *path,
    struct geo_stats *stats, char **error)
{
	struct legacy l = { .q = q, .stats = stats };
	struct geo_walk w = {
		.kind = GEO_COUNTRY, .v4 = true, .fn = legacy_net, .arg = &l, .stats = stats
	};
	struct outfile o;
	int rc = walk(src, &w, error);

	if (rc == 0 && l.n == 0) {
		*error = xasprintf("%s is not written: the database has no such network", path);
		rc = -1;
	}
	if (rc == 0 && (rc = outfile_open_named(&o, path)) == -1)
		*error = xasprintf("%s: %m", path);
	if (rc == 0) {
		legacy_merge(&l);
		for (size_t i = 0; i < l.n; i++)
			legacy_print(o.f, &l, &l.row[i]);
		if ((rc = outfile_commit(&o)) == -1)
			*error = xasprintf("%s: %m", path);
	}
	for (size_t i = 0; i < 26 * 26; i++)
		free(l.name[i / 26][i % 26]);
	free(l.row);
	return rc;
}
