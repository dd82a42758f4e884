/* The resolver that a survey asks: one that exists, or children of ours. */
/* Layer: dns */
#ifndef DNS_RESOLVER_H
#define DNS_RESOLVER_H

#include <uv.h>

#include "engine.h"
#include "survey/dns.h"

/* How to ask it; comes once, when it is known to answer. */
typedef void (*resolver_ready_fn)(const struct dns_engine_config *cfg, void *arg);
/* It will not start, or does not stay up; the reason was logged. */
typedef void (*resolver_failed_fn)(void *arg);

/*
 * Start it, through outside unless that is NULL.  ready() and failed() come
 * from the loop.  Returns 0, or -1 after one message; resolver_stop() is due
 * either way.
 */
int resolver_start(struct resolver *r, uv_loop_t *loop, const struct outside *outside,
    resolver_ready_fn ready, resolver_failed_fn failed, void *arg);

/* End the children; closed() comes from the loop when they are gone, and the resolver with them. */
void resolver_stop(struct resolver *r, void (*closed)(void *arg), void *arg);

#endif
