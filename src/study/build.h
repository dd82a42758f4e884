/* What the files that build a study share. */
#ifndef STUDY_BUILD_H
#define STUDY_BUILD_H

#include "survey/buf.h"
#include "survey/hashtab.h"
#include "survey/mem.h"
#include "survey/study_builder.h"

/* The grabs or names of a host while it is built: a list through an array beside theirs. */
struct list {
	uint32_t first, last; /* STUDY_NONE: empty */
};

/* What only the builder knows of a host. */
struct draft {
	struct list grabs, names;
	uint16_t seen; /* as in struct host */
	bool own_country;
	bool judged; /* its names came with their verdicts */
};

struct study_builder {
	struct study *st;
	struct draft *drafts; /* by host */
	uint32_t *grab_next, *name_next;
	size_t cap_runs, cap_hosts, cap_drafts, cap_grabs, cap_names, cap_keys, cap_certs, cap_ases,
	    cap_answers, cap_addresses, cap_targets, cap_texts, cap_grab_next, cap_name_next,
	    cap_others, cap_others_keys;
	struct hashtab texts, ips, keys, certs, ases;
	bool in_order; /* grabs and names lie by host, without gaps */
	uint32_t last_host; /* whose grabs and names came last */

	uint32_t (*joins)[2]; /* hosts */
	size_t njoins, cap_joins;

	struct merge_counts merged;
	struct arena scratch; /* of one line */
	struct host merged_host; /* what study_builder_merged() shows */

	int spool; /* unlinked file of public keys, or -1 */
	struct buf spooled; /* what is not in it yet */
	uint64_t spool_at;
	int spool_error; /* errno, or 0 */
};

/* Room for texts of len bytes; none that is there moves until it is used up. */
void build_texts_room(struct study_builder *b, size_t len);
/* The number of a text that may be one of ours already; of NULL, none. */
uint32_t build_text(struct study_builder *b, const char *s);

/* The hash tables are of no use any more. */
void build_drop_tables(struct study_builder *b);

/* cluster.c: uses, clusters, ASes and what is counted of keys; joins as in the builder. */
void study_cluster(struct study *st, uint32_t (*joins)[2], size_t njoins);

/* public.c: public keys in a temporary file.  Each returns 0, or -1 with errno set. */
int spool_put(struct study_builder *b, uint32_t key, const struct public_key *k);
/* The study takes the file over. */
int spool_give(struct study_builder *b, struct study *st);

#endif
