/*
 * Finding hosts: zmap over the shards of one seeded permutation, one after
 * another, each a supervised child whose output is spooled as it comes.
 */
/* Layer: scan */
#ifndef SURVEY_SCAN_H
#define SURVEY_SCAN_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "survey/config.h"
#include "survey/ip.h"
#include "survey/shard.h"
#include "survey/zmap.h"

/* Where packets to the targets leave. */
struct gateway {
	char interface[IF_NAMESIZE];
	struct ip source;
	struct ip address; /* of the gateway */
	char mac[18];
};

/*
 * Find the route to target (through interface unless that is "") and the MAC
 * address of its gateway, which one UDP datagram to the gateway's discard
 * port makes the kernel ask for.  mac: used as it is when not "".
 * Waits up to 3 s.  Returns 0; or -1 with the reason and the cure in *error (the caller frees it).
 */
int gateway_find(const struct ip *target, const char *interface, const char *mac, struct gateway *g,
    char **error);

struct guard_broker;

struct scan_opts {
	struct zmap_params zmap;
	const char *directory; /* of the spool files, borrowed */
	struct scan_shard *shards; /* borrowed; those that are SHARD_DONE are left out */
	size_t nshards;
	/* What zmap has finished is SHARD_UNCONFIRMED until scan_confirm(), and the scan does not end before. */
	bool confirm;
	unsigned max_failures; /* in a row for one shard before it is given up */
	/* That starts zmap as its tool of that number and has the lists; NULL: we do. */
	const struct guard_broker *broker;
	unsigned tool;
	const int *lists; /* then: descriptors of ZMAP_ALLOW_FILE and ZMAP_BLOCK_FILE, or NULL */
	uint64_t start_ms; /* first progress must come within, 0 = default */
	uint64_t stall_ms; /* and further progress within, 0 = default */
	void (*on_hit)(const struct ip *ip, void *arg);
	/* A shard was started or has ended: time to write the manifest. */
	void (*on_shard)(const struct scan_shard *shard, void *arg);
	/* Nothing is left to do but to confirm; only with confirm. */
	void (*on_unconfirmed)(void *arg);
	/* error: 0, or the errno that forbids to go on (disk full).  Called once; the scan may be freed then. */
	void (*on_done)(int error, void *arg);
	void *arg;
};

struct scan;

struct scan *scan_new(uv_loop_t *loop, const struct scan_opts *o);
/* Kill zmap; on_done() follows.  The shard it was in will be repeated. */
void scan_stop(struct scan *s);
/* Stop sending for a while (quiet hours): zmap is killed, its shard repeated on scan_pause(s, false). */
void scan_pause(struct scan *s, bool pause);
/* A mark of now: what has ended before it may be confirmed by it. */
uint64_t scan_mark(const struct scan *s);
void scan_confirm(struct scan *s, uint64_t mark);
/* A shard that has ended is to be done again, after those that are left. */
void scan_repeat(struct scan *s, size_t at);
/* Of the shard that runs now. */
const struct zmap_progress *scan_progress(const struct scan *s);
void scan_free(struct scan *s); /* only after on_done(), or before the first loop turn */

#endif
