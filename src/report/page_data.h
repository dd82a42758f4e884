/* What the report's script knows. */
#ifndef REPORT_PAGE_DATA_H
#define REPORT_PAGE_DATA_H

#include <stdint.h>

#include "survey/buf.h"
#include "survey/study.h"

/*
 * The hosts, keys and clusters as the JSON document that page.js reads.  flags: of each cluster, as
 * headline_flags() makes them.
 */
void page_data(const struct study *, const uint8_t *flags, struct buf *out);

#endif
