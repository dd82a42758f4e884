/*
 * Which host may be asked next, and when.
 *
 * Hosts leave in the order in which they came, except that no network (/24
 * or /64) and no AS is asked faster than its own limit: those who must wait
 * are overtaken.  O(log n) a host, 32 bytes each.
 */
#ifndef GRAB_PACER_H
#define GRAB_PACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/ip.h"

struct pacer;

/* Hosts a second; 0 = no limit. */
struct pacer *pacer_new(double rate, double per_net, double per_as);
void pacer_free(struct pacer *p);
void pacer_add(struct pacer *p, const struct ip *ip, uint32_t asn, uint32_t tag);
/* The next host that may be asked at now_ns; false when there is none yet. */
bool pacer_next(struct pacer *p, uint64_t now_ns, struct ip *ip, uint32_t *tag);
/* May a host that is not queued here be asked once more?  It counts for its network and its AS. */
bool pacer_again(struct pacer *p, const struct ip *ip, uint32_t asn, uint64_t now_ns);
/* Until pacer_again() allows that. */
uint64_t pacer_again_wait_ns(struct pacer *p, const struct ip *ip, uint32_t asn, uint64_t now_ns);
/* Until pacer_next() may have one; UINT64_MAX when none is queued. */
uint64_t pacer_wait_ns(const struct pacer *p, uint64_t now_ns);
size_t pacer_queued(const struct pacer *p);

#endif
