/*
 * Which hosts share keys: the result of clustering.
 *
 * All lists are ranges of one array each (`x_first[i] .. x_first[i + 1]`), so
 * that memory is proportional to hosts and key uses, never to pairs.
 */
/* Layer: model */
#ifndef SURVEY_CLUSTERS_H
#define SURVEY_CLUSTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLUSTER_OUT UINT32_MAX /* of a host that takes no part */
#define GROUP_NONE UINT32_MAX

/* A key on a port of a host. */
struct key_use {
	uint32_t key, host;
	uint8_t port; /* row of port_table */
};

/* A key of a group, with the study's ports that show it as bits. */
struct group_key {
	uint32_t key;
	uint8_t ports;
};

struct clusters {
	uint32_t nhosts, nkeys;
	uint32_t n; /* clusters; their numbers are 1 … n, 0 is for hosts that share with nobody */
	uint32_t *of_host; /* number, 0, or CLUSTER_OUT */
	uint32_t *size; /* by number; size[0]: hosts that share with nobody */
	uint32_t *first, *members; /* by number from 1; hosts ascending */
	uint32_t *use_first; /* by key */
	struct key_use *uses; /* by key, host, port; each once */

	/*
	 * Hosts of a cluster that show the same shared keys on the same ports of
	 * the study (the first NPORTS_STUDY) form a group: whatever is said of
	 * pairs is the same for all of them.
	 */
	uint32_t ngroups;
	uint32_t *group_of; /* by host; GROUP_NONE when it shares on no such port */
	uint32_t *group_first, *group_members; /* hosts ascending */
	uint32_t *gkey_first; /* by group */
	struct group_key *gkeys; /* keys ascending */
	uint32_t *kgroup_first, *kgroups; /* by key: the groups that have it, ascending */
	uint32_t *partners; /* by group: hosts that each of its hosts shares a key with (nrcs) */
};

void clusters_fini(struct clusters *c);

/*
 * The port pairs on which a host of group a shares a key with one of group b:
 * bit = b's port + 8 × a's port, rows of port_table.  0: they share none.
 */
uint64_t clusters_ports(const struct clusters *c, uint32_t a, uint32_t b);

#endif
