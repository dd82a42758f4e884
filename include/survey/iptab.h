/*
 * Addresses numbered in the order in which they were first added.
 *
 * 17 bytes an address and 12 to 24 for its place in the hash table: a million
 * is about 35 MB.
 */
/* Layer: model */
#ifndef SURVEY_IPTAB_H
#define SURVEY_IPTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/hashtab.h"
#include "survey/ip.h"

#define IPTAB_NONE HASHTAB_NONE

struct iptab {
	struct ip *ip; /* by number */
	size_t n, cap;
	struct hashtab numbers; /* without slots until the first address */
};

void iptab_init(struct iptab *t);
void iptab_fini(struct iptab *t);
/* The address's number; *is_new tells whether it was added now. */
uint32_t iptab_add(struct iptab *t, const struct ip *ip, bool *is_new);
/* Its number, or IPTAB_NONE. */
uint32_t iptab_find(const struct iptab *t, const struct ip *ip);

#endif
