/* Result files without records to read: those of dodgy.json come from another one, or it is left out. */
#ifndef QUERY_DODGY_H
#define QUERY_DODGY_H

#include "survey/output.h"
#include "survey/raw_lines.h"

/*
 * The file of the directory dir has n entries, one for each host of its study that takes no part, in their order. hosts: which
 * host of the new study each is, or STUDY_NONE.  Returns 0, or -1 with errno set; EINVAL: the file has
 * other entries.
 */
int dodgy_entries(struct raw_lines *raw, const char *dir, const uint32_t *hosts, size_t n);

/*
 * output_write() of all files; without: but dodgy.json.  o->only is set here.  Returns an exit
 * status, after a message when it is EXIT_FAILED.
 */
int dodgy_write_results(
    const struct study *st, const char *dir, struct output_options *o, bool without);

#endif
