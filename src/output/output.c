#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "survey/finding.h"
#include "survey/mem.h"

#include "writer.h"

#define EARLY_HOSTS 16
#define EARLY_BYTES ((off_t)4 << 20)

/*
 * Each lane has a thread of its own.  The database is as much work as all the
 * rest, which is one pass over the hosts.
 */
enum { LANE_DB, LANE_HOSTS, NLANES };

static const struct {
	const struct output_kind *kind;
	int lane;
} kinds[] = {
	{ &output_collisions, LANE_HOSTS },
	{ &output_fingerprints, LANE_HOSTS },
	{ &output_all_keys, LANE_HOSTS },
	{ &output_clusters, LANE_HOSTS },
	{ &output_sizes, LANE_HOSTS },
	{ &output_dodgy, LANE_HOSTS },
	{ &output_dogies, LANE_HOSTS },
	{ &output_verdicts, LANE_HOSTS },
	{ &output_db, LANE_DB },
};

#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

_Static_assert(NKINDS + 1 <= OUTPUT_COSTS_MAX, "each kind has a row of costs");

/* One pass over the hosts. */
struct pass {
	const struct study *st;
	const struct output_options *o;
	const char *dir;
	int lane;
	struct timespec start; /* of all lanes */
	uint64_t cpu_ns; /* of this thread before its pass */
	int rc;
	char *error;
	struct writer *writers; /* of all kinds; ours are those of our lane */
	struct byte_order order;
	struct jsonw analysis;
	struct cost rendering;
	struct cost *writing; /* one row a kind */
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
watch_lap(struct stopwatch *w, struct cost *row)
{
	struct stopwatch now;

	watch_start(&now);
	row->wall_ns += ns_between(&w->at, &now.at);
	row->calls++;
	*w = now;
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

static bool
is_ours(const struct pass *p, size_t k)
{
	const char *const *only = p->o->only;

	while (only != NULL && *only != NULL && strcmp(*only, kinds[k].kind->file) != 0)
		only++;
	return kinds[k].lane == p->lane && (!p->o->copy || kinds[k].kind->in_copy) &&
	       (only == NULL || *only != NULL);
}

static int
pass_host(struct pass *p, uint32_t i)
{
	struct output_host oh = { .h = &p->st->hosts[i], .i = i, .order = &p->order };
	struct stopwatch watch;

	watch_start(&watch);
	if (oh.h->out == OUT_NONE) {
		buf_clear(&p->analysis.out);
		p->analysis.comma = false;
		analysis_write(&p->analysis, p->st, &oh);
		oh.analysis = p->analysis.out.data;
		oh.analysis_len = p->analysis.out.len;
		watch_lap(&watch, &p->rendering);
	}
	for (size_t k = 0; k < NKINDS; k++) {
		struct writer *o = &p->writers[k];

		if (!is_ours(p, k) || o->kind->host == NULL)
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
		*error = xasprintf("%s/%s: %s", o->dir, o->kind->file, strerror(errno));
	return -1;
}

static int
writers_begin(struct pass *p)
{
	struct stopwatch watch;

	watch_start(&watch);
	for (size_t k = 0; k < NKINDS; k++) {
		struct writer *o = &p->writers[k];
		char *path;
		int rc;

		if (!is_ours(p, k))
			continue;
		path = path_join(p->dir, o->kind->file);
		rc = outfile_open(&o->out, path);
		free(path);
		if (rc != 0)
			return writer_error(o, &p->error);
		/* The generator's own buffer is enough. */
		setvbuf(o->out.f, NULL, _IONBF, 0);
		jsonw_init(&o->w, o->out.f);
		if (o->kind->begin != NULL && o->kind->begin(o, &p->error) != 0)
			return p->o->stop != NULL && *p->o->stop ? -1 : writer_error(o, &p->error);
		watch_lap(&watch, &p->writing[k]);
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

		if (!is_ours(p, k))
			continue;
		if (o->kind->end != NULL && o->kind->end(o, &p->error) != 0)
			return writer_error(o, &p->error);
		if (jsonw_flush(&o->w) != 0 || fflush(o->out.f) != 0 ||
		    fsync(fileno(o->out.f)) != 0)
			return writer_error(o, &p->error);
		watch_lap(&watch, &p->writing[k]);
		p->writing[k].calls = calls > 0 ? calls : o->n;
		p->writing[k].peak_kb = cost_peak_kb();
		p->writing[k].done_ns = ns_between(&p->start, &watch.at);
	}
	return 0;
}

static void
share_cpu(struct pass *p)
{
	struct cost *rows[NKINDS + 1] = { &p->rendering };
	struct timespec zero = { 0, 0 }, cpu;
	uint64_t all_ns = 1;
	size_t n = 1;

	for (size_t k = 0; k < NKINDS; k++) {
		if (is_ours(p, k))
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
	jsonw_init(&p->analysis, NULL);
	p->rc = writers_begin(p);
	for (uint32_t i = 0; i < p->st->nhosts && p->rc == 0 && p->lane != LANE_DB; i++) {
		p->rc = pass_host(p, i);
		if (p->o->stop != NULL && *p->o->stop)
			p->rc = -1;
	}
	p->rendering.peak_kb = cost_peak_kb();
	if (p->rc == 0)
		p->rc = writers_end(p);
	share_cpu(p);
	jsonw_fini(&p->analysis);
	return NULL;
}

/* All files are complete, and so is what shall appear with them: give them their names. */
static int
writers_commit(struct writer *writers, const struct output_options *o, char **error)
{
	struct outfile *const *more = NULL;
	struct outfile **files;
	size_t n = 0, nmore = 0;
	int rc;

	if (o->whole != NULL && o->whole(o->arg, &more, &nmore, error) != 0)
		return -1;
	files = xcalloc(NKINDS + nmore, sizeof(*files));
	for (size_t k = 0; k < NKINDS; k++) {
		if (writers[k].out.path != NULL)
			files[n++] = &writers[k].out;
	}
	for (size_t i = 0; i < nmore; i++)
		files[n++] = more[i];
	if ((rc = outfile_commit_all(files, n)) != 0)
		*error = xasprintf("%s: %s", writers[0].dir, strerror(errno));
	free(files);
	return rc;
}

/* What was found in the keys of the former survey.db does not belong to this one. */
static void
forget_findings(const char *dir)
{
	char *path = path_join(dir, FINDINGS_FILE);

	unlink(path);
	outfile_sweep(path);
	free(path);
}

static void
cost_add(struct cost *sum, const struct cost *more)
{
	sum->calls += more->calls;
	sum->wall_ns += more->wall_ns;
	sum->cpu_ns += more->cpu_ns;
	if (more->peak_kb > sum->peak_kb)
		sum->peak_kb = more->peak_kb;
}

int
output_write(const struct study *st, const char *dir, const struct output_options *o, char **error)
{
	struct writer writers[NKINDS] = { 0 };
	struct pass pass[NLANES] = { 0 };
	struct cost costs[NKINDS + 1] = { { .name = "rendering hosts" } };
	pthread_t thread[NLANES];
	bool started[NLANES] = { false };
	struct explainer *explainer = explainer_new(st);
	struct timespec start;
	int rc = 0;

	*error = NULL;
	for (size_t k = 0; k < NKINDS; k++) {
		costs[k + 1].name = kinds[k].kind->file;
		writers[k].st = st;
		writers[k].o = o;
		writers[k].dir = dir;
		writers[k].kind = kinds[k].kind;
		writers[k].explainer = explainer;
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int lane = 0; lane < NLANES; lane++) {
		pass[lane].start = start;
		pass[lane].st = st;
		pass[lane].o = o;
		pass[lane].dir = dir;
		pass[lane].lane = lane;
		pass[lane].writers = writers;
		pass[lane].writing = &costs[1];
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
		cost_add(&costs[0], &pass[lane].rendering);
	}
	for (size_t k = 0; k < NKINDS && rc == 0; k++) {
		off_t size = -1;

		if (writers[k].out.path != NULL)
			size = lseek(fileno(writers[k].out.f), 0, SEEK_END);
		costs[k + 1].bytes = size > 0 ? (uint64_t)size : 0;
	}
	if (o->costs != NULL) {
		memcpy(o->costs, costs, sizeof(costs));
		*o->ncosts = NKINDS + 1;
	}
	if (rc == 0)
		rc = writers_commit(writers, o, error);
	if (rc == 0)
		forget_findings(dir);
	for (size_t k = 0; k < NKINDS; k++) {
		if (kinds[k].kind->abort != NULL)
			kinds[k].kind->abort(&writers[k]);
		jsonw_fini(&writers[k].w);
		outfile_abort(&writers[k].out);
	}
	explainer_free(explainer);
	return rc;
}

void
output_clean(const char *dir)
{
	static const char *const others[] = { "records.bad", "run.json" };

	for (size_t k = 0; k < NKINDS + sizeof(others) / sizeof(others[0]); k++) {
		char *path = path_join(dir, k < NKINDS ? kinds[k].kind->file : others[k - NKINDS]);

		outfile_sweep(path);
		free(path);
	}
}
