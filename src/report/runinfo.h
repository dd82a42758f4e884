/* What run.json tells of a run; every field may be missing. */
#ifndef REPORT_RUNINFO_H
#define REPORT_RUNINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/port.h"

struct runinfo_pair {
	char *name, *value;
};

struct runinfo {
	bool there; /* run.json was read */
	bool anonymised;
	char *name, *state, *created, *ended;
	char *why; /* a sentence on its state, as the run left it; NULL: there is nothing to say */
	/* UINT64_MAX: not told */
	uint64_t targets, probed, hits, out_of_country, refused, opted_out, records, given_up;
	uint64_t no_key, wrong_country, no_country; /* hosts that take no part, and why */
	uint64_t lines_refused;
	uint64_t asked[NPORTS], answered[NPORTS]; /* hosts, by row of port_table */
	char *scan_date, *dns;
	double rate_pps, rate_hosts; /* 0: not told */
	struct runinfo_pair *versions;
	size_t nversions;
	struct runinfo_pair *stages; /* name, "done in 12.3 s" */
	size_t nstages;
};

#define RUNINFO_UNKNOWN UINT64_MAX

/* Reads DIR/run.json; a file that is missing or no JSON leaves everything untold. */
void runinfo_read(struct runinfo *, const char *path);
void runinfo_fini(struct runinfo *);
/* Forget a stage. */
void runinfo_drop_stage(struct runinfo *, const char *name);
/* Does it tell of a survey, not of an analysis of records alone? */
bool runinfo_tells_scan(const struct runinfo *);

#endif
