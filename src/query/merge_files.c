/* The files beside the study: records, answers and hits joined. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/dnsfile.h"
#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/mem.h"

#include "merge.h"

struct outfile *
merge_begin_file(struct merge *m, const char *name)
{
	char *path = path_join(m->made, name);
	struct outfile *out = &m->files[m->nfiles];
	int rc = outfile_open(out, path);

	free(path);
	if (rc == -1)
		return NULL;
	m->file_list[m->nfiles++] = out;
	return out;
}

/* One after another; a last line that lacks its end gets it.  A file that is not there adds nothing. */
static int
join(struct merge *m, const char *name, char **error)
{
	struct outfile *out = merge_begin_file(m, name);
	int to = out != NULL ? fileno(out->f) : -1, rc = out != NULL ? 0 : -1;

	for (size_t i = 0; i < m->nsources && rc == 0; i++) {
		char *path = path_join(m->sources[i].path, name);
		int from = open(path, O_RDONLY | O_CLOEXEC);

		if (from == -1)
			rc = errno == ENOENT ? 0 : -1;
		else if ((rc = file_append(from, to)) == 1)
			rc = file_write_fd(to, "\n", 1);
		if (rc == -1)
			*error = xasprintf("%s: %s", path, strerror(errno));
		if (from != -1)
			close(from);
		free(path);
	}
	if (rc == -1 && *error == NULL)
		*error = xasprintf("%s/%s: %s", m->made, name, strerror(errno));
	return rc;
}

/* Where several sources asked the same, and not the last of them last, the answer that counts is the last line. */
static int
outdo(struct merge *m, char **error)
{
	struct outfile *out = &m->files[m->nfiles - 1];
	struct jsonw w;
	int rc;

	jsonw_init(&w, NULL);
	for (size_t i = 0; i < m->noutdone; i++) {
		const struct answer *a = m->outdone[i];

		if (answers_get(m->answers, a->name, a->type) == a)
			dnsfile_line(&w, a);
	}
	rc = file_write_fd(fileno(out->f), w.out.data, w.out.len);
	if (rc == -1)
		*error = xasprintf("%s: %s", out->path, strerror(errno));
	jsonw_fini(&w);
	return rc;
}

/* Put the number that follows a key in a line of ours higher by more. */
static void
raise_number(struct buf *b, const char *key, uint64_t more)
{
	char *at = strstr(b->data, key), *end;
	unsigned long long v;
	char *tail;
	size_t start;

	if (at == NULL || more == 0)
		return;
	start = (size_t)(at - b->data) + strlen(key);
	v = strtoull(b->data + start, &end, 10);
	tail = xstrdup(end);
	b->len = start;
	buf_printf(b, "%llu%s", v + more, tail);
	free(tail);
}

/* How many records are before a source's own in the joined file. */
struct before {
	uint64_t lines, bytes; /* unpacked */
	size_t sources; /* that they are counted of */
};

/* They must be read for it, so only where a line asks. */
static int
count_before(const struct merge *m, size_t source, struct before *b, char **error)
{
	for (; b->sources < source; b->sources++) {
		b->lines += m->sources[b->sources].lines;
		if (merge_records_bytes(m, b->sources, &b->bytes, error) == -1)
			return -1;
	}
	return 0;
}

/* Lines of records.bad say where in records.fresh they stand; behind other records that is further on. */
static int
join_bad(struct merge *m, char **error)
{
	struct outfile *out = merge_begin_file(m, "records.bad");
	struct before before = { 0 };
	char *line = NULL;
	size_t cap = 0;
	struct buf b;
	int rc = out != NULL ? 0 : -1;

	buf_init(&b);
	for (size_t i = 0; i < m->nsources && rc == 0; i++) {
		char *path = path_join(m->sources[i].path, "records.bad");
		FILE *f = fopen(path, "re");

		while (f != NULL && rc == 0 && getline(&line, &cap, f) != -1) {
			buf_clear(&b);
			buf_adds(&b, line);
			if (strncmp(line, "{\"stage\":\"analyze\",", 19) == 0) {
				rc = count_before(m, i, &before, error);
				raise_number(&b, ",\"line\":", before.lines);
				raise_number(&b, ",\"offset\":", before.bytes);
			}
			if (rc == 0 && fwrite(b.data, 1, b.len, out->f) != b.len)
				rc = -1;
		}
		if (f != NULL)
			fclose(f);
		free(path);
	}
	if (rc == 0 && fflush(out->f) != 0)
		rc = -1;
	if (rc == -1 && *error == NULL)
		*error = xasprintf("%s/records.bad: %s", m->made, strerror(errno));
	buf_fini(&b);
	free(line);
	return rc;
}

static bool
all_have_records(const struct merge *m)
{
	for (size_t i = 0; i < m->nsources; i++) {
		if (m->sources[i].records == RECORDS_NONE)
			return false;
	}
	return true;
}

/* What runs of one config have in common is the result's, too. */
static int
copy_common(struct merge *m, const char *name, char **error)
{
	char *first = path_join(m->sources[0].path, name), *path;
	int from = open(first, O_RDONLY | O_CLOEXEC), rc = 0;
	struct outfile *out;

	if (from != -1) {
		path = path_join(m->made, name);
		out = merge_begin_file(m, name);
		rc = out == NULL || file_append(from, fileno(out->f)) == -1 ? -1 : 0;
		if (rc == -1)
			*error = xasprintf("%s: %s", path, strerror(errno));
		free(path);
		close(from);
	}
	free(first);
	return rc;
}

bool
merge_one_config(const struct merge *m)
{
	for (uint32_t i = 0; i < m->nruns; i++) {
		const char *digest = m->runs[i].config_sha256;

		if (digest == NULL || strcmp(digest, m->runs[0].config_sha256) != 0)
			return false;
	}
	return true;
}

int
merge_files(struct merge *m, char **error)
{
	static const char *const common[] = { "survey.conf", "cidrs.v4", "cidrs.v6" };

	m->files = xcalloc(sizeof(m->file_list) / sizeof(m->file_list[0]), sizeof(*m->files));
	m->join = !m->o->no_records && all_have_records(m);
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]) && merge_one_config(m); i++) {
		if (copy_common(m, common[i], error) == -1)
			return -1;
	}
	if (!m->join)
		return 0;
	if (merge_records(m, error) == -1 || join_bad(m, error) == -1 ||
	    join(m, "zmap.ips", error) == -1 || join(m, "out-of-country.ips", error) == -1 ||
	    join(m, "dns.ndjson", error) == -1)
		return -1;
	return outdo(m, error);
}
