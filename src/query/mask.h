/*
 * What a copy shows of each host: all of it, a coarse pseudonymous row, or nothing.
 * docs/formats.md has the table.
 */
#ifndef QUERY_MASK_H
#define QUERY_MASK_H

#include <stdbool.h>
#include <stdint.h>

#include "survey/pseudonym.h"
#include "survey/study.h"

#include "kept.h"

/* Hosts of ASes with fewer hosts are of "small networks". */
#define MASK_SMALL_AS 50

/*
 * The study of a copy.  Without kept ASes it has every host that takes part as a
 * pseudonym.  With them it has their hosts as they are; of the others only
 * study->others, or with trust pseudonyms of those in clusters with kept
 * hosts.  key: of the pseudonyms of this run directory.  host_of gets by host of the
 * copy its number in st; the caller frees both.
 */
struct study *mask_study(const struct study *st, const struct kept *kept, bool trust,
    const unsigned char key[PSEUDONYM_KEY], uint32_t **host_of);

#endif
