#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "survey/escape.h"
#include "survey/file.h"
#include "survey/mem.h"
#include "survey/strpool.h"
#include "io/geofile.h"

/* Bytes of s[0..len) that fit size with a NUL, cut between characters of UTF-8. */
static size_t
cut(const char *s, size_t len, size_t size)
{
	if (len < size)
		return len;
	len = size - 1;
	while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
		len--;
	return len;
}

/* A network of a database that was not an MMDB. */
struct row {
	struct ip lo, hi;
	char country[3];
	uint32_t asn;
	const char *name; /* of the AS, in the pool */
};

struct table {
	struct row *row;
	size_t n, cap;
	char *path; /* NULL: this kind has no table */
	time_t built;
};

struct geo_db {
	struct geo_file file[GEO_NKINDS];
	struct table table[GEO_NKINDS];
	struct strpool names;
};

int
geo_file_open(struct geo_file *f, const char *path, char **error)
{
	struct stat st;
	int rc;

	memset(f, 0, sizeof(*f));
	/* The library maps whatever it is given, so a pipe or a directory must not reach it. */
	if (stat(path, &st) == -1) {
		*error = xasprintf("%s: %m", path);
		return -1;
	}
	if (!S_ISREG(st.st_mode) || st.st_size == 0) {
		*error = xasprintf("%s: %s", path,
		    S_ISREG(st.st_mode) ? "the file is empty" : "not a regular file");
		return -1;
	}
	rc = MMDB_open(path, MMDB_MODE_MMAP, &f->mmdb);
	if (rc != MMDB_SUCCESS) {
		*error = rc == MMDB_IO_ERROR || rc == MMDB_FILE_OPEN_ERROR
			     ? xasprintf("%s: %m", path)
			     : xasprintf(
				   "%s: %s; fetch the database again", path, MMDB_strerror(rc));
		return -1;
	}
	f->opened = true;
	f->path = xstrdup(path);
	f->type = xstrdup(
	    f->mmdb.metadata.database_type != NULL ? f->mmdb.metadata.database_type : "");
	return 0;
}

void
geo_file_close(struct geo_file *f)
{
	if (f->opened)
		MMDB_close(&f->mmdb);
	free(f->path);
	free(f->type);
	memset(f, 0, sizeof(*f));
}

/* How well a database of this type serves as kind; 0 is not at all. */
static int
type_rank(const char *type, enum geo_kind kind)
{
	static const struct {
		enum geo_kind kind;
		const char *word;
		int rank;
	} words[] = {
		{ GEO_COUNTRY, "country", 4 },
		{ GEO_COUNTRY, "city", 2 },
		{ GEO_COUNTRY, "enterprise", 2 },
		{ GEO_ASN, "asn", 4 },
		{ GEO_ASN, "isp", 2 },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i].kind != kind || strcasestr(type, words[i].word) == NULL)
			continue;
		/* ip-location-db also has a file for each family: the one with both wins. */
		if (strcasestr(type, "ipv4") != NULL || strcasestr(type, "ipv6") != NULL)
			return words[i].rank - 1;
		return words[i].rank;
	}
	return 0;
}

static int
is_mmdb(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > 5 && strcmp(d->d_name + len - 5, ".mmdb") == 0;
}

char *
geo_dir_find(const char *dir, enum geo_kind kind)
{
	struct dirent **list;
	int best = 0, n = scandir(dir, &list, is_mmdb, alphasort);
	char *found = NULL;

	if (n < 0)
		return NULL;
	for (int i = 0; i < n; i++) {
		char *path = path_join(dir, list[i]->d_name), *error = NULL;
		struct geo_file f;

		if (geo_file_open(&f, path, &error) == 0) {
			int rank = type_rank(f.type, kind);

			if (rank > best) {
				best = rank;
				free(found);
				found = xstrdup(path);
			}
			geo_file_close(&f);
		}
		free(error);
		free(path);
		free(list[i]);
	}
	free(list);
	return found;
}

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
	return geo_file_open(&db->file[kind], path, error);
}

void
geo_db_add_row(struct geo_db *db, enum geo_kind kind, const struct ip *lo, const struct ip *hi,
    const char *country, uint32_t asn, const char *name)
{
	struct table *t = &db->table[kind];
	struct row *row;

	mem_grow(&t->row, &t->cap, t->n + 1, sizeof(*t->row));
	row = &t->row[t->n++];
	memset(row, 0, sizeof(*row));
	row->lo = *lo;
	row->hi = *hi;
	snprintf(row->country, sizeof(row->country), "%s", country);
	row->asn = asn;
	row->name = name != NULL
			? strpool_put(&db->names, name, cut(name, strlen(name), GEO_AS_NAME_MAX))
			: "";
}

static int
row_cmp(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return ip_cmp(&x->lo, &y->lo);
}

void
geo_db_seal(struct geo_db *db, enum geo_kind kind, const char *path)
{
	struct table *t = &db->table[kind];
	struct stat st;

	if (t->n > 0)
		qsort(t->row, t->n, sizeof(*t->row), row_cmp);
	t->path = xstrdup(path);
	t->built = stat(path, &st) == 0 ? st.st_mtime : 0;
}

/* The last row that starts at or before ip, if it holds ip: networks of a database are disjoint. */
static const struct row *
table_find(const struct table *t, const struct ip *ip)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ip_cmp(&t->row[mid].lo, ip) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && ip_cmp(ip, &t->row[lo - 1].hi) <= 0 ? &t->row[lo - 1] : NULL;
}

struct geo_db *
geo_db_open(const char *country_path, const char *asn_path, char **error)
{
	const char *path[GEO_NKINDS] = { country_path, asn_path };
	struct geo_db *db;

	*error = NULL;
	if (country_path == NULL && asn_path == NULL) {
		*error = xstrdup("no geo database given");
		return NULL;
	}
	db = geo_db_new();
	for (int k = 0; k < GEO_NKINDS; k++) {
		if (path[k] != NULL && geo_file_open(&db->file[k], path[k], error) == -1) {
			geo_db_close(db);
			return NULL;
		}
	}
	return db;
}

/* One file of either kind. */
static struct geo_db *
open_file(const char *path, char **error)
{
	bool fits[GEO_NKINDS];
	struct geo_file f;

	if (geo_file_open(&f, path, error) == -1)
		return NULL;
	for (int k = 0; k < GEO_NKINDS; k++)
		fits[k] = type_rank(f.type, (enum geo_kind)k) > 0;
	if (!fits[GEO_COUNTRY] && !fits[GEO_ASN])
		*error = xasprintf("%s: its type \"%s\" is neither country nor ASN", path, f.type);
	geo_file_close(&f);
	if (*error != NULL)
		return NULL;
	return geo_db_open(fits[GEO_COUNTRY] ? path : NULL, fits[GEO_ASN] ? path : NULL, error);
}

struct geo_db *
geo_db_open_dir(const char *dir, char **error)
{
	char *country, *asn;
	struct geo_db *db = NULL;
	struct stat st;

	*error = NULL;
	if (stat(dir, &st) == -1) {
		*error = xasprintf("%s: %m", dir);
		return NULL;
	}
	if (!S_ISDIR(st.st_mode))
		return open_file(dir, error);
	country = geo_dir_find(dir, GEO_COUNTRY);
	asn = geo_dir_find(dir, GEO_ASN);
	if (country != NULL || asn != NULL)
		db = geo_db_open(country, asn, error);
	else
		*error = xasprintf("%s: no readable country or ASN database (*.mmdb) in it", dir);
	free(country);
	free(asn);
	return db;
}

void
geo_db_close(struct geo_db *db)
{
	if (db == NULL)
		return;
	for (int k = 0; k < GEO_NKINDS; k++) {
		geo_file_close(&db->file[k]);
		free(db->table[k].row);
		free(db->table[k].path);
	}
	strpool_fini(&db->names);
	free(db);
}

/* libmaxminddb does not write through the entry, but its prototypes lack the const. */
static int
get(const MMDB_entry_s *entry, const char *const *path, MMDB_entry_data_s *data)
{
	MMDB_entry_s copy = *entry;
	int rc = MMDB_aget_value(&copy, data, path);

	return rc == MMDB_SUCCESS && data->has_data ? 0 : -1;
}

bool
geo_entry_country(const MMDB_entry_s *entry, char cc[static 3])
{
	static const char *const paths[][3] = {
		{ "country", "iso_code", NULL },
		{ "registered_country", "iso_code", NULL },
		{ "country_code", NULL },
	};
	MMDB_entry_data_s data;

	cc[0] = '\0';
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (get(entry, paths[i], &data) == -1 || data.type != MMDB_DATA_TYPE_UTF8_STRING ||
		    data.data_size != 2)
			continue;
		for (size_t k = 0; k < 2; k++) {
			char c = data.utf8_string[k];

			cc[k] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
		}
		cc[2] = '\0';
		if (cc[0] >= 'A' && cc[0] <= 'Z' && cc[1] >= 'A' && cc[1] <= 'Z')
			return true;
		cc[0] = '\0';
	}
	return false;
}

bool
geo_entry_asn(const MMDB_entry_s *entry, uint32_t *asn)
{
	static const char *const path[] = { "autonomous_system_number", NULL };
	MMDB_entry_data_s data;

	*asn = 0;
	if (get(entry, path, &data) == -1)
		return false;
	if (data.type == MMDB_DATA_TYPE_UINT32)
		*asn = data.uint32;
	else if (data.type == MMDB_DATA_TYPE_UINT16)
		*asn = data.uint16;
	return *asn != 0;
}

bool
geo_entry_text(const MMDB_entry_s *entry, const char *const *path, char *buf, size_t size)
{
	MMDB_entry_data_s data;
	size_t len;

	buf[0] = '\0';
	if (get(entry, path, &data) == -1 || data.type != MMDB_DATA_TYPE_UTF8_STRING)
		return false;
	len = cut(data.utf8_string, data.data_size, size);
	if (!utf8_valid(data.utf8_string, len) || memchr(data.utf8_string, '\0', len) != NULL)
		return false;
	memcpy(buf, data.utf8_string, len);
	buf[len] = '\0';
	return len > 0;
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
	static const char *const org[] = { "autonomous_system_organization", NULL };
	const struct row *row;
	MMDB_entry_s entry;

	memset(info, 0, sizeof(*info));
	if (ip->family != 4 && ip->family != 6)
		return false;
	if ((row = table_find(&db->table[GEO_COUNTRY], ip)) != NULL)
		memcpy(info->country, row->country, sizeof(info->country));
	if ((row = table_find(&db->table[GEO_ASN], ip)) != NULL) {
		info->asn = row->asn;
		snprintf(info->as_name, sizeof(info->as_name), "%s", row->name);
	}
	if (find(&db->file[GEO_COUNTRY], ip, &entry))
		geo_entry_country(&entry, info->country);
	if (find(&db->file[GEO_ASN], ip, &entry)) {
		geo_entry_asn(&entry, &info->asn);
		geo_entry_text(&entry, org, info->as_name, sizeof(info->as_name));
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
