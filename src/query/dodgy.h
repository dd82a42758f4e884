/* The records in a dodgy.json, put aside for another one. */
#ifndef QUERY_DODGY_H
#define QUERY_DODGY_H

#include "survey/raw_lines.h"

/*
 * The file of the directory dir has n entries, one for each host of its study that takes no part, in their order. hosts: which
 * host of the new study each is, or STUDY_NONE.  Returns 0, or -1 with errno set; EINVAL: the file has
 * other entries.
 */
int dodgy_entries(struct raw_lines *raw, const char *dir, const uint32_t *hosts, size_t n);

#endif
