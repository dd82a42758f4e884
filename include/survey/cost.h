/* What each part of an analysis costs. */
/* Layer: base */
#ifndef SURVEY_COST_H
#define SURVEY_COST_H

#include <stdint.h>
#include <time.h>

struct cost {
	const char *name;
	uint64_t calls, wall_ns, cpu_ns, bytes;
	uint64_t peak_kb; /* of the process when the part ended */
	uint64_t
	    done_ns; /* of an output: when it was complete, counted from the start of the writing */
};

struct cost_watch {
	time_t started; /* seconds since 1970 */
	struct timespec wall, cpu;
};

/* Time of this thread. */
void cost_start(struct cost_watch *w);
/* Time of the whole process. */
void cost_start_process(struct cost_watch *w);
/* Add what has passed since the start to a row, and calls to its calls. */
void cost_stop(const struct cost_watch *w, struct cost *row, uint64_t calls);
void cost_stop_process(const struct cost_watch *w, struct cost *row, uint64_t calls);
/* The wall clock alone, also taken for the CPU time: for what is short, never waits, and is called often. */
void cost_start_wall(struct cost_watch *w);
void cost_stop_wall(const struct cost_watch *w, struct cost *row, uint64_t calls);
uint64_t cost_peak_kb(void);

#endif
