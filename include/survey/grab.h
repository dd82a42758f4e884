/*
 * Talking to the hosts: one zgrab2 process, fed at the configured rate, its
 * lines merged into one record a host.
 */
/* Layer: grab */
#ifndef SURVEY_GRAB_H
#define SURVEY_GRAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "survey/config.h"
#include "survey/geodb.h"
#include "survey/ip.h"
#include "survey/outcome.h"
#include "survey/zgrab2.h"

struct grab_stats {
	uint64_t queued; /* waiting */
	uint64_t in_flight;
	uint64_t fed; /* hosts given to zgrab2, repeats not counted */
	uint64_t done; /* records written */
	uint64_t repeated; /* hosts fed again after zgrab2 died or lost them */
	uint64_t second_pass; /* records of the second pass */
	uint64_t second_pass_gained; /* ports that succeeded only then */
	uint64_t given_up; /* hosts with a port that zgrab2 never answered for */
	uint64_t garbage; /* lines of zgrab2 that were not understood */
	uint64_t
	    refused; /* hosts that were queued, but not allowed any more when their turn came */
	uint64_t stray; /* results that nobody waited for */
	unsigned restarts;
	uint64_t ports[NPORTS][GRAB_NENDS];
	double user_s, sys_s; /* of zgrab2 */
	long maxrss_kb;
};

struct guard_broker;

struct grab_opts {
	const struct config *config;
	struct zgrab2_params zgrab2;
	const struct zgrab2_request *request; /* borrowed; read whenever zgrab2 starts */
	const int *fds; /* nfds descriptors that zgrab2 gets (guard.h) */
	size_t nfds;
	const struct guard_broker
	    *broker; /* that starts zgrab2 as its tool number `tool`; NULL: we do */
	unsigned tool;
	const char *smtp_name;
	const struct geo_db *geo; /* may be NULL */
	double share; /* of the rates that this machine takes; 1 = all */
	uint64_t stall_ms; /* 0 = from the timeouts */
	/*
	 * A finished host: one line with its newline, valid during the call.
	 * Returns 0, or an errno (disk full): feeding stops and on_done() gets it.
	 */
	int (*on_record)(const struct ip *ip, const char *line, size_t len, void *arg);
	/* A line of zgrab2 that was not understood. */
	void (*on_garbage)(const char *reason, const char *line, size_t len, void *arg);
	/* Last word on a host about to be asked, or asked again or for more: may it be? */
	bool (*allowed)(const struct ip *ip, void *arg);
	/*
	 * All hosts have been asked: may it end, or begin the second pass?  If not, it is asked
	 * again when the caller adds hosts or ends a pause, and a few times a second.  NULL: it may.
	 */
	bool (*may_end)(void *arg);
	/* All is over.  error: 0, an errno, or ECHILD when zgrab2 could not be kept running. */
	void (*on_done)(int error, void *arg);
	void *arg;
};

struct grab;

struct grab *grab_new(uv_loop_t *loop, const struct grab_opts *o);
/* Queue a host. */
void grab_add(struct grab *g, const struct ip *ip);
/* Those that zgrab2 has now are queued once more when their records have been written. */
void grab_repeat_flights(struct grab *g);
/* When the first of those was asked that have no record yet; 0: there are none. */
int64_t grab_oldest(const struct grab *g);
/* Queue some ports of a host for the second pass. */
void grab_add_second(struct grab *g, const struct ip *ip, uint32_t ports);
/* How many hosts are noted for the second pass; and to forget those that came after the first n. */
size_t grab_second(const struct grab *g);
void grab_cut_second(struct grab *g, size_t n);
/* No more hosts will come: on_done() when all have been grabbed. */
void grab_finish(struct grab *g);
/* Feed nothing more; hosts in flight have drain_ms to finish. on_done() follows. */
void grab_stop(struct grab *g, uint64_t drain_ms);
/* Quiet hours: feed nothing while paused; hosts in flight finish. */
void grab_pause(struct grab *g, bool pause);
const struct grab_stats *grab_stats(const struct grab *g);
void grab_free(struct grab *g); /* only after on_done() */

/* What a line of records.fresh says about its host. */
struct grab_seen {
	struct ip ip;
	uint32_t ports; /* bit = row of port_table: has an entry */
	uint32_t retry; /* those that the second pass would ask again */
	bool second; /* is a record of the second pass */
	int64_t time; /* when it was asked, or TIME_UNKNOWN */
	uint8_t end[NPORTS]; /* enum grab_end of those with an entry */
};

struct simd_parser;

/* Returns false when the line is not a record with an address. */
bool grab_read_record(struct simd_parser *p, const char *line, size_t len, struct grab_seen *seen);

#endif
