/*
 * A directory in which the published studies' scripts run: their files in their
 * layouts, a file for each cluster, records as FreshGrab.py writes them, and graphs of pairs.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/iptab.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/output.h"
#include "survey/pairs.h"
#include "survey/pretty.h"
#include "survey/rundir.h"
#include "survey/text.h"
#include "survey/transform.h"

#include "export.h"

#define MARKER "EXPORTED"
#define MARKER_TEXT \
	"survey export --studies has made this directory, and may write over its files.\n"
#define DOT_HOSTS 500 /* of a cluster whose pairs are drawn one by one */

static const char *const their_files[] = { "fingerprints.json", "all-key-fingerprints.json",
	"collisions.json", "dodgy.json", "clustersizes.csv", NULL };

static int
failed(const char *path)
{
	log_error("cannot write %s: %s", path, strerror(errno));
	return -1;
}

/* --- a file a cluster ----------------------------------------------------------- */

/* A host's line of collisions.json. */
struct host_line {
	uint32_t cluster; /* id */
	uint32_t number;
	size_t len;
	off_t offset;
};

struct host_lines {
	struct host_line *v;
	size_t n, cap;
};

static int
by_cluster(const void *pa, const void *pb)
{
	const struct host_line *a = pa, *b = pb;

	if (a->cluster != b->cluster)
		return a->cluster < b->cluster ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* The number after "clusternum": of a host's line.  A quote in a text is escaped, so the member stands there once. */
static uint32_t
cluster_of_line(const char *line)
{
	static const char name[] = ",\"clusternum\":";
	const char *at = strstr(line, name);

	return at != NULL ? (uint32_t)strtoul(at + sizeof(name) - 1, NULL, 10) : 0;
}

/* Where each host stands in collisions.json: cut out line by line, as the scripts do. */
static int
find_lines(FILE *in, struct host_lines *lines)
{
	char *line = NULL;
	size_t cap = 0;
	off_t at = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, in)) != -1) {
		struct host_line l = {
			.number = (uint32_t)lines->n, .len = (size_t)n, .offset = at
		};

		at += n;
		if (line[0] != '"' || (l.cluster = cluster_of_line(line)) == 0)
			continue;
		mem_grow(&lines->v, &lines->cap, lines->n + 1, sizeof(*lines->v));
		lines->v[lines->n++] = l;
	}
	free(line);
	if (lines->n > 1)
		qsort(lines->v, lines->n, sizeof(*lines->v), by_cluster);
	return ferror(in) ? -1 : 0;
}

/* One host after the other, so that no more than one is in memory. */
static int
write_hosts(FILE *in, FILE *out, const struct host_line *v, size_t n)
{
	struct buf line, text;
	int rc = 0;

	buf_init(&line);
	buf_init(&text);
	for (size_t i = 0; i < n && rc == 0; i++) {
		buf_clear(&line);
		buf_reserve(&line, v[i].len + 2);
		line.data[0] = '{';
		if (fseeko(in, v[i].offset, SEEK_SET) != 0 ||
		    fread(line.data + 1, 1, v[i].len, in) != v[i].len) {
			rc = -1;
			break;
		}
		line.data[1 + v[i].len] = '}';
		line.len = v[i].len + 2;
		buf_clear(&text);
		buf_adds(&text, i == 0 ? "[\n" : ",\n");
		json_pretty(&text, line.data, line.len, 0);
		buf_adds(&text, i == n - 1 ? "\n]\n" : "\n");
		rc = fwrite(text.data, 1, text.len, out) == text.len ? 0 : -1;
	}
	buf_fini(&line);
	buf_fini(&text);
	return rc;
}

static int
write_cluster(FILE *in, const struct host_line *v, size_t n, const char *dir)
{
	char *name = xasprintf("cluster%u.json", v->cluster), *path = path_join(dir, name);
	struct outfile out;
	int rc = outfile_open(&out, path);

	if (rc == 0) {
		rc = write_hosts(in, out.f, v, n);
		if (rc == 0)
			rc = outfile_commit(&out);
		else
			outfile_abort(&out);
	}
	if (rc != 0)
		rc = failed(path);
	free(path);
	free(name);
	return rc;
}

static int
write_clusters(const char *dir)
{
	char *path = path_join(dir, "collisions.json");
	FILE *in = file_fopen(path, "re");
	struct host_lines lines = { NULL, 0, 0 };
	int rc = 0;

	if (in == NULL || find_lines(in, &lines) == -1) {
		log_error("cannot read %s: %s", path, strerror(errno));
		rc = -1;
	}
	for (size_t i = 0, n; i < lines.n && rc == 0; i += n) {
		for (n = 1; i + n < lines.n && lines.v[i + n].cluster == lines.v[i].cluster;)
			n++;
		rc = write_cluster(in, &lines.v[i], n, dir);
	}
	if (in != NULL)
		fclose(in);
	free(lines.v);
	free(path);
	return rc;
}

/* --- graphs ----------------------------------------------------------------------- */

/* A colour for each pair of ports, whichever way round: a step of the golden angle apart. */
static void
pair_colour(int a, int b, char colour[static 8])
{
	int low = a < b ? a : b, high = a < b ? b : a, n = high * (high + 1) / 2 + low;
	double h = (double)(n * 137 % 360) / 60, v = 0.85 - 0.2 * (n % 3) / 2, s = 0.75;
	double f = h - (int)h, p = v * (1 - s), q = v * (1 - s * f), t = v * (1 - s * (1 - f));
	const double rgb[6][3] = { { v, t, p }, { q, v, p }, { p, v, t }, { p, q, v }, { t, p, v },
		{ v, p, q } };
	const double *c = rgb[(int)h % 6];

	snprintf(colour, 8, "#%02X%02X%02X", (unsigned)(255 * c[0]) & 0xff,
	    (unsigned)(255 * c[1]) & 0xff, (unsigned)(255 * c[2]) & 0xff);
}

/* One edge a pair of ports; an edge counts both ways, so a pair is looked at once. */
static void
dot_edges(struct buf *b, const char *from, const char *to, uint64_t mask, uint64_t *seen)
{
	uint64_t drawn = 0;

	for (int local = 0; local < NPORTS_STUDY; local++) {
		for (int remote = 0; remote < NPORTS_STUDY; remote++) {
			int low = local < remote ? local : remote, high = local + remote - low;
			uint64_t bit = UINT64_C(1) << (high * 8 + low);
			char colour[8];

			if ((mask >> (remote + 8 * local) & 1) == 0 || (drawn & bit) != 0)
				continue;
			drawn |= bit;
			pair_colour(local, remote, colour);
			buf_printf(b, "\t\"%s\" -- \"%s\" [color=\"%s\"]\n", from, to, colour);
		}
	}
	*seen |= drawn;
}

static void
dot_legend(struct buf *b, uint64_t seen)
{
	buf_adds(b, "\tsubgraph legend {\n\t\tnode [shape=box]\n");
	for (int high = 0; high < NPORTS_STUDY; high++) {
		for (int low = 0; low <= high; low++) {
			char colour[8];

			if ((seen >> (high * 8 + low) & 1) == 0)
				continue;
			pair_colour(low, high, colour);
			buf_printf(b, "\t\t\"%s-%s\" [label=\"%s-%s\" color=\"%s\"]\n",
			    port_table[low].name, port_table[high].name, port_table[low].name,
			    port_table[high].name, colour);
		}
	}
	buf_adds(b, "\t}\n");
}

/* Every host a filled node, every pair of hosts that share a key an edge, as the studies' graphs have it. */
static int
write_dot(const struct study *st, const struct pairs *p, uint32_t cluster, const char *dir)
{
	const struct study_cluster *c = &st->clusters[cluster];
	char *name = xasprintf("graph%u.dot", c->id), *path = path_join(dir, name);
	char from[IP_STRLEN], to[IP_STRLEN];
	uint64_t seen = 0;
	struct buf b;
	int rc;

	buf_init(&b);
	buf_printf(&b, "graph cluster%u {\n", c->id);
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		const struct study_host *h = &st->hosts[study_member(st, c, i)];

		buf_printf(&b, "\t\"%s\" [color=\"#%06X\" style=filled]\n", ip_format(&h->ip, from),
		    st->ases[h->as].asn != 0 ? st->ases[h->as].asn & 0xffffff : 0xa5a5a5);
	}
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		uint32_t a = study_member(st, c, i);

		ip_format(&st->hosts[a].ip, from);
		for (uint32_t k = i + 1; k < c->hosts.n; k++) {
			uint32_t other = study_member(st, c, k);

			if (p->group_of[a] == GROUP_NONE || p->group_of[other] == GROUP_NONE)
				continue;
			dot_edges(&b, from, ip_format(&st->hosts[other].ip, to),
			    pairs_ports(p, p->group_of[a], p->group_of[other]), &seen);
		}
	}
	dot_legend(&b, seen);
	buf_adds(&b, "}\n");
	if ((rc = file_write(path, b.data, b.len)) == -1)
		rc = failed(path);
	buf_fini(&b);
	free(path);
	free(name);
	return rc;
}

static int
write_graphs(const struct study *st, const char *dir)
{
	struct pairs *p = pairs_new(st);
	uint32_t left = 0;
	int rc = 0;

	for (uint32_t i = 0; i < st->nclusters && rc == 0; i++) {
		if (st->clusters[i].hosts.n <= DOT_HOSTS)
			rc = write_dot(st, p, i, dir);
		else
			left++;
	}
	pairs_free(p);
	if (left > 0)
		log_info("%u %s of more than %d hosts %s no graphN.dot: it would list every "
			 "pair; survey graph draws them",
		    left, text_noun(left, "cluster", "clusters"), DOT_HOSTS,
		    text_noun(left, "has", "have"));
	return rc;
}

/* --- addresses -------------------------------------------------------------------- */

/* The list that zmap made, where the run has it; of a part of the study those of its hosts. */
static int
write_hits(const struct exporting *x, const char *dir, bool part)
{
	char *from = path_join(x->o->path, "zmap.ips"), *to = path_join(dir, "zmap.ips");
	FILE *in = file_fopen(from, "re");
	struct outfile out = { NULL, NULL, NULL };
	struct iptab hosts;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	bool is_new;
	int rc = 0;

	iptab_init(&hosts);
	for (uint32_t i = 0; i < x->st->nhosts && part; i++)
		iptab_add(&hosts, &x->st->hosts[i].ip, &is_new);
	if (in == NULL)
		log_info("%s has no zmap.ips: it is left out", x->o->path);
	else
		rc = outfile_open(&out, to);
	while (in != NULL && rc == 0 && (n = getline(&line, &cap, in)) != -1) {
		size_t len = strcspn(line, "\r\n");
		struct ip ip;

		if (part && (!ip_parse(line, len, &ip) || iptab_find(&hosts, &ip) == IPTAB_NONE))
			continue;
		if (fwrite(line, 1, (size_t)n, out.f) != (size_t)n)
			rc = -1;
	}
	if (in != NULL && rc == 0)
		rc = ferror(in) ? -1 : outfile_commit(&out);
	if (rc != 0) {
		rc = failed(to);
		if (out.f != NULL)
			outfile_abort(&out);
	}
	if (in != NULL)
		fclose(in);
	iptab_fini(&hosts);
	free(line);
	free(from);
	free(to);
	return rc;
}

/* --- all of it ----------------------------------------------------------------------- */

static bool
is_wanted(void *arg, const struct study *st, uint32_t host)
{
	const struct exporting *x = arg;

	(void)st;
	return x->host[host];
}

/* The study of the chosen hosts alone; its clusters keep their numbers, further parts of one get new ones. */
static struct study *
part_of(const struct exporting *x)
{
	const struct study_map map = {
		.arg = (void *)(uintptr_t)x, .keep = is_wanted, .used_answers = true
	};
	uint32_t *host_of, *ids, next = 0;
	struct study *st = study_transform(x->st, &map, &host_of);
	bool *taken = xcalloc((size_t)x->st->nclusters + 1, sizeof(*taken));

	if (st == NULL) {
		log_error("export: %s", strerror(errno));
		free(taken);
		return NULL;
	}
	ids = xcalloc((size_t)st->nclusters + 1, sizeof(*ids));
	for (uint32_t i = 0; i < x->st->nclusters; i++) {
		if (x->st->clusters[i].id > next)
			next = x->st->clusters[i].id;
	}
	for (uint32_t i = 0; i < st->nclusters; i++) {
		uint32_t host = host_of[study_member(st, &st->clusters[i], 0)];
		uint32_t was = x->st->hosts[host].cluster;

		ids[i] = was != STUDY_NONE && !taken[was] ? x->st->clusters[was].id : ++next;
		if (was != STUDY_NONE)
			taken[was] = true;
	}
	study_cluster_ids(st, ids);
	free(ids);
	free(host_of);
	free(taken);
	return st;
}

/* "cluster12.json" or "graph12.dot": the number, else 0. */
static uint32_t
number_of(const char *name)
{
	static const char *const forms[][2] = { { "cluster", ".json" }, { "graph", ".dot" } };

	for (size_t i = 0; i < 2; i++) {
		size_t len = strlen(forms[i][0]);
		char *end;
		unsigned long n;

		if (strncmp(name, forms[i][0], len) != 0 || !isdigit((unsigned char)name[len]))
			continue;
		n = strtoul(name + len, &end, 10);
		if (strcmp(end, forms[i][1]) == 0 && n <= UINT32_MAX)
			return (uint32_t)n;
	}
	return 0;
}

/* Is dir the directory that the study is, or lies in? */
static bool
is_own(const char *study, const char *dir)
{
	char *above = path_dir(study);
	struct stat a, b;
	bool own = stat(study, &a) == 0 && (S_ISDIR(a.st_mode) || stat(above, &a) == 0) &&
		   stat(dir, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;

	free(above);
	return own;
}

/* Files of an earlier export may be written over, but scripts would count those of other clusters. */
static bool
may_stay(const struct study *st, const char *dir, const char *name, bool exported)
{
	uint32_t n = number_of(name);

	if (!exported && (n != 0 || rundir_file_of(name) != NULL)) {
		log_error("%s holds %s, which no export has made; name a new directory", dir, name);
		return false;
	}
	if (n != 0 && study_find_cluster(st, n) == STUDY_NONE) {
		log_error("%s holds %s of another study, which scripts would count; name a new "
			  "directory",
		    dir, name);
		return false;
	}
	return true;
}

/* Only an export's own files may be written over: it makes a marker before it makes anything else. */
static int
take_directory(const struct exporting *x, const char *dir)
{
	char *marker = path_join(dir, MARKER);
	bool exported = access(marker, F_OK) == 0;
	const struct dirent *e;
	DIR *d = NULL;
	int rc = 0;

	if (is_own(x->o->path, dir)) {
		log_error("%s is where the study is: name a new directory", dir);
		rc = EXPORT_REFUSED;
	} else if ((d = file_opendir(dir)) == NULL) {
		rc = failed(dir);
	}
	while (rc == 0 && (e = readdir(d)) != NULL)
		rc = may_stay(x->st, dir, e->d_name, exported) ? 0 : EXPORT_REFUSED;
	if (d != NULL)
		closedir(d);
	if (rc == 0 && file_write(marker, MARKER_TEXT, strlen(MARKER_TEXT)) == -1)
		rc = failed(marker);
	free(marker);
	return rc;
}

static int
write_theirs(const struct study *st, const struct exported_records *r, const char *dir)
{
	struct output_lines lines = { .fd = -1, .lines = r->lines, .first = r->first };
	struct output_options o = { .only = their_files };
	char *error = NULL;
	int rc;

	if (r->lines !=
	    NULL) { /* the records that take no part are in dodgy.json as they are there */
		if ((lines.fd = file_open(r->path, O_RDONLY, 0)) == -1)
			return failed(r->path);
		o.lines = &lines;
	}
	if ((rc = output_write(st, dir, &o, &error)) == -1) {
		log_error("%s", error);
		free(error);
	}
	if (lines.fd != -1)
		close(lines.fd);
	return rc;
}

int
export_studies(const struct exporting *x)
{
	const char *dir = x->o->studies;
	bool restricted = x->o->nclusters > 0 || x->o->nasns > 0;
	struct exported_records records = { NULL, NULL, NULL };
	struct exporting part = *x;
	struct study *own = NULL;
	int rc;

	if (restricted && (own = part_of(x)) == NULL)
		return -1;
	if (own != NULL)
		part.st = own;
	if (file_mkdirs(dir, 0700) == -1)
		rc = failed(dir);
	else
		rc = take_directory(&part, dir);
	if (rc == 0)
		rc = export_records(&part, dir, &records);
	if (rc == 0)
		rc = write_theirs(part.st, &records, dir);
	if (rc == 0)
		rc = write_clusters(dir);
	if (rc == 0)
		rc = write_graphs(part.st, dir);
	if (rc == 0)
		rc = write_hits(&part, dir, restricted);
	exported_records_fini(&records);
	study_free(own);
	return rc;
}
