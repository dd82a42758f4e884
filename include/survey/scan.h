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

/* What zmap is told, apart from the shard.  Strings are borrowed. */
struct zmap_params {
	const char *zmap; /* path or name */
	const char *interface;
	const char *gateway_mac;
	const char *source_ip; /* "" = zmap's choice */
	const char *allow_file;
	const char *block_file;
	const char *conf_file; /* ours, so that none of the machine's is read */
	unsigned port;
	unsigned rate_pps;
	unsigned probes;
	unsigned cooldown_s;
	uint64_t seed; /* not 0 */
	unsigned shards; /* of the whole survey, over all machines */
};

/* The whole argv for one shard (0-based); argv_free() it.  Understood by zmap 2.1 to 4.x. */
char **zmap_argv(const struct zmap_params *p, unsigned shard);
void zmap_argv_free(char **argv);

/*
 * Into how many shards each of the machines cuts its part of the targets:
 * scan.shards, or as many as make one last about ten minutes; together never
 * more than zmap knows.  machines: 1 to SHARDS_MAX.
 */
unsigned zmap_shards(const struct config *c, uint64_t targets, unsigned machines);

struct zmap_progress {
	double percent;
	uint64_t sent;
	bool sent_all; /* zmap is only listening now */
	uint64_t received;
	double drops_pps;
};

/* Read one line of zmap's stderr.  False, *p unchanged, when it is not a progress line. */
bool zmap_progress_parse(const char *line, size_t len, struct zmap_progress *p);

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

/* The address from which the kernel would send to target.  False when there is no route. */
bool gateway_source(const struct ip *target, struct ip *source);

enum shard_state { SHARD_TODO, SHARD_STARTED, SHARD_DONE, SHARD_GIVEN_UP };

struct scan_shard {
	unsigned number; /* in the whole survey */
	enum shard_state state;
	unsigned attempts;
	uint64_t sent, received;
	int64_t started, ended; /* of the last attempt: seconds of the epoch, 0 = not yet */
	double rate_pps; /* likewise */
	struct ip source;
	double user_s, sys_s;
	long maxrss_kb;
};

struct scan_opts {
	struct zmap_params zmap;
	const char *directory; /* of the spool files, borrowed */
	struct scan_shard *shards; /* borrowed; those that are SHARD_DONE are left out */
	size_t nshards;
	unsigned max_failures; /* in a row for one shard before it is given up */
	int broker_fd; /* of a privileged guard that runs zmap_request(), or -1 */
	uint64_t start_ms; /* first progress must come within, 0 = default */
	uint64_t stall_ms; /* and further progress within, 0 = default */
	void (*on_hit)(const struct ip *ip, void *arg);
	/* A shard was started or has ended: time to write the manifest. */
	void (*on_shard)(const struct scan_shard *shard, void *arg);
	/* error: NULL, or an errno that forbids to go on (disk full).  Called once; the scan may be freed then. */
	void (*on_done)(int error, void *arg);
	void *arg;
};

struct scan;

struct scan *scan_new(uv_loop_t *loop, const struct scan_opts *o);
/* Kill zmap; on_done() follows.  The shard it was in will be repeated. */
void scan_stop(struct scan *s);
/* Stop sending for a while (quiet hours): zmap is killed, its shard repeated on scan_pause(s, false). */
void scan_pause(struct scan *s, bool pause);
/* Of the shard that runs now. */
const struct zmap_progress *scan_progress(const struct scan *s);
int scan_pid(const struct scan *s); /* of zmap, 0 when none runs */
void scan_free(struct scan *s); /* only after on_done(), or before the first loop turn */

/* The request that scan sends to a privileged guard, and the guard's side of it. */
struct zmap_request {
	uint32_t magic;
	uint32_t shard;
	uint32_t shards;
	uint32_t pad;
	uint64_t seed;
};

/* A guard_build_fn: arg is the struct zmap_params with which the guard was started. */
char **zmap_request_build(const void *req, size_t len, void *arg);

#endif
