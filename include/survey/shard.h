/* A part of a scan: what one start of ZMap covers. */
/* Layer: model */
#ifndef SURVEY_SHARD_H
#define SURVEY_SHARD_H

#include <stdint.h>

#include "survey/ip.h"

enum shard_state {
	SHARD_TODO,
	SHARD_STARTED,
	SHARD_DONE,
	SHARD_GIVEN_UP,
	SHARD_UNCONFIRMED /* zmap has finished it, and no canary has answered since */
};

struct scan_shard {
	unsigned number; /* in the whole survey */
	enum shard_state state;
	unsigned attempts;
	uint64_t sent, received;
	uint64_t hits; /* addresses that zmap printed */
	int64_t started, ended; /* of the last attempt: seconds of the epoch, 0 = not yet */
	double rate_pps; /* likewise */
	struct ip source;
	double user_s, sys_s;
	long maxrss_kb;
};

#endif
