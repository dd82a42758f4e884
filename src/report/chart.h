/* Charts of the report, made from its tables. */
#ifndef REPORT_CHART_H
#define REPORT_CHART_H

#include "survey/picture.h"

#include "table.h"

/*
 * Level bars, one a row, at most max of them.  Without parts the length is
 * column 0; with parts it is columns 1 (in clusters, solid) and 2 (outside,
 * pale) of a split table.  Returns false when there is nothing to draw.
 */
bool chart_bars(struct picture *, const struct table *, const char *title, size_t max, bool parts);

/* Cluster sizes against their number, both axes logarithmic. */
bool chart_sizes(struct picture *, const struct table *, const char *title);

#endif
