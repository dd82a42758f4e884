#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "survey/mem.h"

#include "writer.h"

static const struct output_kind *const kinds[] = { &output_fingerprints, &output_all_keys,
	&output_collisions, &output_clusters, &output_sizes, &output_dodgy, &output_dogies,
	&output_verdicts, &output_db };

#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

_Static_assert(NKINDS + 2 <= OUTPUT_COSTS_MAX, "each kind has a row of costs");

/* What the pass over the hosts carries along. */
struct pass {
	const struct output_study *s;
	struct output_totals *totals;
	struct writer writers[NKINDS];
	struct byte_order order;
	struct verdict verdict;
	struct jsonw analysis;
	char (*keys)[HOST_KEY_SIZE];
	struct name_ref *refs;
	const struct verdict_name **named;
	size_t keys_cap, refs_cap, named_cap;
	struct output_cost *judging, *rendering, *writing; /* writing: one row a kind */
};

struct stopwatch {
	struct timespec wall, cpu;
};

static uint64_t
ns_between(const struct timespec *a, const struct timespec *b)
{
	return (uint64_t)((b->tv_sec - a->tv_sec) * 1000000000 + (b->tv_nsec - a->tv_nsec));
}

static void
watch_start(struct stopwatch *w)
{
	clock_gettime(CLOCK_MONOTONIC, &w->wall);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &w->cpu);
}

/* Adds the time since the start, or since the last lap, to a row. */
static void
watch_lap(struct stopwatch *w, struct output_cost *row)
{
	struct stopwatch now;

	watch_start(&now);
	row->wall_ns += ns_between(&w->wall, &now.wall);
	row->cpu_ns += ns_between(&w->cpu, &now.cpu);
	row->calls++;
	*w = now;
}

static uint64_t
peak_kb(void)
{
	struct rusage r;

	return getrusage(RUSAGE_SELF, &r) == 0 ? (uint64_t)r.ru_maxrss : 0;
}

/* Fill in the host's names with their keys, its verdict, and which of the names was judged how. */
static void
judge(struct pass *p, struct output_host *oh)
{
	const struct host *h = oh->h;
	size_t next = 0;

	mem_grow(&p->keys, &p->keys_cap, h->nnames + 1, sizeof(*p->keys));
	mem_grow(&p->refs, &p->refs_cap, h->nnames + 1, sizeof(*p->refs));
	mem_grow(&p->named, &p->named_cap, h->nnames + 1, sizeof(*p->named));
	for (uint32_t i = 0; i < h->nnames; i++) {
		p->refs[i].key = host_name_key(&h->names[i], p->keys[i]);
		p->refs[i].text = h->names[i].text;
		p->refs[i].len = strlen(h->names[i].text);
	}
	verdict_host(&p->verdict, p->s->answers, &h->ip, p->refs, h->nnames);
	oh->rdns = NULL;
	if (p->verdict.n > 0 && strcmp(p->verdict.names[0].key, "rdns") == 0)
		oh->rdns = &p->verdict.names[next++];
	/* Those judged are the names that can be looked up, in the same order, under the same keys. */
	for (uint32_t i = 0; i < h->nnames; i++) {
		p->named[i] = NULL;
		if (next < p->verdict.n && p->verdict.names[next].key == p->refs[i].key)
			p->named[i] = &p->verdict.names[next++];
	}
	oh->verdict = &p->verdict;
	oh->refs = p->refs;
	oh->named = p->named;
	if (h->out != OUT_NONE)
		return;
	p->totals->verdicts[p->verdict.verdict]++;
	for (size_t i = 0; i < p->verdict.n; i++)
		p->totals->names[p->verdict.names[i].verdict]++;
	for (uint32_t i = 0; i < h->nnames; i++)
		p->totals->not_looked_up += p->named[i] == NULL;
	p->totals->dogies += p->verdict.verdict == HOST_BAD;
}

static int
pass_host(struct pass *p, uint32_t i, char **error)
{
	struct output_host oh = { .h = &p->s->set->hosts[i], .i = i,
		.cluster = p->s->clusters->of_host[i], .order = &p->order };
	struct stopwatch watch;

	watch_start(&watch);
	judge(p, &oh);
	watch_lap(&watch, p->judging);
	if (oh.h->out == OUT_NONE) {
		buf_clear(&p->analysis.out);
		p->analysis.comma = false;
		analysis_write(&p->analysis, p->s, &oh);
		oh.analysis = p->analysis.out.data;
		oh.analysis_len = p->analysis.out.len;
		watch_lap(&watch, p->rendering);
	}
	for (size_t k = 0; k < NKINDS; k++) {
		struct writer *o = &p->writers[k];

		if (kinds[k]->host == NULL)
			continue;
		if (kinds[k]->host(o, &oh, error) != 0)
			return -1;
		watch_lap(&watch, &p->writing[k]);
	}
	return 0;
}

static int
writer_error(const struct writer *o, char **error)
{
	if (*error == NULL)
		*error = xasprintf("%s/%s: %s", o->s->dir, o->kind->file, strerror(errno));
	return -1;
}

static int
writers_begin(struct pass *p, char **error)
{
	for (size_t k = 0; k < NKINDS; k++) {
		struct writer *o = &p->writers[k];
		char *path = path_join(p->s->dir, kinds[k]->file);
		int rc = outfile_open(&o->out, path);

		free(path);
		if (rc != 0)
			return writer_error(o, error);
		jsonw_init(&o->w, o->out.f);
		if (kinds[k]->begin != NULL && kinds[k]->begin(o, error) != 0)
			return writer_error(o, error);
	}
	return 0;
}

static int
writers_end(struct pass *p, char **error)
{
	struct stopwatch watch;

	watch_start(&watch);
	for (size_t k = 0; k < NKINDS; k++) {
		struct writer *o = &p->writers[k];
		uint64_t calls = p->writing[k].calls;

		if (kinds[k]->end != NULL && kinds[k]->end(o, error) != 0)
			return writer_error(o, error);
		if (jsonw_flush(&o->w) != 0 || fflush(o->out.f) != 0)
			return writer_error(o, error);
		watch_lap(&watch, &p->writing[k]);
		p->writing[k].calls = calls;
	}
	for (size_t k = 0; k < NKINDS; k++) {
		struct writer *o = &p->writers[k];
		uint64_t calls = p->writing[k].calls;
		off_t size = lseek(fileno(o->out.f), 0, SEEK_END);

		if (outfile_commit(&o->out) != 0)
			return writer_error(o, error);
		p->writing[k].bytes = size > 0 ? (uint64_t)size : 0;
		watch_lap(&watch, &p->writing[k]);
		p->writing[k].calls = calls > 0 ? calls : o->n;
		p->writing[k].peak_kb = peak_kb();
	}
	return 0;
}

int
output_write(const struct output_study *s, struct output_totals *totals, struct output_cost *costs,
    size_t *ncosts, char **error)
{
	struct pass p = { .s = s, .totals = totals, .judging = &costs[0], .rendering = &costs[1],
		.writing = &costs[2] };
	int rc = -1;

	*error = NULL;
	memset(totals, 0, sizeof(*totals));
	memset(costs, 0, OUTPUT_COSTS_MAX * sizeof(*costs));
	p.judging->name = "verdicts";
	p.rendering->name = "rendering hosts";
	*ncosts = NKINDS + 2;
	for (size_t k = 0; k < NKINDS; k++) {
		p.writing[k].name = kinds[k]->file;
		p.writers[k].s = s;
		p.writers[k].kind = kinds[k];
	}
	byte_order_init(&p.order);
	verdict_init(&p.verdict);
	jsonw_init(&p.analysis, NULL);
	if (writers_begin(&p, error) != 0)
		goto out;
	for (uint32_t i = 0; i < s->set->n; i++) {
		if (pass_host(&p, i, error) != 0)
			goto out;
	}
	p.judging->peak_kb = p.rendering->peak_kb = peak_kb();
	rc = writers_end(&p, error);
out:
	for (size_t k = 0; k < NKINDS; k++) {
		if (kinds[k]->abort != NULL)
			kinds[k]->abort(&p.writers[k]);
		jsonw_fini(&p.writers[k].w);
		outfile_abort(&p.writers[k].out);
	}
	jsonw_fini(&p.analysis);
	verdict_fini(&p.verdict);
	free(p.keys);
	free(p.refs);
	free(p.named);
	return rc;
}
