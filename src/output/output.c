#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "survey/mem.h"

#include "writer.h"

#define EARLY_HOSTS 16
#define EARLY_BYTES ((off_t)4 << 20)

/*
 * Each lane is a pass over the hosts in a thread of its own.  The pairs and
 * the database are each as much work as all the rest; a host's verdict and
 * analysis are cheap enough to be made once in each lane that needs them.
 */
enum { LANE_PAIRS, LANE_DB, LANE_REST, NLANES };

static const struct {
	const struct output_kind *kind;
	int lane;
} kinds[] = {
	{ &output_collisions, LANE_PAIRS },
	{ &output_fingerprints, LANE_REST },
	{ &output_all_keys, LANE_REST },
	{ &output_clusters, LANE_REST },
	{ &output_sizes, LANE_REST },
	{ &output_dodgy, LANE_REST },
	{ &output_dogies, LANE_REST },
	{ &output_verdicts, LANE_REST },
	{ &output_db, LANE_DB },
};

#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

_Static_assert(NKINDS + 2 <= OUTPUT_COSTS_MAX, "each kind has a row of costs");

/* One pass over the hosts. */
struct pass {
	const struct output_study *s;
	int lane;
	struct timespec start; /* of all lanes */
	uint64_t cpu_ns; /* of this thread before its pass */
	int rc;
	char *error;
	struct output_totals totals;
	struct writer *writers; /* of all kinds; ours are those of our lane */
	struct byte_order order;
	struct verdict verdict;
	struct jsonw analysis;
	char (*keys)[HOST_KEY_SIZE];
	struct name_ref *refs;
	const struct verdict_name **named;
	size_t keys_cap, refs_cap, named_cap;
	struct output_cost judging, rendering;
	struct output_cost *writing; /* one row a kind */
};

/*
 * The CPU time of a lane is read once: asking for it is a system call, and
 * there are many short parts.  They share it by what the wall clock says.
 */
struct stopwatch {
	struct timespec at;
};

static uint64_t
ns_between(const struct timespec *a, const struct timespec *b)
{
	return (uint64_t)((b->tv_sec - a->tv_sec) * 1000000000 + (b->tv_nsec - a->tv_nsec));
}

static void
watch_start(struct stopwatch *w)
{
	clock_gettime(CLOCK_MONOTONIC, &w->at);
}

/* Adds the time since the start, or since the last lap, to a row. */
static void
watch_lap(struct stopwatch *w, struct output_cost *row)
{
	struct stopwatch now;

	watch_start(&now);
	row->wall_ns += ns_between(&w->at, &now.at);
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
	p->totals.verdicts[p->verdict.verdict]++;
	for (size_t i = 0; i < p->verdict.n; i++)
		p->totals.names[p->verdict.names[i].verdict]++;
	for (uint32_t i = 0; i < h->nnames; i++)
		p->totals.not_looked_up += p->named[i] == NULL;
	p->totals.dogies += p->verdict.verdict == HOST_BAD;
}

/*
 * Tell the kernel to start writing what is finished: then the disk works
 * while we do, and the fsync at the end is short.
 */
static void
write_early(struct writer *o)
{
	off_t at;

	if (++o->since < EARLY_HOSTS)
		return;
	o->since = 0;
	at = lseek(fileno(o->out.f), 0, SEEK_CUR);
	if (at - o->early >= EARLY_BYTES) {
		sync_file_range(fileno(o->out.f), o->early, at - o->early, SYNC_FILE_RANGE_WRITE);
		o->early = at;
	}
}

static int
pass_host(struct pass *p, uint32_t i)
{
	struct output_host oh = { .h = &p->s->set->hosts[i],
		.i = i,
		.cluster = p->s->clusters->of_host[i],
		.order = &p->order };
	struct stopwatch watch;

	watch_start(&watch);
	judge(p, &oh);
	watch_lap(&watch, &p->judging);
	if (oh.h->out == OUT_NONE && p->lane != LANE_DB) {
		buf_clear(&p->analysis.out);
		p->analysis.comma = false;
		analysis_write(&p->analysis, p->s, &oh);
		oh.analysis = p->analysis.out.data;
		oh.analysis_len = p->analysis.out.len;
		watch_lap(&watch, &p->rendering);
	}
	for (size_t k = 0; k < NKINDS; k++) {
		struct writer *o = &p->writers[k];

		if (kinds[k].lane != p->lane || o->kind->host == NULL)
			continue;
		if (o->kind->host(o, &oh, &p->error) != 0)
			return -1;
		write_early(o);
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
writers_begin(struct pass *p)
{
	for (size_t k = 0; k < NKINDS; k++) {
		struct writer *o = &p->writers[k];
		char *path;
		int rc;

		if (kinds[k].lane != p->lane)
			continue;
		path = path_join(p->s->dir, o->kind->file);
		rc = outfile_open(&o->out, path);
		free(path);
		if (rc != 0)
			return writer_error(o, &p->error);
		jsonw_init(&o->w, o->out.f);
		if (o->kind->begin != NULL && o->kind->begin(o, &p->error) != 0)
			return writer_error(o, &p->error);
	}
	return 0;
}

static int
writers_end(struct pass *p)
{
	struct stopwatch watch;

	watch_start(&watch);
	for (size_t k = 0; k < NKINDS; k++) {
		struct writer *o = &p->writers[k];
		uint64_t calls = p->writing[k].calls;

		if (kinds[k].lane != p->lane)
			continue;
		if (o->kind->end != NULL && o->kind->end(o, &p->error) != 0)
			return writer_error(o, &p->error);
		if (jsonw_flush(&o->w) != 0 || fflush(o->out.f) != 0 ||
		    fsync(fileno(o->out.f)) != 0)
			return writer_error(o, &p->error);
		watch_lap(&watch, &p->writing[k]);
		p->writing[k].calls = calls > 0 ? calls : o->n;
		p->writing[k].peak_kb = peak_kb();
		p->writing[k].done_ns = ns_between(&p->start, &watch.at);
	}
	return 0;
}

static void
share_cpu(struct pass *p)
{
	struct output_cost *rows[NKINDS + 2] = { &p->judging, &p->rendering };
	struct timespec zero = { 0, 0 }, cpu;
	uint64_t all_ns = 1;
	size_t n = 2;

	for (size_t k = 0; k < NKINDS; k++) {
		if (kinds[k].lane == p->lane)
			rows[n++] = &p->writing[k];
	}
	for (size_t i = 0; i < n; i++)
		all_ns += rows[i]->wall_ns;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	for (size_t i = 0; i < n; i++)
		rows[i]->cpu_ns = (uint64_t)((double)(ns_between(&zero, &cpu) - p->cpu_ns) *
					     (double)rows[i]->wall_ns / (double)all_ns);
}

static void *
pass_run(void *arg)
{
	struct timespec zero = { 0, 0 }, cpu;
	struct pass *p = arg;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	p->cpu_ns = ns_between(&zero, &cpu);
	byte_order_init(&p->order);
	verdict_init(&p->verdict);
	jsonw_init(&p->analysis, NULL);
	p->rc = writers_begin(p);
	for (uint32_t i = 0; i < p->s->set->n && p->rc == 0; i++) {
		p->rc = pass_host(p, i);
		if (p->s->stop != NULL && *p->s->stop)
			p->rc = -1;
	}
	p->judging.peak_kb = p->rendering.peak_kb = peak_kb();
	if (p->rc == 0)
		p->rc = writers_end(p);
	share_cpu(p);
	jsonw_fini(&p->analysis);
	verdict_fini(&p->verdict);
	free(p->keys);
	free(p->refs);
	free(p->named);
	return NULL;
}

/* All files are complete: give them their names. */
static int
writers_commit(struct writer *writers, struct output_cost *writing, char **error)
{
	struct outfile *files[NKINDS];

	for (size_t k = 0; k < NKINDS; k++) {
		off_t size = lseek(fileno(writers[k].out.f), 0, SEEK_END);

		files[k] = &writers[k].out;
		writing[k].bytes = size > 0 ? (uint64_t)size : 0;
	}
	if (outfile_commit_all(files, NKINDS) == 0)
		return 0;
	*error = xasprintf("%s: %s", writers[0].s->dir, strerror(errno));
	return -1;
}

static void
cost_add(struct output_cost *sum, const struct output_cost *more)
{
	sum->calls += more->calls;
	sum->wall_ns += more->wall_ns;
	sum->cpu_ns += more->cpu_ns;
	if (more->peak_kb > sum->peak_kb)
		sum->peak_kb = more->peak_kb;
}

int
output_write(const struct output_study *s, struct output_totals *totals, struct output_cost *costs,
    size_t *ncosts, char **error)
{
	struct writer writers[NKINDS] = { 0 };
	struct pass pass[NLANES] = { 0 };
	pthread_t thread[NLANES];
	bool started[NLANES] = { false };
	struct timespec start;
	int rc = 0;

	*error = NULL;
	memset(costs, 0, OUTPUT_COSTS_MAX * sizeof(*costs));
	costs[0].name = "verdicts";
	costs[1].name = "rendering hosts";
	*ncosts = NKINDS + 2;
	for (size_t k = 0; k < NKINDS; k++) {
		costs[k + 2].name = kinds[k].kind->file;
		writers[k].s = s;
		writers[k].kind = kinds[k].kind;
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int lane = 0; lane < NLANES; lane++) {
		pass[lane].start = start;
		pass[lane].s = s;
		pass[lane].lane = lane;
		pass[lane].writers = writers;
		pass[lane].writing = &costs[2];
		/* The last one, and any that gets no thread, runs here. */
		if (lane < NLANES - 1)
			started[lane] = pthread_create(
					    &thread[lane], NULL, pass_run, &pass[lane]) == 0;
		if (!started[lane])
			pass_run(&pass[lane]);
	}
	for (int lane = 0; lane < NLANES; lane++) {
		if (started[lane])
			pthread_join(thread[lane], NULL);
		if (pass[lane].rc != 0)
			rc = -1;
		if (*error == NULL)
			*error = pass[lane].error;
		else
			free(pass[lane].error);
		cost_add(&costs[0], &pass[lane].judging);
		cost_add(&costs[1], &pass[lane].rendering);
	}
	*totals = pass[LANE_REST].totals;
	if (rc == 0)
		rc = writers_commit(writers, &costs[2], error);
	for (size_t k = 0; k < NKINDS; k++) {
		if (kinds[k].kind->abort != NULL)
			kinds[k].kind->abort(&writers[k]);
		jsonw_fini(&writers[k].w);
		outfile_abort(&writers[k].out);
	}
	return rc;
}

void
output_clean(const char *dir)
{
	for (size_t k = 0; k < NKINDS; k++) {
		char *path = path_join(dir, kinds[k].kind->file);

		outfile_sweep(path);
		free(path);
	}
}
