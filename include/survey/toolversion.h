/* The tools that survey drives, and what they tell of themselves. */
/* Layer: io */
#ifndef SURVEY_TOOLVERSION_H
#define SURVEY_TOOLVERSION_H

#include <stdio.h>
#include <uv.h>

/*
 * "2.1.1", what zmap, zgrab2, unbound or stubby, as name says, at
 * path tells of itself; NULL when it does not.  zgrab2 is read, the others are
 * run.  The caller frees.
 */
char *tool_version(uv_loop_t *loop, const char *name, const char *path);

/* All of them with their versions and paths, as --version has them. */
void tools_print(FILE *out);

#endif
