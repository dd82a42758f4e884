/* Pure. */
#include <stdlib.h>
#include <string.h>

#include "survey/clusters.h"

void
clusters_fini(struct clusters *c)
{
	free(c->of_host);
	free(c->size);
	free(c->first);
	free(c->members);
	free(c->use_first);
	free(c->uses);
	free(c->group_of);
	free(c->group_first);
	free(c->group_members);
	free(c->gkey_first);
	free(c->gkeys);
	free(c->kgroup_first);
	free(c->kgroups);
	free(c->partners);
	memset(c, 0, sizeof(*c));
}

uint64_t
clusters_ports(const struct clusters *c, uint32_t a, uint32_t b)
{
	const struct group_key *x = &c->gkeys[c->gkey_first[a]],
			       *x_end = &c->gkeys[c->gkey_first[a + 1]];
	const struct group_key *y = &c->gkeys[c->gkey_first[b]],
			       *y_end = &c->gkeys[c->gkey_first[b + 1]];
	uint64_t mask = 0;

	while (x < x_end && y < y_end) {
		if (x->key < y->key) {
			x++;
		} else if (x->key > y->key) {
			y++;
		} else {
			for (int local = 0; local < 8; local++) {
				if ((x->ports & 1U << local) != 0)
					mask |= (uint64_t)y->ports << 8 * local;
			}
			x++;
			y++;
		}
	}
	return mask;
}
