/* The names of hosts looked up while other hosts are still being grabbed. */
#ifndef LIVE_NAMES_H
#define LIVE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "live.h"

struct resolve;

/*
 * done() comes once, after resolve_finish() or resolve_stop(), when every
 * question has an outcome or was given up.  error: an errno of dns.ndjson.
 * Returns NULL after a message when the resolver could not be started.
 */
struct resolve *resolve_new(
    struct survey *s, void (*done)(int error, bool complete, void *arg), void *arg);
/* Ask for whatever one line of records.fresh gives rise to. */
void resolve_record(struct resolve *r, const char *line, size_t len);
/* No more records will come. */
void resolve_finish(struct resolve *r);
/* Ask nothing for a while; questions wait. */
void resolve_hold(struct resolve *r, bool hold);
/* Give up what is still open. */
void resolve_stop(struct resolve *r);
void resolve_counts(const struct resolve *r, uint64_t *asked, uint64_t *answered, uint64_t *failed);
void resolve_free(struct resolve *r); /* NULL is fine; else only after done() */

#endif
