#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/text.h"

#include "read.h"

#define PROGRESS_LINES 1000
#define PROGRESS_S 10

static int
fail(struct record_reading *r, const char *what)
{
	if (r->error == NULL)
		r->error = xasprintf("%s: %s", what, strerror(errno));
	return -1;
}

int
record_reading_open(struct record_reading *r, const char *dir)
{
	int fd;

	r->lookups.name = "mmdb look-ups";
	r->merging.name = "merging";
	r->builder = study_builder_new();
	if (raw_lines_open(&r->raw, dir) == -1 || (fd = file_unnamed(dir)) == -1)
		return fail(r, "temporary files");
	study_builder_spool(r->builder, fd);
	return bad_lines_open(&r->bad, dir) == -1 ? fail(r, "records.bad") : 0;
}

void
record_reading_close(struct record_reading *r)
{
	study_builder_free(r->builder);
	raw_lines_close(&r->raw);
	bad_lines_abort(&r->bad);
	free(r->error);
}

static enum host_out
judge(const struct record_reading *r, uint32_t host)
{
	const struct study_host *h = study_builder_host(r->builder, host);

	if (!study_builder_has_key(r->builder, host))
		return OUT_NO_KEY;
	if (r->ncountries == 0)
		return OUT_NONE;
	if (h->country[0] == '\0')
		return OUT_NO_COUNTRY;
	for (size_t i = 0; i < r->ncountries; i++) {
		if (strcmp(h->country, r->countries[i]) == 0)
			return OUT_NONE;
	}
	return OUT_WRONG_COUNTRY;
}

static void
look_up(struct record_reading *r, uint32_t host)
{
	const struct study_host *h = study_builder_host(r->builder, host);
	bool own_country = h->country[0] != '\0';
	struct geo_info info;
	struct cost_watch watch;

	if (r->geo == NULL || (own_country && h->as_own))
		return;
	cost_start_wall(&watch);
	if (geo_db_lookup(r->geo, &h->ip, &info))
		study_builder_place(
		    r->builder, host, own_country ? NULL : info.country, info.asn, info.as_name);
	cost_stop_wall(&watch, &r->lookups, 1);
}

/* A word now and then while a large file is read. */
static void
tell_progress(struct record_reading *r, const struct record_line *line)
{
	struct timespec now;

	if (line->number % PROGRESS_LINES != 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (r->told == 0)
		r->told = now.tv_sec;
	if (now.tv_sec - r->told < PROGRESS_S)
		return;
	r->told = now.tv_sec;
	log_info("%s: %llu %s, %.1f GB, %u %s so far", r->source, (unsigned long long)line->number,
	    text_noun(line->number, "line", "lines"), (double)line->offset / 1e9,
	    study_builder_nhosts(r->builder),
	    text_noun(study_builder_nhosts(r->builder), "host", "hosts"));
}

static int
take_line(const struct record_line *line, void *arg)
{
	struct record_reading *r = arg;
	uint32_t host;
	bool is_new;

	tell_progress(r, line);
	if (line->refusal != REFUSED_NO)
		return bad_lines_put(&r->bad, r->source, line) == 0 ? 0 : fail(r, "records.bad");
	host = study_builder_line(r->builder, line->host, line->number, &is_new);
	if (is_new)
		look_up(r, host);
	if (judge(r, host) != OUT_NONE && raw_lines_put(&r->raw, host, line->text, line->len) == -1)
		return fail(r, "records put aside for dodgy.json");
	return 0;
}

int
record_reading_run(
    struct record_reading *r, const char *path, const struct record_options *o, char **error)
{
	struct cost_watch watch;
	int rc;

	cost_start(&watch);
	rc = record_read(path, o, take_line, r, &r->counts, error);
	cost_stop(&watch, &r->merging, r->counts.lines);
	r->merging.cpu_ns -= r->counts.own_cpu_ns;
	r->merging.peak_kb = cost_peak_kb();
	return rc;
}

int
record_reading_end(struct record_reading *r)
{
	uint32_t nhosts = study_builder_nhosts(r->builder);
	struct merge_counts merged = study_builder_merges(r->builder);

	for (uint32_t i = 0; i < nhosts; i++)
		study_builder_out(r->builder, i, judge(r, i));
	r->counts.note[NOTE_PORT_REPEATED] += merged.repeated;
	r->counts.note[NOTE_GRABS_OVER_MAX] += merged.over;
	/* A full disk is to be seen before results get their names. */
	if (bad_lines_end(&r->bad) == -1)
		return fail(r, "records.bad");
	return raw_lines_end(&r->raw, nhosts) == -1 ? fail(r, "records put aside for dodgy.json")
						    : 0;
}
