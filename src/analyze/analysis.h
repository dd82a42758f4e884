/* One analysis on its way; shared by the files that do its parts. */
#ifndef ANALYZE_ANALYSIS_H
#define ANALYZE_ANALYSIS_H

#include "survey/analyze.h"
#include "survey/answers.h"
#include "survey/clusters.h"
#include "survey/cost.h"
#include "survey/output.h"

#include "read.h"

#define COSTS_MAX 32

struct analysis {
	const struct analyze_options *o;
	const char *rundir; /* that the input is, or NULL */
	char *records, *dir, *dns_file;
	char **countries;
	size_t ncountries;
	bool any_country;
	int lock;
	bool incomplete;

	struct geo_db *geo;
	struct intake in;
	struct answers *answers;
	struct clusters clusters;
	struct output_totals totals;
	struct cost costs[COSTS_MAX];
	size_t ncosts;
	struct cost_watch whole;
	char *dns_summary; /* JSON, or NULL when nothing was asked */
	char *summary;
};

/* A new row of the cost table. */
struct cost *analysis_cost(struct analysis *a, const char *name);
/* The rows that reading leaves. */
void analysis_cost_reading(struct analysis *a);

void analysis_add_country(struct analysis *a, const char *cc);
/* The countries that an earlier analysis noted in the run directory's run.json. */
void analysis_recall_countries(struct analysis *a);
char *analysis_countries_text(const struct analysis *a); /* "IE,GB" or "XX"; the caller frees */

/* ask.c: is there all that asking needs?  Ask.  Each returns 0 or an exit_status. */
int analysis_check_resolver(struct analysis *a);
int analysis_resolve(struct analysis *a);

/* tell.c: say what was found and what was wrong, and set a->incomplete. */
void analysis_report(struct analysis *a);
/* Put the summary into run.json.  Returns 0 or an exit_status. */
int analysis_keep(struct analysis *a);

#endif
