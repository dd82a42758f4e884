/* survey impact: what is told. */
#ifndef QUERY_IMPACT_PRINT_H
#define QUERY_IMPACT_PRINT_H

#include "survey/impact.h"
#include "survey/print.h"

struct buf;

void impact_print(struct impact *x, enum print_format format, bool colour, struct buf *out);

#endif
