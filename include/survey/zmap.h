/* ZMap's command line, and the progress lines that it prints. */
/* Layer: scan */
#ifndef SURVEY_ZMAP_H
#define SURVEY_ZMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/config.h"

/* The lists as zmap opens them: the first two descriptors that its guard hands over (guard.h). */
#define ZMAP_ALLOW_FILE "/proc/self/fd/4"
#define ZMAP_BLOCK_FILE "/proc/self/fd/5"

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

/* The whole argv for one shard (0-based); argv_free() frees it.  Understood by zmap 2.1 to 4.x. */
char **zmap_argv(const struct zmap_params *p, unsigned shard);

/*
 * Into how many shards each of the machines cuts its part of the targets:
 * scan.shards, or as many as make one last about ten minutes, and always so
 * many that one fits between quiet hours; together never more than zmap knows.
 * machines: 1 to SHARDS_MAX.
 */
unsigned zmap_shards(const struct config *c, uint64_t targets, unsigned machines);
/* How long one lasts when each machine has so many, late answers included, in seconds. */
double zmap_shard_seconds(const struct config *c, uint64_t targets, unsigned shards);
/* And how long one may last: the time between quiet hours, in seconds; without them for ever. */
double zmap_window_seconds(const struct config *c);

struct zmap_progress {
	double percent;
	uint64_t sent;
	bool sent_all; /* zmap is only listening now */
	uint64_t received;
	double drops_pps;
};

/* Read one line of zmap's stderr.  False, *p unchanged, when it is not a progress line. */
bool zmap_progress_parse(const char *line, size_t len, struct zmap_progress *p);

/* What survey asks of a guard that runs zmap with root's rights: which shard of what; nothing else is its to say. */
struct zmap_request {
	uint32_t magic; /* zmap_request_make() sets it */
	uint32_t shard;
	uint32_t shards;
	uint32_t pad;
	uint64_t seed;
};

/*
 * The guard's side, a guard_build_fn: arg is the struct zmap_params with which
 * the guard was started.  Returns an argv to free, or NULL for what is no
 * request or asks for a shard that cannot be.
 */
char **zmap_request_build(const void *req, size_t len, void *arg);
struct zmap_request zmap_request_make(const struct zmap_params *p, unsigned shard);

#endif
