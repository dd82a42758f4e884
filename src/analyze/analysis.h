/* One analysis on its way; shared by the files that do its parts. */
#ifndef ANALYZE_ANALYSIS_H
#define ANALYZE_ANALYSIS_H

#include "survey/analyze.h"
#include "survey/answers.h"
#include "survey/cost.h"
#include "survey/dns.h"
#include "survey/output.h"
#include "survey/rundir.h"
#include "survey/sandbox.h"
#include "survey/study.h"

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
	struct record_reading in;
	struct answers *answers;
	struct study *study;
	struct cost costs[COSTS_MAX];
	size_t ncosts;
	struct cost_watch whole;
	struct cost output_costs[OUTPUT_COSTS_MAX];
	size_t noutput_costs;
	struct manifest run; /* of rundir; run.created is 0 when there is none */
	struct outfile run_json;
	struct outfile *files[2]; /* that appear with the results */
	char *tools; /* names and versions, for the study's run */
	struct resolver *resolver; /* that will be asked, or NULL */
	struct outside outside; /* broker.fd -1: there is none */
	struct sandbox_state sandbox;
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

/* ask.c: make the resolver ready, if one is wanted.  Ask.  Each returns 0 or an exit_status after a message. */
int analysis_make_resolver(struct analysis *a);
int analysis_resolve(struct analysis *a);

/* tell.c: what run.json tells of the run that the records are of; texts are a's. */
void analysis_run_facts(struct analysis *a, struct study_run_facts *f);
/* The `analysis` object of run.json, and whether anything is incomplete. */
void analysis_summarise(struct analysis *a);
/* A run.json with it, whole but for its name.  Returns 0, or -1 with errno set. */
int analysis_run_json(struct analysis *a, struct outfile *out);
/* Say what was found and what was wrong. */
void analysis_report(struct analysis *a);

#endif
