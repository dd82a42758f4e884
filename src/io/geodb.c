#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/strpool.h"
#include "io/geofile.h"

/* Networks of a database that was not an MMDB: a country code or an AS number with its name. */
struct fact {
	uint32_t asn;
	char country[3];
	const char *name; /* in the pool */
};

struct row4 {
	uint32_t lo, hi;
	struct fact fact;
};

struct row6 {
	struct ip lo, hi;
	struct fact fact;
};

struct table {
	struct row4 *row4;
	size_t n4, cap4;
	struct row6 *row6;
	size_t n6, cap6;
	char *path; /* NULL: this kind has no table */
	time_t built;
};

struct geo_db {
	struct geo_file file[GEO_NKINDS];
	struct table table[GEO_NKINDS];
	struct strpool names;
};

struct geo_db *
geo_db_new(void)
{
	struct geo_db *db = xcalloc(1, sizeof(*db));

	strpool_init(&db->names);
	return db;
}

int
geo_db_add_mmdb(struct geo_db *db, enum geo_kind kind, const char *path, char **error)
{
	if (geo_file_open(&db->file[kind], path, error) == -1)
		return -1;
	return geo_file_need(&db->file[kind], kind, error);
}

static bool
same_fact(const struct fact *a, const struct fact *b)
{
	return a->asn == b->asn && a->name == b->name && strcmp(a->country, b->country) == 0;
}

/* Does the range that begins at lo go on from one that ends at hi? */
static bool
goes_on(const struct ip *hi, const struct ip *lo)
{
	struct ip next = *hi;

	return ip_next(&next) && ip_cmp(&next, lo) == 0;
}

void
geo_db_add_row(struct geo_db *db, enum geo_kind kind, const struct ip *lo, const struct ip *hi,
    const char *country, uint32_t asn, const char *name)
{
	struct table *t = &db->table[kind];
	struct fact fact = { .asn = asn, .name = "" };
	char text[GEO_AS_NAME_MAX];

	snprintf(fact.country, sizeof(fact.country), "%s", country);
	if (name != NULL) {
		geo_name_copy(name, strlen(name), text, sizeof(text));
		fact.name = strpool_put(&db->names, text, strlen(text));
	}
	if (lo->family == 4) {
		struct row4 row = { ip_to_v4(lo), ip_to_v4(hi), fact };
		struct row4 *last = t->n4 > 0 ? &t->row4[t->n4 - 1] : NULL;

		if (last != NULL && last->hi != UINT32_MAX && last->hi + 1 == row.lo &&
		    same_fact(&last->fact, &fact)) {
			last->hi = row.hi;
			return;
		}
		mem_grow(&t->row4, &t->cap4, t->n4 + 1, sizeof(*t->row4));
		t->row4[t->n4++] = row;
	} else {
		struct row6 *last = t->n6 > 0 ? &t->row6[t->n6 - 1] : NULL;

		if (last != NULL && goes_on(&last->hi, lo) && same_fact(&last->fact, &fact)) {
			last->hi = *hi;
			return;
		}
		mem_grow(&t->row6, &t->cap6, t->n6 + 1, sizeof(*t->row6));
		t->row6[t->n6++] = (struct row6){ *lo, *hi, fact };
	}
}

static int
row4_cmp(const void *a, const void *b)
{
	const struct row4 *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static int
row6_cmp(const void *a, const void *b)
{
	const struct row6 *x = a, *y = b;

	return ip_cmp(&x->lo, &y->lo);
}

void
geo_db_seal(struct geo_db *db, enum geo_kind kind, const char *path, time_t built)
{
	struct table *t = &db->table[kind];

	if (t->n4 > 0)
		qsort(t->row4, t->n4, sizeof(*t->row4), row4_cmp);
	if (t->n6 > 0)
		qsort(t->row6, t->n6, sizeof(*t->row6), row6_cmp);
	t->path = xstrdup(path);
	t->built = built;
}

/* The last row that starts at or before ip, if it holds ip: networks of a database are disjoint. */
static const struct fact *
find4(const struct table *t, uint32_t ip)
{
	size_t lo = 0, hi = t->n4;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->row4[mid].lo <= ip)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && ip <= t->row4[lo - 1].hi ? &t->row4[lo - 1].fact : NULL;
}

static const struct fact *
find6(const struct table *t, const struct ip *ip)
{
	size_t lo = 0, hi = t->n6;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ip_cmp(&t->row6[mid].lo, ip) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && ip_cmp(ip, &t->row6[lo - 1].hi) <= 0 ? &t->row6[lo - 1].fact : NULL;
}

static const struct fact *
table_find(const struct table *t, const struct ip *ip)
{
	return ip->family == 4 ? find4(t, ip_to_v4(ip)) : find6(t, ip);
}

void
geo_db_close(struct geo_db *db)
{
	if (db == NULL)
		return;
	for (int k = 0; k < GEO_NKINDS; k++) {
		geo_file_close(&db->file[k]);
		free(db->table[k].row4);
		free(db->table[k].row6);
		free(db->table[k].path);
	}
	strpool_fini(&db->names);
	free(db);
}

static bool
find(const struct geo_file *f, const struct ip *ip, MMDB_entry_s *entry)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	const struct sockaddr *sa = (const struct sockaddr *)&in4;
	MMDB_lookup_result_s r;
	int rc = MMDB_SUCCESS;

	if (!f->opened)
		return false;
	if (ip->family == 6) {
		memcpy(&in6.sin6_addr, ip->a, 16);
		sa = (const struct sockaddr *)&in6;
	} else {
		memcpy(&in4.sin_addr, ip->a, 4);
	}
	r = MMDB_lookup_sockaddr(&f->mmdb, sa, &rc);
	if (rc != MMDB_SUCCESS || !r.found_entry)
		return false;
	*entry = r.entry;
	return true;
}

bool
geo_db_lookup(const struct geo_db *db, const struct ip *ip, struct geo_info *info)
{
	const struct geo_file *country = &db->file[GEO_COUNTRY], *as = &db->file[GEO_ASN];
	const struct fact *fact;
	MMDB_entry_s entry;

	memset(info, 0, sizeof(*info));
	if (ip->family != 4 && ip->family != 6)
		return false;
	if ((fact = table_find(&db->table[GEO_COUNTRY], ip)) != NULL)
		memcpy(info->country, fact->country, sizeof(info->country));
	if ((fact = table_find(&db->table[GEO_ASN], ip)) != NULL) {
		info->asn = fact->asn;
		snprintf(info->as_name, sizeof(info->as_name), "%s", fact->name);
	}
	if (find(country, ip, &entry))
		geo_entry_country(country->schema, &entry, info->country);
	if (find(as, ip, &entry)) {
		geo_entry_asn(as->schema, &entry, &info->asn);
		geo_entry_name(as->schema, GEO_ASN, &entry, info->as_name, sizeof(info->as_name));
	}
	return info->country[0] != '\0' || info->asn != 0;
}

const char *
geo_db_path(const struct geo_db *db, enum geo_kind kind)
{
	return db->file[kind].opened ? db->file[kind].path : db->table[kind].path;
}

const char *
geo_db_type(const struct geo_db *db, enum geo_kind kind)
{
	if (db->file[kind].opened)
		return db->file[kind].type;
	return db->table[kind].path != NULL ? "CSV" : NULL;
}

time_t
geo_db_built(const struct geo_db *db, enum geo_kind kind)
{
	if (db->file[kind].opened)
		return (time_t)db->file[kind].mmdb.metadata.build_epoch;
	return db->table[kind].built;
}
