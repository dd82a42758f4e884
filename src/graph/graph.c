#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/graph.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/sandbox.h"
#include "survey/study.h"
#include "survey/text.h"
#include "survey/transform.h"

#include "layout.h"
#include "pool.h"
#include "page.h"

#define FULL_UP_TO 60
#define TIMEOUT_S 60
#define PROGRESS_S 5 /* between two lines about how far it is */
#define MEMORY_MB 1024
#define MAX_WORKERS 64
#define MOST_BYTES (UINT64_C(1) << 30) /* of the pictures of one cluster */

const char *const graph_format_words[] = { "svg", "png", "pdf", "dot", NULL };

#define NFORMATS (sizeof(graph_format_words) / sizeof(graph_format_words[0]) - 1)

/* The pictures of a cluster as they come from a worker, by format. */
struct arrivals {
	struct outfile file[NFORMATS];
	size_t n; /* the formats before this one are complete, or were not asked for */
};

struct task {
	const struct graph_options *o;
	const struct study *study; /* as it is drawn */
	const struct study *told; /* as the directory has it, for its digests */
	struct draw_colours colours;
	struct layout *layout; /* in a worker */
	char *dir;
	unsigned formats;
	uint32_t full_up_to;
	enum draw_level *levels; /* of each cluster that is drawn */
	struct arrivals arrivals[MAX_WORKERS];
	struct graph_result result;
	size_t njobs;
	time_t progress; /* when it was told last, on the monotonic clock */
};

unsigned
graph_format(const char *name)
{
	for (size_t i = 0; i < NFORMATS; i++) {
		if (strcmp(graph_format_words[i], name) == 0)
			return 1U << i;
	}
	return 0;
}

static int
make_picture(const struct task *t, const struct picture *s, const struct drawing *d,
    unsigned format, struct buf *out)
{
	if (format == GRAPH_PNG)
		return picture_png(s, out);
	if (format == GRAPH_PDF)
		return picture_pdf(s, out);
	if (format == GRAPH_SVG)
		picture_svg(s, out);
	else
		drawing_dot(d, t->study, out);
	return 0;
}

/* In a worker, which works on hostile input from here on. */
static void *
start(void *arg)
{
	struct sandbox_state in_force;
	struct task *t = arg;

	if (!t->o->no_sandbox && sandbox_enter(SANDBOX_DRAW, NULL, &in_force) == -1)
		return NULL;
	t->layout = layout_new();
	return t;
}

enum graph_form
graph_form(const struct study *st, uint32_t cluster, uint32_t full_up_to)
{
	switch (draw_level_for(st, cluster, full_up_to != 0 ? full_up_to : FULL_UP_TO)) {
	case DRAW_CLASSIC:
		return GRAPH_PAIRS;
	case DRAW_KEYS:
		return GRAPH_KEYS;
	default:
		return GRAPH_GROUPS;
	}
}

static enum draw_level
level_of(const struct task *t, uint32_t cluster)
{
	return t->levels[cluster];
}

/* How the cluster is to be drawn that is the wanted-th of those that were asked for. */
static enum draw_level
choose_level(const struct task *t, uint32_t cluster, size_t wanted)
{
	static const enum draw_level level[] = {
		[GRAPH_PAIRS] = DRAW_CLASSIC,
		[GRAPH_KEYS] = DRAW_KEYS,
		[GRAPH_GROUPS] = DRAW_COLLAPSED,
	};
	enum draw_level fits = draw_level_for(t->study, cluster, t->full_up_to);
	enum draw_level least = fits;

	if (t->o->clusters != NULL && t->o->forms != NULL)
		least = level[t->o->forms[wanted]];
	return fits > least ? fits : least;
}

static int
work(void *state, const struct pool_job *job, struct pool_out *out)
{
	struct task *t = state;
	struct drawing d;
	struct picture s;
	struct buf b;
	int rc;

	drawing_init(&d, t->study, &t->colours, job->number, (enum draw_level)job->level);
	if (job->level != level_of(t, job->number) && job->level != DRAW_SUMMARY)
		drawing_note(&d,
		    "Drawn more simply than others, since a finer picture took more than its "
		    "share of time or memory.");
	rc = layout_place(t->layout, &d);
	if (rc == 0) {
		page_init(&s, &d, t->study);
		s.digest = study_cluster_digest(t->told, job->number);
		for (size_t i = 0; i < NFORMATS && rc == 0; i++) {
			if ((t->formats & (1U << i)) == 0)
				continue;
			buf_init(&b);
			rc = make_picture(t, &s, &d, 1U << i, &b);
			if (rc == 0)
				rc = pool_put(out, (uint32_t)i, b.data, b.len);
			buf_fini(&b);
		}
		picture_fini(&s);
	}
	drawing_fini(&d);
	return rc;
}

/* Bytes of a picture: each format that was asked for, once, in their order. */
static int
take(void *arg, unsigned worker, const struct pool_job *job, uint32_t part, const void *data,
    size_t len)
{
	struct task *t = arg;
	struct arrivals *a = &t->arrivals[worker];
	char *path;
	int rc = 0;

	if (part >= NFORMATS || part < a->n || (t->formats & (1U << part)) == 0)
		return -1;
	a->n = part;
	if (a->file[part].f == NULL) {
		path = xasprintf("%s/cluster-%u.%s", t->dir, t->study->clusters[job->number].id,
		    graph_format_words[part]);
		if (outfile_open(&a->file[part], path) == -1)
			rc = errno;
		free(path);
	}
	if (rc == 0 && fwrite(data, 1, len, a->file[part].f) != len)
		rc = errno;
	return rc;
}

/* The pictures get their names, if all that were asked for have come.  Returns 0, -1, or an errno. */
static int
keep_arrivals(struct task *t, struct arrivals *a)
{
	struct outfile *whole[NFORMATS];
	size_t n = 0;

	for (size_t i = 0; i < NFORMATS; i++) {
		if ((t->formats & (1U << i)) == 0)
			continue;
		if (a->file[i].f == NULL)
			return -1;
		whole[n++] = &a->file[i];
	}
	return outfile_commit_all(whole, n) == 0 ? 0 : errno;
}

static void
drop_arrivals(struct arrivals *a)
{
	for (size_t i = 0; i < NFORMATS; i++)
		outfile_abort(&a->file[i]);
	a->n = 0;
}

static time_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* The large clusters come first, so the rest is quicker than it looks. */
static void
tell_progress(void *arg)
{
	struct task *t = arg;

	if (now() - t->progress < PROGRESS_S)
		return;
	t->progress = now();
	log_info("%zu of %zu %s drawn", t->result.drawn, t->njobs,
	    text_noun(t->njobs, "cluster", "clusters"));
}

/* A failed attempt is followed by a simpler one, down to the one that needs no layout. */
static int
done(void *arg, unsigned worker, struct pool_job *job, int rc)
{
	struct task *t = arg;

	if (rc == 0)
		rc = keep_arrivals(t, &t->arrivals[worker]);
	drop_arrivals(&t->arrivals[worker]);
	if (rc == 0) {
		t->result.drawn++;
		t->result.simplified += job->level != level_of(t, job->number);
		return 0;
	}
	if (rc > 0) {
		log_error("cannot write pictures to %s: %s", t->dir, strerror(rc));
		return -1;
	}
	job->level = job->level < DRAW_COLLAPSED ? DRAW_COLLAPSED : job->level + 1;
	if (job->level < NDRAW_LEVELS)
		return 1;
	log_warn("cluster %u could not be drawn", t->study->clusters[job->number].id);
	t->result.failed++;
	return 0;
}

static int
by_size(const void *pa, const void *pb, void *arg)
{
	const struct study *st = arg;
	const struct pool_job *a = pa, *b = pb;
	uint32_t na = st->clusters[a->number].hosts.n, nb = st->clusters[b->number].hosts.n;

	if (na != nb)
		return na > nb ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* The clusters asked for, the largest first: the long jobs are not left for the end. */
static size_t
choose_jobs(struct task *t, struct pool_job *jobs)
{
	const struct graph_options *o = t->o;
	size_t n = 0;

	for (uint32_t i = 0; i < t->study->nclusters; i++) {
		size_t k = 0;

		while (k < o->nclusters && o->clusters[k] != t->study->clusters[i].id)
			k++;
		if (o->clusters != NULL && k == o->nclusters)
			continue;
		t->levels[i] = choose_level(t, i, k);
		jobs[n++] = (struct pool_job){ i, (uint32_t)t->levels[i] };
	}
	qsort_r(jobs, n, sizeof(*jobs), by_size, (void *)(uintptr_t)t->study);
	return n;
}

static bool
is_cluster(const struct task *t, unsigned long id)
{
	return id <= UINT32_MAX && study_find_cluster(t->study, (uint32_t)id) != STUDY_NONE;
}

static void
warn_unknown(struct task *t)
{
	const struct graph_options *o = t->o;

	for (size_t i = 0; i < o->nclusters; i++) {
		if (is_cluster(t, o->clusters[i]))
			continue;
		log_warn("there is no cluster %u", o->clusters[i]);
		t->result.unknown++;
	}
}

/*
 * Remove a file of the directory if it is "cluster-N.EXT" of a cluster that an
 * earlier analysis had and this one has not, and the temporary files of it that
 * dead workers have left.
 */
static void
remove_left_over(const struct task *t, int dir, const char *name)
{
	static const char prefix[] = "cluster-";
	unsigned long id;
	char *end, *file;

	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0 ||
	    !isdigit((unsigned char)name[sizeof(prefix) - 1]))
		return;
	id = strtoul(name + sizeof(prefix) - 1, &end, 10);
	for (size_t i = 0; *end == '.' && i < NFORMATS; i++) {
		size_t len = strlen(graph_format_words[i]);

		if (strncmp(end + 1, graph_format_words[i], len) != 0)
			continue;
		file = xstrndup(name, (size_t)(end + 1 + len - name));
		if (strcmp(file, name) != 0)
			outfile_sweep_at(dir, name, file);
		else if (t->o->clusters == NULL && !is_cluster(t, id))
			unlinkat(dir, name, 0);
		free(file);
	}
}

static void
clear_directory(const struct task *t)
{
	DIR *dir = file_opendir(t->dir);
	const struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL)
		remove_left_over(t, dirfd(dir), e->d_name);
	if (dir != NULL)
		closedir(dir);
}

static int
write_legend(const struct task *t)
{
	char *path = path_join(t->dir, "legend.svg");
	struct picture s;
	struct buf b;
	int rc;

	buf_init(&b);
	page_legend(&s, t->study, &t->colours);
	picture_svg(&s, &b);
	rc = file_write(path, b.data, b.len);
	if (rc == -1)
		log_error("cannot write %s: %s", path, strerror(errno));
	picture_fini(&s);
	buf_fini(&b);
	free(path);
	return rc;
}

/* The directory that gets the pictures, made when missing; NULL after a message. */
static char *
picture_dir(const struct graph_options *o)
{
	char *base = o->output != NULL ? xstrdup(o->output) : path_folder(o->path);
	char *dir = path_join(base, "graphs");

	free(base);
	if (file_mkdirs(dir, 0700) == -1) {
		log_error("cannot make %s: %s", dir, strerror(errno));
		free(dir);
		return NULL;
	}
	return dir;
}

static unsigned
cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > MAX_WORKERS ? MAX_WORKERS : (unsigned)n;
}

int
graph_rundir(const struct graph_options *o, struct graph_result *result)
{
	struct task t = { .o = o };
	struct pool_options p = { .start = start,
		.work = work,
		.take = take,
		.done = done,
		.idle = tell_progress,
		.arg = &t,
		.most_bytes = MOST_BYTES };
	struct pool_job *jobs = NULL;
	struct study *st, *drawn = NULL;
	size_t n;
	int rc = -1;

	/* Also for a few clusters all are read: an AS has one colour in all pictures. */
	if ((st = study_open(o->path, STUDY_CLUSTERED | STUDY_NAMES | STUDY_FINDINGS, 0)) == NULL)
		return -1;
	if (st->nothers > 0)
		drawn = study_stand_ins(st);
	t.told = st;
	t.study = drawn != NULL ? drawn : st;
	t.formats = o->formats != 0 ? o->formats : GRAPH_SVG | GRAPH_PNG;
	t.full_up_to = o->full_up_to != 0 ? o->full_up_to : FULL_UP_TO;
	if (o->asns != NULL)
		draw_colours_init_by(&t.colours, t.study, o->asns, o->nasns);
	else
		draw_colours_init(&t.colours, t.study);
	if ((t.dir = picture_dir(o)) == NULL)
		goto out;
	p.stop = o->stop;
	p.workers = o->workers != 0 && o->workers <= MAX_WORKERS ? o->workers : cores();
	p.timeout_s = o->timeout_s != 0 ? o->timeout_s : TIMEOUT_S;
	p.memory_mb = o->memory_mb != 0 ? o->memory_mb : MEMORY_MB;
	jobs = xcalloc((size_t)st->nclusters + 1, sizeof(*jobs));
	t.levels = xcalloc((size_t)st->nclusters + 1, sizeof(*t.levels));
	t.njobs = n = choose_jobs(&t, jobs);
	t.progress = now();
	warn_unknown(&t);
	picture_load_fonts();
	if (pool_run(&p, jobs, n) == -1) {
		if (errno != ECANCELED)
			log_error("drawing stopped: %s", strerror(errno));
		goto out;
	}
	clear_directory(&t);
	if (write_legend(&t) == -1)
		goto out;
	*result = t.result;
	rc = 0;
out:
	for (size_t i = 0; i < MAX_WORKERS; i++)
		drop_arrivals(&t.arrivals[i]); /* of jobs that were broken off */
	draw_colours_fini(&t.colours);
	free(t.dir);
	free(t.levels);
	free(jobs);
	study_free(drawn);
	study_free(st);
	return rc;
}
