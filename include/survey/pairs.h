/*
 * Which pairs of hosts share keys, and on which ports, without listing all pairs.
 *
 * Hosts of a cluster that show the same shared keys on the same ports of the
 * study (the first NPORTS_STUDY rows) form a group: whatever is said of pairs
 * is the same for all of them.  Time and memory are linear in hosts, keys and
 * uses while a host has a few keys; only hosts with a dozen and more each, most of
 * them widely shared and no two alike, can make the counting of partners quadratic.
 */
/* Layer: study */
#ifndef SURVEY_PAIRS_H
#define SURVEY_PAIRS_H

#include "survey/study.h"

#define GROUP_NONE UINT32_MAX

/* A key of a group, with the study's ports that show it as bits. */
struct group_key {
	uint32_t key;
	uint32_t ports;
};

/* All lists are ranges of one array each (x_first[i] .. x_first[i + 1]). */
struct pairs {
	uint32_t nhosts, nkeys, ngroups;
	uint32_t *group_of; /* by host; GROUP_NONE when it shares on no such port */
	uint32_t *group_first, *group_members; /* hosts ascending */
	uint32_t *gkey_first; /* by group */
	struct group_key *gkeys; /* keys ascending */
	uint32_t *kgroup_first, *kgroups; /* by key: the groups that have it, ascending */
	uint32_t *partners; /* by group: hosts that each of its hosts shares a key with */
};

/* Of a study whose uses are there. */
struct pairs *pairs_new(const struct study *st);
void pairs_free(struct pairs *p);

/*
 * The port pairs on which a host of group a shares a key with one of group b:
 * bit = b's port + 8 × a's port, rows of port_table.  0: they share none.
 */
uint64_t pairs_ports(const struct pairs *p, uint32_t a, uint32_t b);
/* Hosts that the host shares a key with on the study's ports. */
uint32_t pairs_partners(const struct pairs *p, uint32_t host);

#endif
