/* What an anonymised copy with --keep-as tells of the hosts that are not kept. */
#ifndef QUERY_KEPT_H
#define QUERY_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/study.h"

struct kept {
	const uint32_t *asns;
	size_t n;
};

/* Is the host one that takes part, of an AS that is kept? */
bool kept_host(const struct kept *, const struct study *, uint32_t host);
/* The first of the ASes that no such host is in, or 0. */
uint32_t kept_missing(const struct kept *, const struct study *);
/*
 * Write others.json into dir: of each cluster with kept hosts how many others
 * share keys there, in how many ASes, on which ports; of other clusters sizes.
 * Returns 0, or -1 with errno set.
 */
int kept_write_others(const struct kept *, const struct study *, const char *dir);

#endif
