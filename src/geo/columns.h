/* What the columns of a CSV file of networks are. */
#ifndef SURVEY_GEO_COLUMNS_H
#define SURVEY_GEO_COLUMNS_H

#include <stdbool.h>

#include "geo/places.h"
#include "geo/rows.h"
#include "geo/walk.h"

/* Numbers of columns; -1 is none. */
struct geo_columns {
	bool header; /* the first row names the columns */
	int network; /* a prefix; else the first and the last address: */
	int lo, hi;
	int fact[GEO_NKINDS]; /* country code, AS number */
	int name[GEO_NKINDS];
	int place, registered; /* ids of Locations, in place of a country code */
};

/* A CSV file that has been looked at. */
struct geo_csv {
	char *path;
	struct geo_columns col;
	bool places; /* it is GeoLite2's Locations */
	bool has
	    [GEO_NKINDS]; /* what a sample of its rows has; with col.place, Locations must tell */
	bool v4, v6; /* families of the sample */
	char *found; /* its columns or its first line, for messages */
};

/*
 * Look at the first and last rows of a file.  A file that is no CSV of ours has
 * nothing.  Returns 0, or -1 with the reason in *error when it cannot be read.
 */
int geo_csv_look(struct geo_csv *c, const char *path, char **error);
void geo_csv_fini(struct geo_csv *c);

/* Do the rows of a file name places that are known, as often as a fact should be there? */
bool geo_csv_knows_places(const struct geo_csv *c, const struct places *places);

/*
 * The network of a row, and its fact of a kind, which is empty when the
 * database knows none.  Returns NULL, or why the row is of no use.
 */
const char *geo_columns_read(const struct geo_columns *col, const struct rows *r,
    enum geo_kind kind, const struct places *places, struct geo_net *net);

#endif
