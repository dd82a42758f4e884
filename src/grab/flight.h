/* Hosts between their first line to zgrab2 and their record. */
#ifndef GRAB_FLIGHT_H
#define GRAB_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "survey/buf.h"
#include "survey/ip.h"

#include "modules.h"

#define FLIGHT_BUCKETS 1024

struct flight {
	struct flight *next; /* of its hash bucket */
	struct flight *next_waiting; /* of its list, when it waits */
	struct ip ip;
	int64_t time; /* of the epoch, when it was fed first */
	uint64_t fed_ms; /* of the loop, when it was fed last */
	unsigned tries;
	unsigned undialed; /* results without a packet that were asked for once more */
	bool second;
	bool repeat; /* queue it once more when it has landed */
	bool waiting; /* zgrab2 does not have it now */
	uint32_t wanted; /* modules asked or to be asked */
	uint32_t have; /* modules that answered */
	uint8_t end[MAX_MODULES]; /* enum grab_end of those that answered */
	struct buf part[MAX_MODULES];
};

struct flights {
	struct flight *bucket[FLIGHT_BUCKETS];
	/* Those to be fed once more, first one first. */
	struct flight *again, **again_tail;
	/* Tried often enough: given up as soon as zgrab2 has proved that it works for others. */
	struct flight *suspects;
	uint64_t n, nagain, nsuspects; /* n is all */
};

void flights_init(struct flights *fs);
void flights_fini(struct flights *fs);

/* The flight of an address, or NULL. */
struct flight *flights_find(const struct flights *fs, const struct ip *ip);
/* A new one; there must be none of the address yet. */
struct flight *flights_add(struct flights *fs, const struct ip *ip);
/* Free one that waits in no list. */
void flights_drop(struct flights *fs, struct flight *f);

/* Put one that is in the air into a list, and take the first one out of it (NULL: it is empty). */
void flights_wait(struct flights *fs, struct flight *f);
struct flight *flights_next(struct flights *fs);
void flights_suspect(struct flights *fs, struct flight *f);
struct flight *flights_next_suspect(struct flights *fs);
/* Free all that wait. */
void flights_drop_waiting(struct flights *fs);

/* How many zgrab2 has. */
uint64_t flights_in_air(const struct flights *fs);
/* The one that zgrab2 has; NULL when it has none or several. */
const struct flight *flights_lone(const struct flights *fs);
/* When the first of all was fed; 0: there is none. */
int64_t flights_oldest(const struct flights *fs);
/* Call fn with each one that zgrab2 has; fn may drop it or put it into a list. */
void flights_each_in_air(struct flights *fs, void (*fn)(struct flight *, void *arg), void *arg);

#endif
