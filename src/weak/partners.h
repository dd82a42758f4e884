/* Who shares what: groups of numbers by the factors that they have in common. */
#ifndef WEAK_PARTNERS_H
#define WEAK_PARTNERS_H

#include <gmp.h>
#include <stddef.h>
#include <stdint.h>

#include "batchgcd.h"

/* Numbers that a factor divides, or at least shares a factor with. */
struct partner_group {
	mpz_t factor; /* secret */
	uint32_t *members; /* ascending */
	size_t n, cap;
};

struct partner_groups {
	struct partner_group *groups;
	size_t n, cap;
};

/*
 * The n numbers, all > 1, are factored into parts that have no factor in
 * common, as far as their differences allow: p, q and p·q give p and q.  Each part is a
 * group, also when it has one member.  Quasi-linear; nobody can choose numbers that make
 * it compare all pairs.  The numbers' parts are wiped by partner_groups_fini().
 */
enum batch_result partners_find(
    const mpz_t *numbers, size_t n, const struct batch_options *o, struct partner_groups *out);
void partner_groups_fini(struct partner_groups *g);

#endif
