#include <stdlib.h>
#include <string.h>

#include "survey/country.h"
#include "survey/file.h"
#include "survey/mem.h"
#include "geo/input.h"
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

/* Find the database of a kind and give each of its networks to w->fn(). */
static int
walk(const struct geo_source *src, const struct geo_walk *w, char **error)
{
	struct geo_input in;
	int rc;

	if (geo_input_find(&in, src, w->kind, w->stats, error) == -1)
		return -1;
	if (in.path == NULL) {
		*error = in.why != NULL
			     ? in.why
			     : xasprintf("no database of %s given", geo_kind_name(w->kind));
		in.why = NULL;
		rc = -1;
	} else {
		rc = in.mmdb ? geo_walk_mmdb(w, in.path, error) : geo_walk_csv(w, &in, error);
	}
	geo_input_fini(&in);
	return rc;
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

int
geo_source_look(const struct geo_source *src, char **error)
{
	struct geo_stats stats = { 0 };
	struct geo_input in;
	char *why = NULL;
	int found = 0, rc = 0;

	for (int k = 0; k < GEO_NKINDS && rc == 0; k++) {
		if ((rc = geo_input_find(&in, src, (enum geo_kind)k, &stats, error)) == -1)
			break;
		found += in.path != NULL;
		if (why == NULL) {
			why = in.why;
			in.why = NULL;
		}
		geo_input_fini(&in);
	}
	free(stats.first_bad);
	if (rc == 0 && found == 0) {
		*error = why != NULL ? why : xstrdup("no geo database given");
		return -1;
	}
	free(why);
	return rc;
}

/* Add what a source has of a kind.  Returns 1, 0 when it has nothing, or -1 with the reason in *error. */
static int
add_kind(struct geo_db *db, const struct geo_source *src, enum geo_kind kind,
    struct geo_stats *stats, char **error)
{
	struct fill f = { .db = db, .kind = kind };
	struct geo_walk w = {
		.kind = kind, .v4 = true, .v6 = true, .fn = fill_row, .arg = &f, .stats = stats
	};
	struct geo_input in;
	int rc;

	if (geo_input_find(&in, src, kind, stats, error) == -1)
		return -1;
	if (in.path == NULL) {
		*error = in.why;
		in.why = NULL;
		rc = 0;
	} else if (in.mmdb) {
		rc = geo_db_add_mmdb(db, kind, in.path, error) == 0 ? 1 : -1;
	} else {
		rc = geo_walk_csv(&w, &in, error) == 0 ? 1 : -1;
		if (rc == 1)
			geo_db_seal(db, kind, in.path, in.built);
	}
	geo_input_fini(&in);
	return rc;
}

struct geo_db *
geo_source_open(const struct geo_source *src, struct geo_stats *stats, char **error)
{
	struct geo_db *db = geo_db_new();
	char *why[GEO_NKINDS] = { NULL };
	int found = 0, rc = 0;

	*error = NULL;
	for (int k = 0; k < GEO_NKINDS && rc != -1; k++) {
		rc = add_kind(db, src, (enum geo_kind)k, stats, &why[k]);
		found += rc == 1;
	}
	if (rc == -1 || found == 0) {
		*error = why[GEO_ASN] != NULL && rc == -1 ? why[GEO_ASN]
			 : why[GEO_COUNTRY] != NULL	  ? why[GEO_COUNTRY]
							  : xstrdup("no geo database given");
		geo_db_close(db);
		db = NULL;
	}
	for (int k = 0; k < GEO_NKINDS; k++) {
		if (why[k] != *error)
			free(why[k]);
	}
	return db;
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
	char *name
	    [26]
	    [36]; /* as the database has it, by the letters of the code, or a letter and a digit */
};

static char **
legacy_name(struct legacy *l, const char *cc)
{
	int second = cc[1] >= 'A' ? cc[1] - 'A' : 26 + cc[1] - '0';

	return &l->name[cc[0] - 'A'][second];
}

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
	name = legacy_name(l, net->country);
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
legacy_print(FILE *f, struct legacy *l, const struct legacy_row *row)
{
	const char *name = *legacy_name(l, row->country);
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
geo_write_legacy(const struct geo_source *src, const struct geo_query *q, struct outfile *out,
    struct geo_stats *stats, char **error)
{
	struct legacy l = { .q = q, .stats = stats };
	struct geo_walk w = {
		.kind = GEO_COUNTRY, .v4 = true, .fn = legacy_net, .arg = &l, .stats = stats
	};
	char *path = xstrdup(out->path);
	int rc = walk(src, &w, error);

	if (rc == 0 && l.n == 0) {
		*error = xasprintf("%s is not written: the database has no such network", path);
		rc = -1;
	}
	if (rc == 0) {
		legacy_merge(&l);
		for (size_t i = 0; i < l.n; i++)
			legacy_print(out->f, &l, &l.row[i]);
		if ((rc = outfile_commit(out)) == -1)
			*error = xasprintf("%s: %m", path);
	}
	free(path);
	for (size_t i = 0; i < sizeof(l.name) / sizeof(l.name[0][0]); i++)
		free(l.name[i / 36][i % 36]);
	free(l.row);
	return rc;
}
