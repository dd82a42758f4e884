/* Pure: the last resort, a picture that needs no layout program. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "survey/mem.h"
#include "survey/port.h"
#include "survey/text.h"

#include "drawing.h"

#define SUMMARY_ASES 12

/* Port groups on which the hosts of an AS (STUDY_NONE: of the others) show shared keys. */
static unsigned
groups_of(
    const struct drawing *d, const struct study *st, const struct study_cluster *c, uint32_t as)
{
	unsigned mask = 0;

	for (uint32_t k = 0; k < c->nshared; k++) {
		const struct study_key *key = &st->keys[study_cluster_key(st, c, k)];

		for (uint32_t i = 0; i < key->uses.n && mask != (1 << NGROUPS) - 1; i++) {
			const struct study_use *u = &st->uses[key->uses.at + i];
			bool mine = st->hosts[u->host].as == as;

			if (as == STUDY_NONE) {
				mine = true;
				for (size_t a = 0; a < d->nases && a < SUMMARY_ASES; a++)
					mine &= d->ases[a].as != st->hosts[u->host].as;
			}
			if (mine)
				mask |= 1U << palette_group(port_table[u->port].port);
		}
	}
	return mask;
}

static void
spoke(struct drawing *d, uint32_t node, unsigned mask)
{
	uint32_t nlanes = 0, lane = 0;

	for (unsigned g = 0; g < NGROUPS; g++)
		nlanes += mask >> g & 1;
	for (unsigned g = 0; g < NGROUPS; g++) {
		struct draw_edge *e;

		if (!(mask >> g & 1))
			continue;
		e = drawing_edge(d, node, 0);
		e->style = *palette_class_style(
		    palette_class_of((enum port_group)g, (enum port_group)g));
		e->lane = lane++;
		e->nlanes = nlanes;
	}
}

static void
bubble(struct drawing *d, uint32_t as, uint32_t nhosts, double angle)
{
	struct draw_node *n = drawing_node(d, NODE_GROUP);
	struct buf b;
	double share = sqrt((double)nhosts / (d->nhosts + d->others));

	n->as = as;
	n->nhosts = nhosts;
	n->style = as == STUDY_NONE ? palette_mixed() : drawing_as_style(d, as);
	n->r = 12 + 30 * share;
	n->x = 150 * cos(angle);
	n->y = 150 * sin(angle);
	buf_init(&b);
	text_count(&b, nhosts);
	snprintf(n->label, sizeof(n->label), "%s", b.data);
	buf_fini(&b);
}

void
drawing_summary(struct drawing *d, const struct study *st, uint32_t cluster)
{
	static const char *const texts[] = { "shown on SSH (22)", "shown on mail ports",
		"shown on web (443)" };
	const struct study_cluster *c = &st->clusters[cluster];
	size_t shown = d->nases < SUMMARY_ASES ? d->nases : SUMMARY_ASES;
	size_t places = shown + (d->nases > shown || d->others > 0);
	uint32_t others = d->nhosts + (d->others > 0 ? d->others - 1 : 0);
	unsigned all = 0;
	struct draw_node *hub = drawing_node(d, NODE_KEY);

	hub->nkeys = c->nshared;
	hub->nhosts = c->hosts.n;
	hub->ref = c->keys.n > 0 ? study_cluster_key(st, c, 0) : STUDY_NONE;
	hub->r = 16;
	hub->style = palette_key(false);
	hub->caption = xasprintf("%u shared keys", c->nshared);
	for (size_t i = 0; i < places; i++) {
		uint32_t as = i < shown ? d->ases[i].as : STUDY_NONE;
		uint32_t nhosts = i < shown ? d->ases[i].nhosts : others;
		unsigned mask = groups_of(d, st, c, as);

		others -= nhosts;
		bubble(d, as, nhosts, 2 * M_PI * (double)i / (double)places);
		spoke(d, (uint32_t)d->nnodes - 1, mask);
		all |= mask;
	}
	for (unsigned g = 0; g < NGROUPS; g++) {
		if (!(all >> g & 1))
			continue;
		mem_grow(&d->lines, &d->cap_lines, d->nlines + 1, sizeof(*d->lines));
		d->lines[d->nlines++] = (struct draw_line){
			*palette_class_style(
			    palette_class_of((enum port_group)g, (enum port_group)g)),
			xstrdup(texts[g])
		};
	}
	drawing_note(d,
	    "Summary: hosts by AS around all shared keys, since a finer picture took more "
	    "than its share of time or memory.");
}
