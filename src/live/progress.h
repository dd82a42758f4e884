/* What a running survey shows: a live block, a plain line now and then, or JSON lines. */
#ifndef LIVE_PROGRESS_H
#define LIVE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress_row {
	const char *name; /* NULL = no such row now */
	double done, total; /* total 0 = not known yet */
	double rate; /* a second, lately */
	double left_s; /* seconds that all of it will take; 0: not known */
	const char *unit;
	char note[320];
};

#define PROGRESS_ROWS 3

struct progress;

struct progress *progress_new(bool json);
void progress_free(struct progress *p);
/* How often progress_show() should be called. */
uint64_t progress_interval_ms(const struct progress *p);
void progress_show(struct progress *p, const struct progress_row rows[PROGRESS_ROWS]);
/* Take the live block away; log lines go to stderr again. */
void progress_end(struct progress *p);

#endif
