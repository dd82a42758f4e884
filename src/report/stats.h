/* The figures of a study, as tables. */
#ifndef REPORT_STATS_H
#define REPORT_STATS_H

#include "survey/study.h"

#include "runinfo.h"
#include "table.h"

/* Fills ts (initialised) with every table; what is not known is a missing cell. */
void stats_tables(struct tables *ts, const struct study *, const struct runinfo *);

#endif
