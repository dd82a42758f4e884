/* Unbound and Stubby as supervised children with configs of our own. */
/* Layer: dns */
#ifndef DNS_MANAGED_H
#define DNS_MANAGED_H

#include "resolver.h"

struct managed;

/*
 * Start the resolvers of DNS_MANAGED, DNS_UNBOUND_DOT or DNS_UNBOUND in dir.
 * cfg is completed (address, windows) and passed to ready() once questions
 * are answered.  Returns NULL after one message.
 */
struct managed *managed_start(uv_loop_t *loop, const struct dns_settings *settings,
    const struct dns_engine_config *cfg, const char *dir, resolver_ready_fn ready,
    resolver_failed_fn failed, void *arg);

void managed_stop(struct managed *m, void (*closed)(void *arg), void *arg);

#endif
