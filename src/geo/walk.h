/* Sources of networks, one callback a network. */
#ifndef SURVEY_GEO_WALK_H
#define SURVEY_GEO_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "survey/geodb.h"
#include "survey/georanges.h"

struct geo_net {
	struct ip lo, hi;
	char country[3]; /* "" when the network has none */
	uint32_t asn; /* 0 when it has none */
	const char *name; /* of the country or AS, or NULL; valid only during the call */
};

typedef void geo_net_fn(const struct geo_net *net, void *arg);

/* What a walk reports and where; see struct geo_stats. */
struct geo_walk {
	enum geo_kind kind; /* which fact is asked for */
	bool v4, v6;
	geo_net_fn *fn;
	void *arg;
	struct geo_stats *stats;
};

struct geo_input;

/* Each returns 0, or -1 with the reason in *error. */
int geo_walk_mmdb(const struct geo_walk *w, const char *path, char **error);
int geo_walk_csv(const struct geo_walk *w, const struct geo_input *in, char **error);

#endif
