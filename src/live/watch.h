/*
 * Do our packets still arrive?  What is known of it: canaries, which are asked
 * every few minutes, and how many hosts each part of the scan finds.
 */
#ifndef LIVE_WATCH_H
#define LIVE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A hit rate below this share of the run's, and so unlikely beside it, has
 * collapsed.  In a large scan a few hosts that sleep at night are unlikely, too.
 */
#define WATCH_SHARE 0.5
#define WATCH_P 1e-6
/* So many of the last shards are looked at together. */
#define WATCH_LAST 4

enum watch_advice {
	WATCH_GO_ON,
	WATCH_PAUSE, /* send nothing, ask the canaries on */
	WATCH_RESUME, /* they answer again */
	WATCH_STOP /* there is nobody to ask, or they see nothing wrong */
};

/* A shard that zmap has finished. */
struct watch_shard {
	size_t at; /* in the run's list */
	uint64_t sent, hits;
};

struct watch {
	bool has_canaries;
	bool paused;
	bool collapsed; /* the pause is due to the hit rate, not to the canaries */
	size_t trial; /* shards of a collapse that are still to be repeated */
	struct watch_shard *shards; /* in the order in which they ended */
	size_t n, cap;
	size_t nfallen; /* the last so many of them have collapsed */
	double p; /* how likely that was */
};

/* With canaries nothing is sent before the first of them has answered. */
void watch_init(struct watch *w, bool has_canaries);
void watch_fini(struct watch *w);

/* Shards of earlier sessions, in the order in which they ended. */
void watch_known(struct watch *w, size_t at, uint64_t sent, uint64_t hits);
/*
 * zmap has finished a shard.  When the advice is WATCH_PAUSE or WATCH_STOP, the
 * last w->nfallen of w->shards are to be repeated; w->p says why.
 */
enum watch_advice watch_shard_ended(struct watch *w, size_t at, uint64_t sent, uint64_t hits);
/* A shard that will be repeated counts no longer. */
void watch_forget(struct watch *w, size_t at);
/* All canaries were asked, and so many answered. */
enum watch_advice watch_canaries_asked(struct watch *w, unsigned answered);

#endif
