/*
 * All hosts of a study in memory: records merged by address, each distinct key
 * and text once.
 */
/* Layer: model */
#ifndef SURVEY_HOSTSET_H
#define SURVEY_HOSTSET_H

#include <stddef.h>
#include <stdint.h>

#include "survey/host.h"
#include "survey/mem.h"
#include "survey/strpool.h"

struct hostset {
	struct host *hosts; /* in order of their first lines */
	size_t n, cap;
	const uint8_t *
	    *keys; /* by number, in order of their first appearance; KEY_LEN bytes each */
	uint8_t *key_kinds; /* enum key_kind of that first appearance */
	size_t nkeys, keys_cap, kinds_cap;
	struct strpool texts;
	struct arena key_bytes;
	struct merge_counts merged; /* of different lines of a host */

	/* private: hash tables of host and key numbers plus one */
	uint32_t *ip_slot, *key_slot;
	size_t ip_nslots, key_nslots;
	uint64_t seed;
};

void hostset_init(struct hostset *s);
void hostset_fini(struct hostset *s);

/*
 * Take up one line's host: a new host, or merged into the one of that address.
 * line is copied.  Returns the host's number, and in *is_new whether it was not
 * there before.  At most UINT32_MAX - 1 hosts.
 */
uint32_t hostset_add(struct hostset *s, const struct host *line, uint64_t number, bool *is_new);
/* A text that lives as long as the set. */
const char *hostset_text(struct hostset *s, const char *text);

#endif
