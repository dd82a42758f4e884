#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "survey/answers.h"
#include "survey/dns.h"
#include "survey/dnsfile.h"
#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/record.h"

#include "names.h"

struct resolve {
	struct survey *s;
	struct answers *answers;
	struct dns *dns;
	struct simd_parser *parser;
	struct arena arena; /* of one record */
	char *file;
	void (*done)(int error, bool complete, void *arg);
	void *arg;
	uint64_t asked_before; /* answers that an earlier session left */
	uint64_t failed;
	bool finishing, closing, gave_up;
	bool dropped; /* some questions were left without an outcome */
};

static void
on_closed(void *arg)
{
	struct resolve *r = arg;
	struct stage_record *stage = &r->s->m.stages[STAGE_DNS];
	int error = 0;

	r->dns = NULL;
	stage->cpu_s += r->s->dns_usage.cpu_s;
	if (r->s->dns_usage.maxrss_kb > stage->maxrss_kb)
		stage->maxrss_kb = r->s->dns_usage.maxrss_kb;
	/* A question that failed before and was asked again stands in the file twice until now. */
	if (!r->dropped && dnsfile_compact(r->file, r->answers) == -1)
		error = errno;
	r->done(error, !r->gave_up && !r->dropped, r->arg);
}

static void
summarise(struct resolve *r)
{
	struct jsonw w;

	if (answers_count(r->answers) == r->asked_before)
		return; /* what an earlier session asked stays the summary */
	dns_summary_log(r->dns);
	jsonw_init(&w, NULL);
	dns_summary_json(r->dns, &w);
	manifest_set(&r->s->m.dns, w.out.data);
	jsonw_fini(&w);
}

static void
close_dns(struct resolve *r)
{
	if (r->closing)
		return;
	r->closing = true;
	r->gave_up = r->gave_up || dns_gave_up(r->dns);
	r->dropped = dns_pending(r->dns) > 0;
	summarise(r);
	dns_close(r->dns, on_closed, r);
}

static void
on_idle(void *arg)
{
	struct resolve *r = arg;

	if (r->finishing)
		close_dns(r);
}

static void
on_failed(void *arg)
{
	struct resolve *r = arg;

	r->gave_up = true;
	close_dns(r);
}

static void
on_answer(const struct answer *a, void *arg)
{
	struct resolve *r = arg;

	r->failed += !dns_outcome_known(a->outcome);
}

struct resolve *
resolve_new(struct survey *s, void (*done)(int error, bool complete, void *arg), void *arg)
{
	struct resolve *r = xcalloc(1, sizeof(*r));
	struct dnsfile_counts counts = { 0 };
	struct dns_options o = { .outside = s->outside,
		.on_answer = on_answer,
		.on_idle = on_idle,
		.on_failed = on_failed,
		.arg = r };

	r->s = s;
	r->done = done;
	r->arg = arg;
	r->file = path_join(s->dir.path, "dns.ndjson");
	r->answers = answers_new();
	r->parser = simd_parser_new((size_t)s->c->analysis.max_line);
	arena_init(&r->arena);
	if (dnsfile_read(r->file, DNSFILE_KNOWN, r->answers, &counts) == -1 && errno != ENOENT) {
		log_error("%s: %s", r->file, strerror(errno));
		resolve_free(r);
		return NULL;
	}
	r->asked_before = answers_count(r->answers);
	o.file = r->file;
	o.answers = r->answers;
	o.resolver = s->resolver;
	s->resolver = NULL;
	r->dns = dns_new(&s->loop, &o);
	if (r->dns == NULL) {
		resolve_free(r);
		return NULL;
	}
	return r;
}

void
resolve_record(struct resolve *r, const char *line, size_t len)
{
	struct record_counts counts;
	struct name_ref *names;
	struct host h;
	char(*keys)[HOST_KEY_SIZE], *padded;

	if (r->closing)
		return;
	arena_reset(&r->arena);
	padded = arena_alloc(&r->arena, len + SIMD_PADDING);
	memcpy(padded, line, len);
	memset(padded + len, 0, SIMD_PADDING);
	memset(&counts, 0, sizeof(counts));
	if (record_extract(r->parser, NULL, padded, len, &r->arena, &h, &counts) == REFUSED_NO) {
		names = arena_alloc(&r->arena, (h.nnames + 1) * sizeof(*names));
		keys = arena_alloc(&r->arena, (h.nnames + 1) * sizeof(*keys));
		for (uint32_t i = 0; i < h.nnames; i++)
			names[i] = (struct name_ref){ host_name_key(&h.names[i], keys[i]),
				h.names[i].text, strlen(h.names[i].text) };
		dns_host(r->dns, &h.ip, names, h.nnames);
	}
}

void
resolve_finish(struct resolve *r)
{
	if (r->closing)
		return;
	r->finishing = true;
	dns_drain(r->dns);
	if (dns_pending(r->dns) == 0)
		close_dns(r);
}

void
resolve_hold(struct resolve *r, bool hold)
{
	if (!r->closing)
		dns_hold(r->dns, hold);
}

void
resolve_stop(struct resolve *r)
{
	close_dns(r);
}

void
resolve_counts(const struct resolve *r, uint64_t *asked, uint64_t *answered, uint64_t *failed)
{
	*answered = answers_count(r->answers);
	*asked = *answered + (r->dns != NULL ? dns_pending(r->dns) : 0);
	*failed = r->failed;
}

void
resolve_free(struct resolve *r)
{
	if (r == NULL)
		return;
	answers_free(r->answers);
	arena_fini(&r->arena);
	simd_parser_free(r->parser);
	free(r->file);
	free(r);
}
