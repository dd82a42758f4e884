/*
 * What changed from one study to another, matched by address and by key,
 * never by number: numbers of hosts, keys and clusters are each study's own.
 *
 * Clusters of the two are linked by a shared key that both have, else by half of
 * the smaller one's hosts.  What hangs together by such links is one group.
 * Time and memory are linear in hosts, keys and uses, but for a look-up in the
 * sorted uses of a key.
 */
/* Layer: study */
#ifndef SURVEY_MATCH_H
#define SURVEY_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/port.h"
#include "survey/study.h"

enum match_change {
	MATCH_SAME,
	MATCH_GROWN,
	MATCH_SHRUNK,
	MATCH_REKEYED,
	MATCH_MERGED,
	MATCH_SPLIT,
	MATCH_REGROUPED,
	MATCH_NEW,
	MATCH_GONE,
	MATCH_NCHANGES
};

/* "same", "grown", …, by enum match_change. */
extern const char *const match_change_names[MATCH_NCHANGES];

struct match_list {
	uint32_t *v;
	size_t n, cap;
};

/* What became of clusters that hang together. */
struct match_group {
	struct match_list a, b; /* clusters of each study */
	enum match_change change;
	/* Hosts of b that were in none of a's clusters here, and the reverse. */
	struct match_list added, removed;
	/* Hosts of a that are still there, with new keys instead of those that they shared. */
	struct match_list rekeyed;
	/* Shared keys of b that are none in a, and the reverse. */
	struct match_list new_keys, gone_keys;
};

/* Keys of a port. */
struct match_port {
	uint64_t new_keys, gone, kept; /* kept: also those of the next three */
	uint64_t spread, shrunk, moved;
};

struct match {
	const struct study *a, *b;
	/*
	 * Both studies asked for the same types of keys, as the same tools made
	 * them: a key of another type is then a change.  Else keys are compared by type.
	 */
	bool same_tools;
	/*
	 * A study that has hosts of clusters only does not tell whether another host, or a
	 * key, is there: then nothing is new since a, or nothing is known of what is gone in b.
	 */
	bool knows_new, knows_gone;
	uint32_t *host_b, *host_a; /* by host of a (b): the same address in b (a), or STUDY_NONE */
	uint32_t *key_b, *key_a; /* likewise by key */

	/* Hosts that take part.  New ones are of b, all others of a.  New and gone ones as far as they are known. */
	struct match_list new_hosts, gone_hosts, changed;
	struct match_list rekeyed; /* were in a cluster, and show new keys instead of its keys */
	struct match_list
	    repaired; /* of these: those that share no key any more; all of them if knows_gone */
	uint64_t kept;

	/* Keys of hosts that take part.  New ones are of b, all others of a. */
	struct match_list new_keys, gone_keys, spread, shrunk, moved;
	uint64_t kept_keys; /* in both, also those of the last three */
	/* Of the new ones: on hosts that were there, of a type that was not seen there before. */
	uint64_t new_of_other_type;
	struct match_port ports[NPORTS];

	struct match_group *groups; /* by the lowest cluster of a, then of b */
	size_t ngroups;
	uint32_t *group_a, *group_b; /* by cluster: number of its group */
};

/* Only which hosts and keys are the same: host_b to key_a.  Both studies are borrowed. */
void match_init(struct match *m, const struct study *a, const struct study *b);
/* Everything. */
void match_studies(struct match *m, const struct study *a, const struct study *b);
void match_fini(struct match *m);

/*
 * Are two grabs of one port and one type of key?  A server that is asked for another
 * type of key shows another key, and has changed nothing.
 */
bool match_same_type(const struct study *a, const struct study_grab *x, const struct study *b,
    const struct study_grab *y);

/* Is anything not as it was? */
bool match_is_change(const struct match *m);

static inline bool
match_takes_part(const struct study_host *h)
{
	return h->out == OUT_NONE;
}

void match_list_add(struct match_list *l, uint32_t i);

/* How many of n reasons, which are a handful of constant texts, are why[i]; 0: it was counted at an earlier i. */
uint64_t match_count_reason(const char *const *why, size_t n, size_t i);

#endif
