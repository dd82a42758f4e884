/* The figures of a study, as tables. */
#ifndef REPORT_STATS_H
#define REPORT_STATS_H

#include "survey/study.h"

#include "runinfo.h"
#include "table.h"

/* What report and statistics want of a study. */
#define STATS_PARTS                                                                               \
	((unsigned)(STUDY_CLUSTERED | STUDY_OTHERS | STUDY_FACTS | STUDY_NAMES | STUDY_FINDINGS | \
		    STUDY_MAIL))

/* Of a grab: the length of its RSA key, or 0; else its curve or algorithm, or NULL. */
uint32_t stats_rsa_bits(const struct study *, const struct study_grab *);
const char *stats_algorithm(const struct study *, const struct study_grab *);
/* The certificate of a grab, or NULL. */
const struct study_cert *stats_cert(const struct study *, const struct study_grab *);

/* What the table of clusters tells of n clusters of one study together. */
void stats_cluster_row(struct row *, const struct study *, const uint32_t *clusters, size_t n);

/*
 * Make the rows of the tables of clusters of n runs anew, so that those of one label are the
 * same cluster: matched as `survey compare` does it, never by number.
 */
void stats_match(struct tables *runs, struct study *const *st, size_t n);

/*
 * Fills ts (initialised) with every table; what is not known is a missing cell.  all: tables
 * that otherwise show the largest only, and long lists of labels, are whole.
 */
void stats_tables(struct tables *ts, const struct study *, const struct runinfo *, bool all);

#endif
