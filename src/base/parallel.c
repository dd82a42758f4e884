#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "survey/mem.h"
#include "survey/parallel.h"

struct loop {
	atomic_size_t next;
	size_t n;
	void (*fn)(size_t i, unsigned worker, void *arg);
	void *arg;
};

struct worker {
	struct loop *loop;
	pthread_t thread;
	unsigned number;
	int started;
};

static void *
work(void *arg)
{
	const struct worker *w = arg;
	struct loop *l = w->loop;
	size_t i;

	while ((i = atomic_fetch_add(&l->next, 1)) < l->n)
		l->fn(i, w->number, l->arg);
	return NULL;
}

unsigned
parallel_cpus(void)
{
	cpu_set_t set;
	long n;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned)CPU_COUNT(&set);
	n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (unsigned)n : 1;
}

void
parallel_for(
    unsigned threads, size_t n, void (*fn)(size_t i, unsigned worker, void *arg), void *arg)
{
	struct loop loop = { .n = n, .fn = fn, .arg = arg };
	struct worker *w;

	if (threads > n)
		threads = (unsigned)n;
	if (threads == 0)
		threads = 1;
	w = xcalloc(threads, sizeof(*w));
	for (unsigned i = 0; i < threads; i++) {
		w[i].loop = &loop;
		w[i].number = i;
	}
	for (unsigned i = 1; i < threads; i++)
		w[i].started = pthread_create(&w[i].thread, NULL, work, &w[i]) == 0;
	work(&w[0]);
	for (unsigned i = 1; i < threads; i++) {
		if (w[i].started)
			pthread_join(w[i].thread, NULL);
	}
	free(w);
}
