/* What a monitor is told: a file in Prometheus' text format (node_exporter's textfile collector). */
#ifndef LIVE_METRICS_H
#define LIVE_METRICS_H

#include "survey/buf.h"
#include "survey/rundir.h"

#define METRICS_MS 15000

/* All that run.json knows, as text; now in seconds since 1970. */
void metrics_text(const struct manifest *m, int64_t now, struct buf *out);
/*
 * Write it as path, atomically and for everybody to read; "": nowhere.  One
 * that cannot be written is told once and stops nothing.
 */
void metrics_write(const struct manifest *m, const char *path);

#endif
