#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/beneath.h"
#include "survey/buf.h"
#include "survey/file.h"
#include "survey/isolate.h"
#include "survey/mem.h"
#include "survey/memfile.h"

#include "databases.h"

#define FD_PATH "/proc/self/fd/%d"
#define CPU_S 600 /* a country database takes one second */
#define ANSWER_MAX (512u << 20) /* bytes of networks: 15 million */

/* What the copies are called; CSV files keep their names. */
static const char *const copies[GEO_NKINDS] = { "geo/country.mmdb", "geo/asn.mmdb" };

const char *const database_names[NDATABASES] = { "country-mmdb", "asn-mmdb", "csv-1", "csv-2",
	"csv-3", "csv-4", "csv-5", "csv-6", "csv-7", "csv-8", "csv-9", "csv-10", "csv-11",
	"csv-12" };

void
databases_init(struct databases *d)
{
	for (size_t i = 0; i < NDATABASES; i++) {
		d->path[i] = NULL;
		d->fd[i] = -1;
	}
}

void
databases_fini(struct databases *d)
{
	for (size_t i = 0; i < NDATABASES; i++) {
		free(d->path[i]);
		if (d->fd[i] != -1)
			close(d->fd[i]);
	}
	databases_init(d);
}

/* Where the config has them, into d->path. */
static void
name_files(struct databases *d, const struct config *c)
{
	const char *const mmdb[GEO_NKINDS] = { c->geo.country_mmdb, c->geo.asn_mmdb };

	for (size_t i = 0; i < GEO_NKINDS; i++)
		d->path[i] = mmdb[i][0] != '\0' ? xstrdup(mmdb[i]) : NULL;
	if (c->geo.csv[0] != '\0')
		geo_csv_files(c->geo.csv, d->path + GEO_NKINDS);
}

static char *
copy_name(const struct databases *d, size_t i)
{
	const char *slash = strrchr(d->path[i], '/');

	if (i < GEO_NKINDS)
		return xstrdup(copies[i]);
	return path_join("geo/csv", slash != NULL ? slash + 1 : d->path[i]);
}

static int
note_digest(struct databases *d, size_t i)
{
	struct stat st;
	void *map = NULL;

	if (fstat(d->fd[i], &st) == -1)
		return -1;
	if (st.st_size > 0)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, d->fd[i], 0);
	if (map == MAP_FAILED)
		return -1;
	digest_sha256(map, (size_t)st.st_size, d->digest[i]);
	if (map != NULL)
		munmap(map, (size_t)st.st_size);
	return 0;
}

/* Takes over source.  Returns 0, or -1 with errno set. */
static int
take(struct databases *d, size_t i, int source)
{
	int saved;

	if (source == -1)
		return -1;
	d->fd[i] = memfile_copy("database", source);
	saved = errno;
	close(source);
	errno = saved;
	return d->fd[i] == -1 ? -1 : note_digest(d, i);
}

int
databases_take(struct databases *d, const struct config *c, const struct identity *id, char **error)
{
	int rc = 0;

	if (identity_assume(id) != 0) {
		*error = xasprintf("cannot look at the databases as %s", id->name);
		return -1;
	}
	name_files(d, c);
	if (c->geo.csv[0] != '\0' && d->path[GEO_NKINDS] == NULL) {
		*error = xasprintf("geo.csv: %s: no CSV file in it", c->geo.csv);
		rc = -1;
	}
	for (size_t i = 0; i < NDATABASES && rc == 0; i++) {
		if (d->path[i] != NULL)
			rc = take(d, i, open(d->path[i], O_RDONLY | O_CLOEXEC));
		if (rc == -1)
			*error = xasprintf("%s: %m", d->path[i]);
	}
	identity_resume(id);
	return rc;
}

int
databases_take_kept(struct databases *d, const struct config *c, int dir)
{
	int rc = 0;

	name_files(d, c);
	for (size_t i = 0; i < NDATABASES && rc == 0; i++) {
		char *name = d->path[i] != NULL ? copy_name(d, i) : NULL;

		if (name != NULL)
			rc = take(d, i, beneath_open(dir, name, O_RDONLY, 0));
		free(name);
	}
	return rc;
}

/* The folder of a copy; -1 with errno set. */
static int
make_folder(int dir, const char *folder)
{
	if (mkdirat(dir, folder, 0700) == -1 && errno != EEXIST)
		return -1;
	return beneath_open(dir, folder, O_RDONLY | O_DIRECTORY, 0);
}

/* One copy, in the folder of its kind, which is opened when it is needed. */
static int
keep(const struct databases *d, size_t i, const char *name, int dir, int folders[2], bool all)
{
	int *folder = &folders[i >= GEO_NKINDS];
	int there = all ? -1 : beneath_open(dir, name, O_RDONLY, 0);

	if (there != -1) {
		close(there);
		return 0;
	}
	if (folders[0] == -1 && (folders[0] = make_folder(dir, "geo")) == -1)
		return -1;
	if (*folder == -1 && (*folder = make_folder(folders[0], "csv")) == -1)
		return -1;
	return beneath_copy(*folder, strrchr(name, '/') + 1, d->fd[i], 0600);
}

int
databases_keep(
    const struct databases *d, int dir, const struct identity *id, bool all, char **error)
{
	int folders[2] = { -1, -1 }, rc = 0;

	if (identity_assume(id) != 0) {
		*error = xasprintf("cannot copy the databases as %s", id->name);
		return -1;
	}
	for (size_t i = 0; i < NDATABASES && rc == 0; i++) {
		char *name = d->fd[i] != -1 ? copy_name(d, i) : NULL;

		if (name != NULL && (rc = keep(d, i, name, dir, folders, all)) == -1)
			*error = xasprintf("%s: cannot be copied to %s: %m", d->path[i], name);
		free(name);
	}
	identity_resume(id);
	for (int i = 0; i < 2; i++) {
		if (folders[i] != -1)
			close(folders[i]);
	}
	return rc;
}

/* ---- the child ---- */

/* Its answer begins with this; then come the networks, then the text. */
struct head {
	uint64_t failed; /* the text says why; else it is first_bad */
	uint64_t networks, matched, bad;
	uint64_t nranges, ntext;
};

struct job {
	struct geo_source src;
	const struct geo_query *q;
};

static int
list_networks(int out, void *arg)
{
	const struct job *j = arg;
	struct geo_stats stats = { 0 };
	struct ipset set;
	struct head h = { 0 };
	char *error = NULL;

	ipset_init(&set);
	if (geo_list(&j->src, j->q, &set, &stats, &error) == -1)
		set.n = 0;
	else
		error = stats.first_bad;
	h = (struct head){ .failed = error != NULL && error != stats.first_bad,
		.networks = stats.networks,
		.matched = stats.matched,
		.bad = stats.bad,
		.nranges = set.n,
		.ntext = error != NULL ? strlen(error) : 0 };
	if (file_write_fd(out, &h, sizeof(h)) == -1 ||
	    file_write_fd(out, set.r, set.n * sizeof(*set.r)) == -1)
		return -1;
	return file_write_fd(out, error, h.ntext);
}

static bool
is_address(const struct ip *ip)
{
	static const uint8_t zero[12];

	return ip->family == 6 || (ip->family == 4 && memcmp(ip->a + 4, zero, sizeof(zero)) == 0);
}

/* Believe nothing of what the child says but the networks themselves. */
static int
take_answer(const struct buf *answer, struct ipset *out, struct geo_stats *stats, char **text)
{
	const char *p = answer->data;
	struct ip_range r;
	struct head h;

	if (answer->len < sizeof(h))
		return -1;
	memcpy(&h, p, sizeof(h));
	if (h.nranges > answer->len / sizeof(r) || h.ntext > answer->len ||
	    answer->len != sizeof(h) + h.nranges * sizeof(r) + h.ntext)
		return -1;
	p += sizeof(h);
	for (uint64_t i = 0; i < h.nranges; i++, p += sizeof(r)) {
		memcpy(&r, p, sizeof(r));
		if (!is_address(&r.lo) || !is_address(&r.hi) || r.lo.family != r.hi.family ||
		    ip_cmp(&r.lo, &r.hi) > 0)
			return -1;
		ipset_add_range(out, &r.lo, &r.hi);
	}
	*text = h.ntext > 0 ? xstrndup(p, h.ntext) : NULL;
	*stats = (struct geo_stats){ .networks = h.networks, .matched = h.matched, .bad = h.bad };
	return h.failed != 0;
}

/* The child knows files by the numbers of descriptors; people know them by names. */
static char *
with_names(const struct databases *d, char *text)
{
	for (size_t i = 0; text != NULL && i < NDATABASES; i++) {
		char *number = xasprintf(FD_PATH ":", d->fd[i]), *at = strstr(text, number), *named;

		if (d->fd[i] != -1 && at != NULL) {
			named = xasprintf(
			    "%.*s%s:%s", (int)(at - text), text, d->path[i], at + strlen(number));
			free(text);
			text = named;
		}
		free(number);
	}
	return text;
}

int
databases_ranges(const struct databases *d, const struct geo_query *q, struct ipset *out,
    struct geo_stats *stats, const volatile sig_atomic_t *stop, char **error)
{
	const struct isolate_options o = {
		.profile = SANDBOX_READ, .cpu_s = CPU_S, .max = ANSWER_MAX, .stop = stop
	};
	char *paths[NDATABASES] = { NULL }, *text = NULL;
	struct job j = { .q = q };
	struct buf answer;
	int rc;

	for (size_t i = 0; i < NDATABASES; i++) {
		if (d->fd[i] != -1)
			paths[i] = xasprintf(FD_PATH, d->fd[i]);
		if (i >= GEO_NKINDS && d->fd[i] != -1)
			j.src.csv_dir = "geo.csv";
	}
	j.src.country_mmdb = paths[GEO_COUNTRY];
	j.src.asn_mmdb = paths[GEO_ASN];
	j.src.csv_files = (const char *const *)paths + GEO_NKINDS;
	buf_init(&answer);
	*error = NULL;
	if ((rc = isolate(list_networks, &j, &o, &answer, error)) == 0) {
		rc = take_answer(&answer, out, stats, &text);
		text = with_names(d, text);
		if (rc == -1)
			*error = xstrdup("its reader's answer makes no sense");
	}
	if (rc == 1) { /* it says why it failed */
		*error = text;
		rc = -1;
	} else if (rc == 0) {
		stats->first_bad = text;
		ipset_normalise(out);
	} else {
		char *why = *error;
		int saved = errno;

		*error = xasprintf("the networks of the databases cannot be found: %s", why);
		free(why);
		free(text);
		errno = saved;
	}
	buf_fini(&answer);
	for (size_t i = 0; i < NDATABASES; i++)
		free(paths[i]);
	return rc;
}
