/*
 * What holds a cluster together: hosts and keys whose change splits it.
 *
 * Hosts and shared keys are the vertices of a graph, the uses of keys its
 * edges; the cut hosts and cut keys are its cut vertices (Tarjan).
 */
/* Layer: study */
#ifndef SURVEY_CUTS_H
#define SURVEY_CUTS_H

#include "survey/study.h"

struct cut {
	bool is_key;
	uint32_t number; /* of the host or the key in the study */
	struct study_span parts; /* in parts: hosts of each piece that is left, largest first */
};

struct cuts {
	struct cut *v; /* hosts before keys, each by number */
	uint32_t n;
	uint32_t *parts;
};

void cuts_find(const struct study *st, uint32_t cluster, struct cuts *c);
void cuts_fini(struct cuts *c);

#endif
