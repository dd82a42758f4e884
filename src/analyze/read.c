#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"

#include "read.h"

#define SPOOL_AT ((size_t)1 << 20)
#define BAD_TEXT ((size_t)64 << 10) /* bytes kept of a refused line */
#define PROGRESS_LINES 1000
#define PROGRESS_S 10
#define BAD_MAX ((size_t)64 << 20) /* of an earlier records.bad */
#define BAD_OURS "{\"stage\":\"analyze\","

static int
fail(struct intake *in, const char *what)
{
	if (in->error == NULL)
		in->error = xasprintf("%s: %s", what, strerror(errno));
	return -1;
}

/* What a running survey put into records.bad stays; what an earlier analysis put there does not. */
static int
keep_earlier_bad(struct intake *in, const char *path)
{
	char *text, *line, *next;
	size_t len;

	if ((text = file_read(path, BAD_MAX, &len)) == NULL)
		return errno == ENOENT ? 0 : fail(in, path);
	for (line = text; line < text + len; line = next) {
		next = memchr(line, '\n', (size_t)(text + len - line));
		next = next != NULL ? next + 1 : text + len;
		if (strncmp(line, BAD_OURS, strlen(BAD_OURS)) != 0)
			fwrite(line, 1, (size_t)(next - line), in->bad.f);
	}
	free(text);
	return 0;
}

int
intake_init(struct intake *in, const char *dir)
{
	char *path;
	int rc = 0;

	hostset_init(&in->set);
	buf_init(&in->spool);
	in->lookups.name = "mmdb look-ups";
	in->merging.name = "merging";
	path = path_join(dir, ".lines.XXXXXX");
	if ((in->lines_fd = mkostemp(path, O_CLOEXEC)) == -1)
		rc = fail(in, path);
	else
		unlink(path);
	free(path);
	if (rc != 0)
		return rc;
	path = path_join(dir, "records.bad");
	outfile_sweep(path);
	if (outfile_open(&in->bad, path) != 0)
		rc = fail(in, path);
	else
		in->bad_open = true;
	if (rc == 0)
		rc = keep_earlier_bad(in, path);
	free(path);
	return rc;
}

void
intake_fini(struct intake *in)
{
	hostset_fini(&in->set);
	buf_fini(&in->spool);
	free(in->lines);
	free(in->first_line);
	free(in->last_line);
	free(in->error);
	if (in->lines_fd != -1)
		close(in->lines_fd);
	if (in->bad_open)
		outfile_abort(&in->bad);
}

static int
spool_flush(struct intake *in)
{
	size_t done = 0;

	while (done < in->spool.len) {
		ssize_t n = write(in->lines_fd, in->spool.data + done, in->spool.len - done);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(in, "records put aside for dodgy.json");
		done += (size_t)n;
	}
	in->spool_at += in->spool.len;
	buf_clear(&in->spool);
	return 0;
}

/* Room in the arrays by host; mem_grow() does not clear. */
static void
host_room(struct intake *in, uint32_t host)
{
	size_t had = in->first_cap;

	mem_grow(&in->first_line, &in->first_cap, (size_t)host + 1, sizeof(*in->first_line));
	mem_grow(&in->last_line, &in->last_cap, (size_t)host + 1, sizeof(*in->last_line));
	if (in->first_cap > had) {
		memset(in->first_line + had, 0, (in->first_cap - had) * sizeof(*in->first_line));
		memset(in->last_line + had, 0, (in->last_cap - had) * sizeof(*in->last_line));
	}
}

static int
put_aside(struct intake *in, uint32_t host, const char *text, size_t len)
{
	uint32_t number = (uint32_t)in->nlines + 1;

	host_room(in, host);
	mem_grow(&in->lines, &in->lines_cap, in->nlines + 1, sizeof(*in->lines));
	in->lines[in->nlines++] = (struct output_line){ 0, (uint32_t)len,
		in->spool_at + in->spool.len };
	if (in->last_line[host] != 0)
		in->lines[in->last_line[host] - 1].next = number;
	else
		in->first_line[host] = number;
	in->last_line[host] = number;
	buf_add(&in->spool, text, len);
	return in->spool.len >= SPOOL_AT ? spool_flush(in) : 0;
}

static int
put_bad(struct intake *in, const struct record_line *line)
{
	struct jsonw w;
	size_t written;

	jsonw_init(&w, NULL);
	jsonw_object(&w);
	jsonw_key(&w, "stage");
	jsonw_string(&w, "analyze");
	jsonw_key(&w, "source");
	jsonw_string(&w, in->source);
	jsonw_key(&w, "reason");
	jsonw_string(&w, record_refusal_name(line->refusal));
	jsonw_key(&w, "line");
	jsonw_uint(&w, line->number);
	jsonw_key(&w, "offset");
	jsonw_uint(&w, line->offset);
	jsonw_key(&w, "bytes");
	jsonw_uint(&w, line->len);
	jsonw_key(&w, "text");
	jsonw_stringn(&w, line->text, line->len < BAD_TEXT ? line->len : BAD_TEXT);
	jsonw_end_object(&w);
	jsonw_newline(&w);
	written = fwrite(w.out.data, 1, w.out.len, in->bad.f);
	written -= w.out.len;
	jsonw_fini(&w);
	return written == 0 ? 0 : fail(in, "records.bad");
}

static enum host_out
judge(const struct intake *in, const struct host *h)
{
	if (h->ngrabs == 0)
		return OUT_NO_KEY;
	if (in->ncountries == 0)
		return OUT_NONE;
	if (h->country[0] == '\0')
		return OUT_NO_COUNTRY;
	for (size_t i = 0; i < in->ncountries; i++) {
		if (strcmp(h->country, in->countries[i]) == 0)
			return OUT_NONE;
	}
	return OUT_WRONG_COUNTRY;
}

static void
look_up(struct intake *in, struct host *h)
{
	struct geo_info info;
	struct cost_watch watch;

	if (in->geo == NULL || (h->country[0] != '\0' && h->own_as))
		return;
	cost_start_wall(&watch);
	if (geo_db_lookup(in->geo, &h->ip, &info)) {
		if (h->country[0] == '\0')
			memcpy(h->country, info.country, sizeof(h->country));
		if (!h->own_as) {
			h->asn = info.asn;
			h->as_name = hostset_text(
			    &in->set, info.as_name[0] != '\0' ? info.as_name : NULL);
		}
	}
	cost_stop_wall(&watch, &in->lookups, 1);
}

/* A word now and then while a large file is read. */
static void
tell_progress(struct intake *in, const struct record_line *line)
{
	struct timespec now;

	if (line->number % PROGRESS_LINES != 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (in->told == 0)
		in->told = now.tv_sec;
	if (now.tv_sec - in->told < PROGRESS_S)
		return;
	in->told = now.tv_sec;
	log_info("%s: %llu lines, %.1f GB, %zu hosts so far", in->source,
	    (unsigned long long)line->number, (double)line->offset / 1e9, in->set.n);
}

static int
take_line(const struct record_line *line, void *arg)
{
	struct intake *in = arg;
	struct host *h;
	uint32_t i;
	bool is_new;

	if (*in->stop)
		return INTAKE_STOPPED;
	tell_progress(in, line);
	if (line->refusal != REFUSED_NO)
		return put_bad(in, line);
	i = hostset_add(&in->set, line->host, line->number, &is_new);
	h = &in->set.hosts[i];
	if (is_new)
		look_up(in, h);
	if (judge(in, h) != OUT_NONE)
		return put_aside(in, i, line->text, line->len);
	return 0;
}

int
intake_read(struct intake *in, const char *path, const struct record_options *o, char **error)
{
	struct cost_watch watch;
	int rc;

	cost_start(&watch);
	rc = record_read(path, o, take_line, in, &in->counts, error);
	cost_stop(&watch, &in->merging, in->counts.lines);
	in->merging.cpu_ns -= in->counts.own_cpu_ns;
	in->merging.peak_kb = cost_peak_kb();
	return rc;
}

int
intake_finish(struct intake *in)
{
	struct hostset *set = &in->set;

	for (size_t i = 0; i < set->n; i++)
		set->hosts[i].out = (uint8_t)judge(in, &set->hosts[i]);
	if (set->n > 0)
		host_room(in, (uint32_t)set->n - 1);
	in->counts.note[NOTE_PORT_REPEATED] += set->merged.repeated;
	in->counts.note[NOTE_GRABS_OVER_MAX] += set->merged.over;
	/* A full disk is to be seen before results get their names. */
	if (fflush(in->bad.f) != 0)
		return fail(in, "records.bad");
	return spool_flush(in);
}

int
intake_commit(struct intake *in)
{
	in->bad_open = false;
	if (outfile_commit(&in->bad) != 0)
		return fail(in, "records.bad");
	return 0;
}
