#include <ctype.h>
#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/mem.h"
#include "survey/rfc3339.h"
#include "geo/input.h"
#include "io/geofile.h"

#define MAX_LOOK 64 /* files of a folder that are looked at */

/* ---- names of files ---- */

static bool
ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcasecmp(name + n - m, end) == 0;
}

static bool
holds(const char *name, const char *word)
{
	return strcasestr(name, word) != NULL;
}

/* Paths of a folder, and of its folders named like MaxMind's archives of CSVs, that end so. */
static void
list_folder(const char *dir, const char *end, bool below, char ***list, size_t *n, size_t *cap)
{
	struct dirent **all;
	int found = scandir(dir, &all, NULL, alphasort);

	for (int i = found; i-- > 0;) {
		char *path = path_join(dir, all[i]->d_name);
		struct stat st;

		if (all[i]->d_name[0] == '.' || stat(path, &st) == -1) {
			;
		} else if (S_ISREG(st.st_mode) && ends_in(path, end)) {
			mem_grow(list, cap, *n + 1, sizeof(**list));
			(*list)[(*n)++] = path;
			path = NULL;
		} else if (S_ISDIR(st.st_mode) && below && holds(all[i]->d_name, "csv")) {
			list_folder(path, end, false, list, n, cap);
		}
		free(path);
		free(all[i]);
	}
	if (found >= 0)
		free(all);
}

/* How late in the order of preference a CSV stands, by its name. */
static int
rank(const char *path)
{
	const char *name = path_last(path);
	int r = 0;

	r += fnmatch("Geo[IL][Pi]*2-*", name, 0) != 0 ? 4 : 0; /* MaxMind's come first */
	r += holds(name, "city") ? 2 : 0;
	r += holds(name, "-num.") ? 1 : 0;
	return r;
}

static int
depth(const char *path)
{
	int n = 0;

	for (; *path != '\0'; path++)
		n += *path == '/';
	return n;
}

/* The folder's own files before those of archives; names in descending order: of months the newest is first. */
static int
path_cmp(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	int by_rank = rank(x) - rank(y), by_depth = depth(x) - depth(y);

	if (by_rank != 0)
		return by_rank;
	return by_depth != 0 ? by_depth : strcmp(y, x);
}

/* What two files have in common of which one will do: months, a language, numbers for addresses. */
static void
twin_name(const char *path, char *to, size_t size)
{
	const char *name = path_last(path), *locations = strcasestr(name, "-Locations-");
	size_t n = 0;

	for (const char *p = name; *p != '\0' && n + 1 < size; p++) {
		bool family = p > name && isdigit((unsigned char)*p) &&
			      tolower((unsigned char)p[-1]) == 'v';

		if (locations != NULL && p >= locations + 10)
			break;
		if (strncasecmp(p, "-num.", 5) == 0)
			p += 4;
		if (!isdigit((unsigned char)*p) || family)
			to[n++] = (char)tolower((unsigned char)*p);
	}
	to[n] = '\0';
}

/* Is path the English one of the Locations, or any other file? */
static bool
is_first_language(const char *path)
{
	return !holds(path_last(path), "-Locations-") || ends_in(path, "-en.csv");
}

/* Of files that say the same the first stays, with Locations the English one. */
static void
drop_twins(char **list, size_t *n)
{
	char one[256], other[256];
	size_t out = 0;

	for (size_t i = 0; i < *n; i++) {
		size_t k = 0;

		twin_name(list[i], one, sizeof(one));
		for (; k < out; k++) {
			twin_name(list[k], other, sizeof(other));
			if (strcmp(one, other) == 0)
				break;
		}
		if (k == out) {
			list[out++] = list[i];
		} else if (is_first_language(list[i]) && !is_first_language(list[k])) {
			free(list[k]);
			list[k] = list[i];
		} else {
			free(list[i]);
		}
	}
	*n = out;
}

/* Cities are many, and say nothing that the file of countries beside them does not. */
static void
drop_cities(char **list, size_t *n)
{
	bool country = false;
	size_t out = 0;

	for (size_t i = 0; i < *n; i++)
		country = country || holds(path_last(list[i]), "country");
	for (size_t i = 0; i < *n; i++) {
		if (country && holds(path_last(list[i]), "city"))
			free(list[i]);
		else
			list[out++] = list[i];
	}
	*n = out;
}

size_t
geo_csv_files(const char *dir, char *paths[GEO_CSV_FILES])
{
	char **list = NULL;
	size_t n = 0, cap = 0;
	struct stat st;

	memset(paths, 0, GEO_CSV_FILES * sizeof(*paths));
	if (stat(dir, &st) == 0 && !S_ISDIR(st.st_mode)) {
		paths[0] = xstrdup(dir);
		return 1;
	}
	list_folder(dir, ".csv", true, &list, &n, &cap);
	if (list == NULL)
		return 0;
	qsort(list, n, sizeof(*list), path_cmp);
	drop_twins(list, &n);
	drop_cities(list, &n);
	for (size_t i = 0; i < n; i++) {
		if (i < GEO_CSV_FILES)
			paths[i] = list[i];
		else
			free(list[i]);
	}
	free(list);
	return n < GEO_CSV_FILES ? n : GEO_CSV_FILES;
}

/* ---- looking ---- */

/* What has been looked at. */
struct files {
	struct geo_file mmdb[MAX_LOOK];
	size_t nmmdb;
	struct geo_csv csv[MAX_LOOK];
	size_t ncsv;
	char *why; /* what the first that could not be read or is no database said */
	bool csv_unread; /* a CSV could not be read */
};

/* An MMDB has a marker near its end; a text has no NUL bytes. */
static bool
is_text(const char *path)
{
	static const char marker[] = "\xab\xcd\xefMaxMind.com";
	const long tail = 128 << 10; /* the format's own bound */
	char *text = xmalloc((size_t)tail);
	FILE *f = file_fopen(path, "re");
	bool mmdb = false;
	size_t n;

	if (f != NULL && fseek(f, -tail, SEEK_END) == -1)
		rewind(f);
	n = f != NULL ? fread(text, 1, (size_t)tail, f) : 0;
	mmdb = n == 0 || memmem(text, n, marker, sizeof(marker) - 1) != NULL ||
	       memchr(text, '\0', n) != NULL;
	if (f != NULL)
		fclose(f);
	free(text);
	return !mmdb;
}

static void
note(struct files *f, char *why)
{
	if (f->why == NULL)
		f->why = why;
	else
		free(why);
}

static char *
what_csv(const struct geo_csv *c, enum geo_kind kind)
{
	const char *found = c->found != NULL ? c->found : "";

	if (c->places)
		return xasprintf(
		    "%s: it names places; the networks are in the Blocks files", c->path);
	if (c->col.header || c->has[GEO_COUNTRY] || c->has[GEO_ASN])
		return xasprintf("%s: it has %s; its %s %s", c->path, geo_lacks(c->has, kind),
		    c->col.header ? "columns are" : "first row is", found);
	return xasprintf(
	    "%s: no database that is known, no MMDB, and no CSV of networks with country "
	    "codes or AS numbers; it begins \"%s\"; fetch the database again",
	    c->path, found);
}

/* Look at a file of either format. */
static void
look_at(struct files *f, const char *path, bool csv_only)
{
	char *error = NULL;
	struct stat st;
	bool text;
	int rc;

	if (f->nmmdb == MAX_LOOK || f->ncsv == MAX_LOOK)
		return;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		note(f, xasprintf("%s: not a regular file", path));
		return;
	}
	if ((text = csv_only || is_text(path))) {
		rc = geo_csv_look(&f->csv[f->ncsv], path, &error);
		f->ncsv += rc == 0;
	} else {
		rc = geo_file_open(&f->mmdb[f->nmmdb], path, &error);
		f->nmmdb += rc == 0;
	}
	if (rc == -1) {
		f->csv_unread = f->csv_unread || text;
		note(f, error);
	}
}

/* The Locations beside a file that has ids of places. */
static void
look_beside(struct files *f, const char *path)
{
	char *dir = path_dir(path), *csv[GEO_CSV_FILES];
	size_t n = geo_csv_files(dir, csv);

	for (size_t i = 0; i < n; i++) {
		if (holds(path_last(csv[i]), "-Locations-"))
			look_at(f, csv[i], true);
		free(csv[i]);
	}
	free(dir);
}

static void
look_into(struct files *f, const char *dir, bool csv_only)
{
	char *csv[GEO_CSV_FILES], **mmdb = NULL;
	size_t n = geo_csv_files(dir, csv), nmmdb = 0, cap = 0;

	if (!csv_only)
		list_folder(dir, ".mmdb", false, &mmdb, &nmmdb, &cap);
	for (size_t i = 0; i < nmmdb; i++) {
		look_at(f, mmdb[i], false);
		free(mmdb[i]);
	}
	for (size_t i = 0; i < n; i++) {
		look_at(f, csv[i], true);
		free(csv[i]);
	}
	free(mmdb);
}

static void
files_fini(struct files *f)
{
	for (size_t i = 0; i < f->nmmdb; i++)
		geo_file_close(&f->mmdb[i]);
	for (size_t i = 0; i < f->ncsv; i++)
		geo_csv_fini(&f->csv[i]);
	free(f->why);
	free(f);
}

/* ---- choosing ---- */

/* Both families before one, MaxMind's before others, countries before cities, the newest. */
static bool
is_better(const struct geo_file *a, const struct geo_file *b)
{
	const struct geo_file *f[2] = { a, b };
	int score[2];

	for (int i = 0; i < 2; i++)
		score[i] = 4 * (f[i]->v4 && f[i]->v6) + 2 * (strncmp(f[i]->type, "Geo", 3) == 0) +
			   !(holds(f[i]->type, "city") || holds(f[i]->type, "enterprise") ||
			       holds(f[i]->type, "isp"));
	if (score[0] != score[1])
		return score[0] > score[1];
	return a->mmdb.metadata.build_epoch > b->mmdb.metadata.build_epoch;
}

static const struct geo_file *
choose_mmdb(const struct files *f, enum geo_kind kind)
{
	const struct geo_file *best = NULL;

	for (size_t i = 0; i < f->nmmdb; i++) {
		if (f->mmdb[i].has[kind] && (best == NULL || is_better(&f->mmdb[i], best)))
			best = &f->mmdb[i];
	}
	return best;
}

static bool
same_columns(const struct geo_csv *a, const struct geo_csv *b)
{
	const struct geo_columns *x = &a->col, *y = &b->col;

	return x->header == y->header && x->network == y->network && x->lo == y->lo &&
	       x->hi == y->hi && x->place == y->place && x->registered == y->registered &&
	       memcmp(x->fact, y->fact, sizeof(x->fact)) == 0 &&
	       memcmp(x->name, y->name, sizeof(x->name)) == 0;
}

/* The first CSV of a kind, and another one like it with the other family. */
static size_t
choose_csv(const struct files *f, enum geo_kind kind, size_t at[INPUT_CSVS])
{
	size_t n = 0;

	for (size_t i = 0; i < f->ncsv && n < INPUT_CSVS; i++) {
		const struct geo_csv *c = &f->csv[i], *first = n > 0 ? &f->csv[at[0]] : NULL;

		if (c->has[kind] &&
		    (first == NULL || (same_columns(c, first) && (first->v4 && c->v4) == false &&
					  (first->v6 && c->v6) == false)))
			at[n++] = i;
	}
	return n;
}

/* The first Locations that knows the places of a file. */
static int
find_places(struct geo_input *in, const struct files *f, struct geo_stats *stats, char **error)
{
	for (size_t i = 0; i < f->ncsv; i++) {
		if (!f->csv[i].places)
			continue;
		if (places_read(&in->places, f->csv[i].path, stats, error) == -1)
			return -1;
		if (geo_csv_knows_places(&in->csv[0], &in->places))
			return 0;
		places_fini(&in->places);
	}
	*error = xasprintf("%s: no Locations file beside it that knows the places in it (%s)",
	    in->csv[0].path, in->csv[0].found);
	return -1;
}

/* "…_20260115/GeoLite2-…" is of that day; any other file is as old as its time says. */
static time_t
csv_built(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct stat st;
	char text[32];
	int64_t day;

	if (slash != NULL && slash - path > 9 && slash[-9] == '_' &&
	    strspn(slash - 8, "0123456789") == 8) {
		snprintf(text, sizeof(text), "%.4s-%.2s-%.2sT00:00:00Z", slash - 8, slash - 4,
		    slash - 2);
		if ((day = time_parse(text, strlen(text))) != TIME_UNKNOWN)
			return (time_t)day;
	}
	return stat(path, &st) == 0 ? st.st_mtime : 0;
}

static int
take_csv(struct geo_input *in, struct files *f, const size_t *at, size_t n, struct geo_stats *stats,
    char **error)
{
	for (size_t i = 0; i < n; i++) {
		in->csv[i] = f->csv[at[i]];
		memset(&f->csv[at[i]], 0, sizeof(f->csv[0]));
	}
	in->ncsv = n;
	in->path = xstrdup(in->csv[0].path);
	in->built = csv_built(in->path);
	if (in->kind == GEO_COUNTRY && in->csv[0].col.place != -1)
		return find_places(in, f, stats, error);
	return 0;
}

static int
choose(struct geo_input *in, struct files *f, struct geo_stats *stats, char **error)
{
	const struct geo_file *mmdb = choose_mmdb(f, in->kind);
	size_t at[INPUT_CSVS], n = choose_csv(f, in->kind, at);
	bool both = n > 0 && (n == 2 || (f->csv[at[0]].v4 && f->csv[at[0]].v6));

	if (mmdb != NULL && ((mmdb->v4 && mmdb->v6) || !both)) {
		in->mmdb = true;
		in->path = xstrdup(mmdb->path);
		return 0;
	}
	if (n == 0)
		return 0;
	/* What could not be read may be the half of it. */
	if (f->csv_unread) {
		*error = xstrdup(f->why);
		return -1;
	}
	return take_csv(in, f, at, n, stats, error);
}

/* Why there is nothing of the kind. */
static char *
why_not(const struct files *f, enum geo_kind kind, const char *path)
{
	char *error = NULL, *text;

	if (f->nmmdb + f->ncsv == 1 && f->why == NULL) {
		if (f->nmmdb == 1)
			geo_file_need(&f->mmdb[0], kind, &error);
		else
			error = what_csv(&f->csv[0], kind);
		return error;
	}
	if (f->nmmdb + f->ncsv == 0 && f->why != NULL)
		return xstrdup(f->why);
	text = f->ncsv > 0 ? what_csv(&f->csv[0], kind)
	       : f->nmmdb > 0 && geo_file_need(&f->mmdb[0], kind, &error) == -1 ? error
										: NULL;
	error = xasprintf("%s: no readable database (*.mmdb, *.csv) with %s in it%s%s", path,
	    geo_kind_name(kind), text != NULL ? "; " : "", text != NULL ? text : "");
	free(text);
	return error;
}

int
geo_input_find(struct geo_input *in, const struct geo_source *src, enum geo_kind kind,
    struct geo_stats *stats, char **error)
{
	const char *own = kind == GEO_COUNTRY ? src->country_mmdb : src->asn_mmdb;
	const char *path = own != NULL		   ? own
			   : src->database != NULL ? src->database
			   : src->csv_dir != NULL  ? src->csv_dir
						   : src->legacy_file;
	bool csv_only = own == NULL && src->database == NULL;
	struct files *f;
	int rc;

	*error = NULL;
	*in = (struct geo_input){ .kind = kind };
	if (path == NULL)
		return 0;
	f = xcalloc(1, sizeof(*f));
	if (csv_only && src->csv_files != NULL && path == src->csv_dir) {
		for (size_t i = 0; i < GEO_CSV_FILES; i++) {
			if (src->csv_files[i] != NULL)
				look_at(f, src->csv_files[i], true);
		}
	} else if (file_is_dir(path)) {
		look_into(f, path, csv_only);
	} else {
		look_at(f, path, csv_only);
	}
	if (f->ncsv == 1 && f->csv[0].col.place != -1 && src->csv_files == NULL)
		look_beside(f, f->csv[0].path);
	rc = choose(in, f, stats, error);
	if (rc == 0 && in->path == NULL)
		in->why = why_not(f, kind, path);
	if (rc == 0 && in->path == NULL && own != NULL) {
		*error = in->why;
		in->why = NULL;
		rc = -1;
	}
	files_fini(f);
	if (rc == -1)
		geo_input_fini(in);
	return rc;
}

void
geo_input_fini(struct geo_input *in)
{
	for (size_t i = 0; i < INPUT_CSVS; i++)
		geo_csv_fini(&in->csv[i]);
	places_fini(&in->places);
	free(in->path);
	free(in->why);
	*in = (struct geo_input){ .kind = in->kind };
}
