/* Which files a source of networks stands for. */
#ifndef SURVEY_GEO_INPUT_H
#define SURVEY_GEO_INPUT_H

#include <stdbool.h>
#include <time.h>

#include "geo/columns.h"

#define INPUT_CSVS 2 /* of one database: the families may be apart */

/* One database of one kind. */
struct geo_input {
	enum geo_kind kind;
	char *path; /* of the MMDB, or the first of the CSVs; NULL: there is none */
	bool mmdb;
	struct geo_csv csv[INPUT_CSVS];
	size_t ncsv;
	struct places places; /* where the CSVs have ids */
	char *why; /* there is none, or NULL */
	time_t built; /* of CSVs, as far as names and times of files tell; else 0 */
};

/*
 * Find the files of a kind and look at them.  With nothing of that kind, path is
 * NULL and why may tell the reason; that is an error only where src names a file
 * for this very kind.
 * Returns 0, or -1 with the reason in *error.
 */
int geo_input_find(struct geo_input *in, const struct geo_source *src, enum geo_kind kind,
    struct geo_stats *stats, char **error);
void geo_input_fini(struct geo_input *in);

#endif
