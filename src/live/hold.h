/* When nothing is sent: quiet hours, opt-outs that cannot be read, canaries that do not answer. */
#ifndef LIVE_HOLD_H
#define LIVE_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/shard.h"

#include "canaries.h"
#include "watch.h"

struct collect;

struct hold {
	struct watch watch;
	struct canaries *canaries; /* NULL: none are configured */
	/* Hosts whose records came since a canary last answered: if none does again, they are asked again. */
	uint32_t *recent;
	size_t nrecent, cap, nasked; /* nasked of them came before the round that goes on now */
	int64_t
	    asked_since; /* what was asked before has its record, and came before that round, too */
	size_t second, second_asked; /* hosts noted for the second pass by then; at that round */
	bool confirming; /* a round was asked for because the hosts are at their end */
};

/* Before records of earlier sessions are read: which of them count is known. */
void hold_know_unheard(struct collect *c);
/* What earlier sessions have scanned is known to it; the canaries are asked from now on. */
void hold_start(struct collect *c);
/* Before the loop ends: canaries are asked no more. */
void hold_end(struct collect *c);
void hold_fini(struct collect *c);
/* Something has changed: may hosts be asked, may zmap run? */
void hold_apply(struct collect *c);
/* zmap has started or finished a shard. */
void hold_shard(struct collect *c, const struct scan_shard *shard);
/* A host has been asked; id as in c->hosts. */
void hold_record(struct collect *c, uint32_t id);
/* zmap has finished all shards: only a canary's answer is missing. */
void hold_unconfirmed(void *arg);
/* All hosts have been asked: has a canary answered since then?  If not, they are asked. */
bool hold_confirmed(void *arg);

#endif
