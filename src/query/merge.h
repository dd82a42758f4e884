/* A merge on its way; shared by the files that do its parts. */
#ifndef QUERY_MERGE_H
#define QUERY_MERGE_H

#include "survey/answers.h"
#include "survey/buf.h"
#include "survey/merge.h"
#include "survey/raw_lines.h"
#include "survey/rundir.h"
#include "survey/study_builder.h"

/* How the records of a run are kept. */
enum merge_records { RECORDS_NONE, RECORDS_PLAIN, RECORDS_GZIP, RECORDS_ZSTD };

struct merge_source {
	char *path; /* absolute */
	struct manifest m; /* empty without a run.json */
	int lock; /* -1: it could not be taken */
	dev_t dev;
	ino_t ino;
	enum merge_records records;
	uint32_t run0, nruns; /* its runs in m->runs */
	uint64_t lines; /* of its records, blank ones included */
	uint64_t hosts;
};

/* A row of a table `runs`. */
struct merge_run {
	size_t source;
	char *name, *config_sha256, *tools, *countries, *lists_sha256; /* NULL: unknown */
	uint64_t seed;
	uint32_t shard, shards; /* 0 of 0: no scan is known */
	int64_t when; /* when it ended, or began, or TIME_UNKNOWN */
	uint32_t scan; /* number of the first run of the same scan */
};

struct merge {
	const struct merge_options *o;
	struct merge_source *sources;
	size_t nsources;
	struct merge_run *runs;
	uint32_t nruns;
	int64_t *scan_when; /* by scan: the last time of its runs */
	bool incomplete;
	struct buf why; /* the result is not what it should be: sentences */
	size_t nfaults;

	char **countries; /* of all runs; none: any */
	size_t ncountries;
	bool any_country;

	struct study_builder *builder;
	struct answers *answers;
	const struct answer **outdone; /* answers that a later source has an older one for */
	size_t noutdone, cap_outdone;
	struct raw_lines raw;
	bool no_dodgy; /* dodgy.json cannot be made */
	bool join; /* records and the like are joined */

	struct study *study;
	const char *made; /* the directory in the making */
	bool installed; /* it has taken its place */
	struct outfile *files; /* what appears with the results */
	struct outfile *file_list[10];
	size_t nfiles;
};

/* merge_check.c: open the sources; do they belong together?  Returns 0 or an exit_status after a message. */
int merge_check(struct merge *m);
/* merge_study.c: one study of all.  Likewise. */
int merge_study(struct merge *m);
/* merge_files.c.  Were all runs made by one config? */
bool merge_one_config(const struct merge *m);
/* The other files, whole but for their names.  Returns 0, or -1 with a message in *error. */
int merge_files(struct merge *m, char **error);
/* A file of the result, open under its temporary name; it appears with the results.  NULL with errno set. */
struct outfile *merge_begin_file(struct merge *m, const char *name);
/* merge_records.c.  All runs have records.  Likewise. */
int merge_records(struct merge *m, char **error);
/*
 * Add to n how many bytes those of a source take in the joined file once it is unpacked; reads
 * all of them.  Returns 0, or -1 with a message in *error.
 */
int merge_records_bytes(const struct merge *m, size_t source, uint64_t *n, char **error);

#endif
