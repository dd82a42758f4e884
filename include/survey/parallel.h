/* Layer: base.  Loops whose rounds do not depend on one another, in several threads. */
#ifndef SURVEY_PARALLEL_H
#define SURVEY_PARALLEL_H

#include <stddef.h>

/* Processors that this process may use; at least 1. */
unsigned parallel_cpus(void);

/*
 * Call fn(i, worker, arg) once for each i below n, lowest first, in up to
 * threads threads, the caller's among them; worker is below threads and never
 * runs two rounds at once, so it may number scratch space.  If a thread cannot
 * be started, the others do its work.  Returns when all rounds are done.
 */
void parallel_for(
    unsigned threads, size_t n, void (*fn)(size_t i, unsigned worker, void *arg), void *arg);

#endif
