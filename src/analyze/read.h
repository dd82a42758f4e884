/* Reading records: hosts, what is refused, what takes no part. */
#ifndef ANALYZE_READ_H
#define ANALYZE_READ_H

#include <time.h>

#include "survey/cost.h"
#include "survey/geodb.h"
#include "survey/raw_lines.h"
#include "survey/record.h"
#include "survey/study_builder.h"

#include "bad_lines.h"

struct record_reading {
	const char *source; /* name of the file for records.bad */
	const char *const *countries;
	size_t ncountries; /* 0: any */
	const struct geo_db *geo; /* or NULL */

	struct study_builder *builder;
	struct record_counts counts;
	struct cost merging, lookups;
	struct raw_lines raw;
	struct bad_lines bad;
	time_t told; /* when progress was last told */
	char *error; /* of writing; NULL unless that failed */
};

/* Open what is written on the way, in dir.  Returns 0, or -1 with r->error set. */
int record_reading_open(struct record_reading *r, const char *dir);
void record_reading_close(struct record_reading *r);

/* Read it all.  Returns as record_read(), with r->error set when writing failed. */
int record_reading_run(
    struct record_reading *r, const char *path, const struct record_options *o, char **error);
/* Decide who takes part.  Returns 0, or -1 with r->error set. */
int record_reading_end(struct record_reading *r);

#endif
