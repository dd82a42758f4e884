/* Charts of the report, made from its tables. */
#ifndef REPORT_CHART_H
#define REPORT_CHART_H

#include "survey/picture.h"

#include "table.h"

/*
 * Level bars, one a row, at most max of them, of columns 1 (in clusters,
 * solid) and 2 (outside, pale) of a split table.  Returns false when there is nothing to draw.
 */
bool chart_bars(struct picture *, const struct table *, const char *title, size_t max);

/* Steps that each leave a part of the one before, on a logarithmic scale. */
bool chart_funnel(struct picture *, const struct table *, const char *title);

/* Cluster sizes against their number, both axes logarithmic. */
bool chart_sizes(struct picture *, const struct table *, const char *title);

#endif
