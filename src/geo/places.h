/* GeoLite2-*-Locations-*.csv: what a geoname_id stands for. */
#ifndef SURVEY_GEO_PLACES_H
#define SURVEY_GEO_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "survey/georanges.h"

struct place {
	uint32_t id;
	char country[3];
	char name[64]; /* of the country, in the file's language */
};

struct places {
	struct place *row;
	size_t n, cap;
};

/* Returns 0, or -1 with the reason in *error.  Freed by places_fini() in both cases. */
int places_read(struct places *p, const char *path, struct geo_stats *stats, char **error);
void places_fini(struct places *p);
/* id is a number as text; NULL when there is no such place, or one that lies in no country. */
const struct place *places_find(const struct places *p, const char *id);

#endif
