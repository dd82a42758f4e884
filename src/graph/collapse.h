/*
 * A cluster with alike hosts and keys joined, on its way to a drawing.
 */
#ifndef GRAPH_COLLAPSE_H
#define GRAPH_COLLAPSE_H

#include "drawing.h"

/* What a step joins. */
struct step {
	bool port_groups; /* ports of a group are as good as one */
	/* each; those of exactly the same hosts and port groups are one node; those of the same hosts */
	enum { KEYS_EACH, KEYS_ALIKE, KEYS_OF_HOSTS } keys;
	bool hosts_each; /* no hosts are joined */
	enum { AS_EACH, AS_COLOURED } as;
	const char *note;
};

struct group {
	uint32_t as; /* of the study, STUDY_NONE: several */
	uint32_t nhosts, order0; /* its hosts: a range of order */
	uint32_t item0, nitems; /* what its first host shows: a range of items */
	uint32_t node;
};

/* A key class on a port (or port group). */
struct item {
	uint32_t key, port;
};

struct bundle { /* keys that are one node */
	uint32_t first; /* place of the first one among the cluster's keys */
	uint32_t nkeys, nhosts, node;
};

struct collapse {
	const struct study *st;
	const struct study_cluster *c;
	const struct step *step;
	uint32_t *class; /* of each shared key: index of bundles */
	struct bundle *bundles;
	uint32_t nbundles;
	struct item *items;
	uint32_t *item0; /* of each host, and one more */
	uint32_t *as; /* of each host, as the step sees it */
	uint32_t *order; /* hosts, alike ones together */
	struct group *groups;
	uint32_t ngroups;
};

void collapse_init(struct collapse *, const struct study *, const struct study_cluster *);
/* May be called again with another step. */
void collapse(struct collapse *, const struct drawing *, const struct step *);
void collapse_fini(struct collapse *);

/* A lump of what is not drawn one by one. */
struct part {
	uint32_t nhosts, nkeys, node;
	uint32_t near0, nnear; /* what it hangs on: a range of touches */
};

struct touch { /* a part hangs on a drawn node through a port group */
	uint32_t part;
	uint32_t kept; /* a group, or ngroups + a bundle */
	uint32_t group;
};

struct rest {
	bool *kept; /* groups first, then bundles */
	uint32_t *part_of; /* of what is not kept */
	struct part *parts;
	struct touch *touches;
	uint32_t nparts, ntouches;
};

/*
 * Choose the largest ngroups groups and most used nbundles bundles to be
 * drawn and lump together everything else: what hangs together, then what
 * hangs on the same nodes, then, beyond nparts lumps, what hangs on the same
 * key.  What would be a lump of its own is drawn as it is.  No link to a drawn node is lost.
 */
void rest_init(
    struct rest *, struct collapse *, uint32_t ngroups, uint32_t nbundles, uint32_t nparts);
void rest_fini(struct rest *);
/* Number in the study of a host of the cluster. */
static inline uint32_t
collapse_host(const struct collapse *x, uint32_t i)
{
	return study_member(x->st, x->c, i);
}

/* The port group that an item stands for. */
uint32_t collapse_port_group(const struct collapse *, const struct item *);

#endif
