/* Unbound and Stubby as supervised children with configs of our own. */
/* Layer: dns */
#ifndef DNS_MANAGED_H
#define DNS_MANAGED_H

#include "resolver.h"

struct managed;

/*
 * Find the programs of DNS_MANAGED, DNS_UNBOUND_DOT or DNS_UNBOUND and make
 * their files in dir; nothing is started.  cfg is completed (address, windows)
 * for ready().  Returns NULL after one message.
 */
struct managed *managed_new(
    const struct dns_settings *settings, const struct dns_engine_config *cfg, const char *dir);
/* What a process outside must do for it: its strings are m's. */
void managed_outside(const struct managed *m, struct outside_options *o);
/* Where its files are. */
const char *managed_dir(const struct managed *m);

/*
 * Start them, through outside unless that is NULL.  ready() gets the completed
 * cfg once questions are answered.  Returns 0, or -1 after one message;
 * managed_stop() is due either way.
 */
int managed_start(struct managed *m, uv_loop_t *loop, const struct outside *outside,
    resolver_ready_fn ready, resolver_failed_fn failed, void *arg);
void managed_stop(struct managed *m, void (*closed)(void *arg), void *arg);

/* One that was never started. */
void managed_free(struct managed *m);

#endif
