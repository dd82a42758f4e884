/* Layer: cluster.  Connected components over shared keys. */
#ifndef SURVEY_CLUSTER_H
#define SURVEY_CLUSTER_H

#include "survey/clusters.h"

/*
 * Cluster nhosts hosts by the uses of nkeys keys.  in tells which hosts take
 * part; uses (nuses of them, in order of hosts, repeats allowed) name only
 * such hosts and are borrowed.  *c is filled; clusters_fini() frees it.
 *
 * Time and memory are linear in hosts, keys and uses while a host has a few
 * keys; only hosts with a dozen and more each, most of them widely shared and
 * no two alike, can make the counting of partners quadratic.
 */
void cluster_hosts(struct clusters *c, uint32_t nhosts, const bool *in, uint32_t nkeys,
    const struct key_use *uses, size_t nuses);

#endif
