/* The resolver that a survey asks: one that exists, or children of ours. */
/* Layer: dns */
#ifndef DNS_RESOLVER_H
#define DNS_RESOLVER_H

#include <uv.h>

#include "engine.h"
#include "survey/dns.h"

struct resolver;

/* How to ask it; comes once, when it is known to answer. */
typedef void (*resolver_ready_fn)(const struct dns_engine_config *cfg, void *arg);
/* It will not start, or does not stay up; the reason was logged. */
typedef void (*resolver_failed_fn)(void *arg);

/*
 * Start what settings ask for.  dir is where children keep their files; made
 * if need be, not used for DNS_ADDRESS and DNS_SYSTEM.  Returns NULL after one
 * message.  ready() and failed() come from the loop.
 */
struct resolver *resolver_start(uv_loop_t *loop, const struct dns_settings *settings,
    const char *dir, resolver_ready_fn ready, resolver_failed_fn failed, void *arg);

/* End the children; closed() comes from the loop when they are gone, and the resolver with them. */
void resolver_stop(struct resolver *r, void (*closed)(void *arg), void *arg);

#endif
