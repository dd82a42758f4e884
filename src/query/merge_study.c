/* One study of several, as if their records had been read one after another. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "survey/command.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/publickey.h"

#include "dodgy.h"
#include "merge.h"

/* The run of a study, with the texts that it borrows from there. */
static void
add_run(struct merge *m, const struct study *st, const struct study_run *r)
{
	struct study_run_facts f = { .name = study_text(st, r->name),
		.program = study_text(st, r->program),
		.source = study_text(st, r->source),
		.countries = study_text(st, r->countries),
		.config_sha256 = study_text(st, r->config_sha256),
		.tools = study_text(st, r->tools),
		.began = r->began,
		.ended = r->ended,
		.scan_date = r->scan_date,
		.seed = r->seed,
		.shard = r->shard,
		.shards = r->shards,
		.pairs_up_to = r->pairs_up_to,
		.lines = r->lines,
		.refused = r->refused };

	study_builder_run(m->builder, &f);
}

/* Of two answers to a question the later one counts; of two of one time, that of the later source. */
static void
add_answer(struct merge *m, const struct study *st, const struct study_answer *from,
    const char ***names, size_t *cap)
{
	const char *name = study_text(st, from->name);
	struct answer a = { .name = name,
		.type = (enum dns_type)from->type,
		.outcome = (enum dns_outcome)from->outcome,
		.at = from->at,
		.ms = from->ms,
		.ede = DNS_EDE_NONE };
	const struct answer *had;

	if (name == NULL)
		return;
	had = answers_get(m->answers, name, a.type);
	if (had != NULL && had->at > a.at) {
		mem_grow(&m->outdone, &m->cap_outdone, m->noutdone + 1, sizeof(*m->outdone));
		m->outdone[m->noutdone++] = had;
		return;
	}
	a.addrs = st->addresses + from->addresses.at;
	a.naddrs = from->addresses.n;
	mem_grow(names, cap, from->targets.n, sizeof(**names));
	for (uint32_t i = 0; i < from->targets.n; i++)
		(*names)[i] = study_text_or_empty(st, st->targets[from->targets.at + i]);
	a.names = *names;
	a.nnames = from->targets.n;
	answers_put(m->answers, &a);
}

static void
add_answers(struct merge *m, const struct study *st)
{
	const char **names = NULL;
	size_t cap = 0;

	for (uint32_t i = 0; i < st->nanswers; i++)
		add_answer(m, st, &st->answers[i], &names, &cap);
	free(names);
}

/* Where a host goes that several sources have. */
enum taken { TAKEN_MERGED, TAKEN_WHOLE, TAKEN_NOT };

/*
 * Shards of one scan tell of one host in several lines; a host of
 * two scans is as the later one saw it, for half of each would be a host that never was.
 */
static enum taken
whose(const struct merge *m, uint32_t had_run, uint32_t run)
{
	uint32_t had = m->runs[had_run].scan, now = m->runs[run].scan;

	if (had == now)
		return TAKEN_MERGED;
	if (m->scan_when[had] == TIME_UNKNOWN || m->scan_when[now] == TIME_UNKNOWN ||
	    m->scan_when[had] == m->scan_when[now])
		return TAKEN_WHOLE;
	return m->scan_when[had] < m->scan_when[now] ? TAKEN_WHOLE : TAKEN_NOT;
}

/* Returns the builder's number, or STUDY_NONE for a host that another source has from a later scan. */
static uint32_t
add_host(struct merge *m, const struct merge_source *src, const struct study *st, uint32_t number,
    uint64_t record0, struct arena *a)
{
	uint32_t run = src->run0 + st->hosts[number].run, host;
	enum taken how = TAKEN_MERGED;
	struct host line;
	bool is_new;

	host = study_builder_find(m->builder, &st->hosts[number].ip);
	if (host != STUDY_NONE)
		how = whose(m, study_builder_host(m->builder, host)->run, run);
	if (how == TAKEN_NOT)
		return STUDY_NONE;
	arena_reset(a);
	study_show_host(st, number, a, &line);
	if (how == TAKEN_WHOLE) {
		study_builder_replace(m->builder, host, &line, record0 + line.record);
		raw_lines_forget(&m->raw, host);
		is_new = true;
	} else {
		host = study_builder_line(m->builder, &line, record0 + line.record, &is_new);
	}
	if (is_new)
		study_builder_host(m->builder, host)->run = run;
	return host;
}

/* Nobody can say whether two keys without a fingerprint are one. */
static bool
all_named(const struct study *st)
{
	for (uint32_t k = 0; k < st->nkeys; k++) {
		if (!st->keys[k].named)
			return false;
	}
	return true;
}

static int
add_keys(struct merge *m, const struct study *st)
{
	for (uint32_t k = 0; k < st->nkeys; k++) {
		if (study_builder_public(m->builder, st, k) == -1)
			return -1;
	}
	return 0;
}

/* The records that take no part go into dodgy.json again, if those of all sources can. */
static void
add_dodgy(struct merge *m, const struct merge_source *src, const uint32_t *hosts, size_t n)
{
	if (m->no_dodgy)
		return;
	if (src->records == RECORDS_NONE) {
		log_warn(
		    "%s has no records, so dodgy.json, which shows the hosts that take no part, "
		    "is left out",
		    src->path);
		m->no_dodgy = true;
	} else if (dodgy_entries(&m->raw, src->path, hosts, n) == -1) {
		log_warn("%s/dodgy.json: %s; dodgy.json is left out of the result", src->path,
		    errno == EINVAL ? "does not fit its survey.db" : strerror(errno));
		m->no_dodgy = true;
	}
}

static int
add_source(struct merge *m, const struct merge_source *src, uint64_t record0)
{
	struct study *st = study_open(
	    src->path, STUDY_ALL & ~(unsigned)(STUDY_FINDINGS | STUDY_MAIL), 0);
	uint32_t *dodgy;
	size_t ndodgy = 0;
	struct arena a;
	int rc = EXIT_USAGE;

	if (st == NULL)
		return EXIT_FAILED;
	arena_init(&a);
	dodgy = xcalloc((size_t)st->nhosts + 1, sizeof(*dodgy));
	if (st->nruns != src->nruns || !all_named(st)) {
		log_error("%s: its survey.db holds what older files told, without all keys; "
			  "analyze its records again",
		    src->path);
		goto out;
	}
	for (uint32_t i = 0; i < st->nruns; i++)
		add_run(m, st, &st->runs[i]);
	add_answers(m, st);
	for (uint32_t i = 0; i < st->nhosts; i++) {
		uint32_t host = add_host(m, src, st, i, record0, &a);

		if (st->hosts[i].out != OUT_NONE)
			dodgy[ndodgy++] = host;
		if (m->o->stop != NULL && *m->o->stop) {
			rc = EXIT_STOPPED;
			goto out;
		}
	}
	rc = EXIT_FAILED;
	if (add_keys(m, st) == -1) {
		log_error("%s: public keys: %s", src->path, strerror(errno));
		goto out;
	}
	add_dodgy(m, src, dodgy, ndodgy);
	rc = 0;
out:
	free(dodgy);
	arena_fini(&a);
	study_free(st);
	return rc;
}

static enum host_out
judge(const struct merge *m, uint32_t host)
{
	const struct study_host *h = study_builder_host(m->builder, host);

	if (!study_builder_has_key(m->builder, host))
		return OUT_NO_KEY;
	if (m->any_country || m->ncountries == 0)
		return OUT_NONE;
	if (h->country[0] == '\0')
		return OUT_NO_COUNTRY;
	for (size_t i = 0; i < m->ncountries; i++) {
		if (strcmp(m->countries[i], h->country) == 0)
			return OUT_NONE;
	}
	return OUT_WRONG_COUNTRY;
}

int
merge_study(struct merge *m)
{
	uint64_t record0 = 0;
	uint32_t nhosts;
	int fd, rc;

	m->builder = study_builder_new();
	m->answers = answers_new();
	if (raw_lines_open(&m->raw, m->made) == -1 || (fd = file_unnamed(m->made)) == -1) {
		log_error("%s: temporary files: %s", m->made, strerror(errno));
		return EXIT_FAILED;
	}
	study_builder_spool(m->builder, fd);
	for (size_t i = 0; i < m->nsources; i++) {
		if ((rc = add_source(m, &m->sources[i], record0)) != 0)
			return rc;
		record0 += m->sources[i].lines;
	}
	nhosts = study_builder_nhosts(m->builder);
	for (uint32_t i = 0; i < nhosts; i++)
		study_builder_out(m->builder, i, judge(m, i));
	if (raw_lines_end(&m->raw, nhosts) == -1 ||
	    (m->study = study_builder_finish(m->builder, m->answers)) == NULL) {
		m->builder = NULL;
		log_error("%s: %s", m->made, strerror(errno));
		return EXIT_FAILED;
	}
	m->builder = NULL;
	return 0;
}
