/* Reading records: hosts, what is refused, what takes no part. */
#ifndef ANALYZE_INTAKE_H
#define ANALYZE_INTAKE_H

#include <signal.h>

#include "survey/buf.h"
#include "survey/cost.h"
#include "survey/file.h"
#include "survey/geodb.h"
#include "survey/hostset.h"
#include "survey/output.h"
#include "survey/record.h"

#define INTAKE_STOPPED 1

struct intake {
	const char *source; /* name of the file for records.bad */
	const char *const *countries;
	size_t ncountries; /* 0: any */
	const struct geo_db *geo; /* or NULL */
	const volatile sig_atomic_t *stop; /* set: reading ends with INTAKE_STOPPED */

	struct hostset set;
	struct record_counts counts;
	struct cost merging, lookups;

	int lines_fd; /* lines of hosts that may take no part */
	struct output_line *lines;
	size_t nlines, lines_cap;
	uint32_t *first_line, *last_line; /* by host: number plus one */
	size_t first_cap, last_cap;
	struct buf spool;
	uint64_t spool_at;

	struct outfile bad;
	bool bad_open;
	time_t told; /* when progress was last told */
	char *error; /* of writing; NULL unless that failed */
};

/* Open what is written on the way, in dir.  Returns 0, or -1 with in->error set. */
int intake_init(struct intake *in, const char *dir);
void intake_fini(struct intake *in);

/* Read it all.  Returns as record_read(), with in->error set when writing failed; or INTAKE_STOPPED. */
int intake_read(struct intake *in, const char *path, const struct record_options *o, char **error);
/* Decide who takes part.  Returns 0, or -1 with in->error set. */
int intake_finish(struct intake *in);
/* Give records.bad its name: last, when the results have theirs.  Returns likewise. */
int intake_commit(struct intake *in);

#endif
