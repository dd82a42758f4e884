/* One DNS message over one TCP connection, and the answer. */
/* Layer: dns */
#ifndef DNS_TCP_H
#define DNS_TCP_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "survey/outside.h"

struct dns_tcp;

/*
 * The first whole message, of any content; msg is valid during the call.
 * NULL: there will be none.
 */
typedef void (*dns_tcp_fn)(const uint8_t *msg, size_t len, void *arg);

/*
 * Connect to ip and port (outside.h) and send query[0..len).  fn comes once, from the loop; the
 * connection closes itself after it.  gone() comes last, when nothing of the
 * connection is left, whether or not it was cancelled.
 */
struct dns_tcp *dns_tcp_ask(uv_loop_t *loop, const struct outside *outside, const struct ip *ip,
    uint16_t port, const uint8_t *query, size_t len, dns_tcp_fn fn, void *arg,
    void (*gone)(void *arg), void *gone_arg);

/* Close it; fn will not come any more. */
void dns_tcp_cancel(struct dns_tcp *t);

#endif
