#include <sys/resource.h>

#include "survey/cost.h"

static uint64_t
ns_between(const struct timespec *a, const struct timespec *b)
{
	return (uint64_t)((b->tv_sec - a->tv_sec) * 1000000000 + (b->tv_nsec - a->tv_nsec));
}

static void
start(struct cost_watch *w, clockid_t cpu)
{
	w->started = time(NULL);
	clock_gettime(CLOCK_MONOTONIC, &w->wall);
	clock_gettime(cpu, &w->cpu);
}

static void
stop(const struct cost_watch *w, struct cost *row, uint64_t calls, clockid_t cpu)
{
	struct cost_watch now;

	start(&now, cpu);
	row->wall_ns += ns_between(&w->wall, &now.wall);
	row->cpu_ns += ns_between(&w->cpu, &now.cpu);
	row->calls += calls;
}

void
cost_start(struct cost_watch *w)
{
	start(w, CLOCK_THREAD_CPUTIME_ID);
}

void
cost_start_process(struct cost_watch *w)
{
	start(w, CLOCK_PROCESS_CPUTIME_ID);
}

void
cost_stop(const struct cost_watch *w, struct cost *row, uint64_t calls)
{
	stop(w, row, calls, CLOCK_THREAD_CPUTIME_ID);
}

void
cost_stop_process(const struct cost_watch *w, struct cost *row, uint64_t calls)
{
	stop(w, row, calls, CLOCK_PROCESS_CPUTIME_ID);
	row->peak_kb = cost_peak_kb();
}

void
cost_start_wall(struct cost_watch *w)
{
	clock_gettime(CLOCK_MONOTONIC, &w->wall);
}

void
cost_stop_wall(const struct cost_watch *w, struct cost *row, uint64_t calls)
{
	struct timespec now;
	uint64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = ns_between(&w->wall, &now);
	row->wall_ns += ns;
	row->cpu_ns += ns;
	row->calls += calls;
}

uint64_t
cost_peak_kb(void)
{
	struct rusage r;

	return getrusage(RUSAGE_SELF, &r) == 0 ? (uint64_t)r.ru_maxrss : 0;
}
