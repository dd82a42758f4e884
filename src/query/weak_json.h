#ifndef QUERY_WEAK_JSON_H
#define QUERY_WEAK_JSON_H

#include <stdio.h>

#include "survey/study.h"

/*
 * st->findings as weak.json: checks, lists, one weak key a line with its findings and
 * places, and the groups of keys that belong together.  No 64 hex digits stand in it but the
 * fingerprints of weak keys.  Returns 0, or -1 with errno set.
 */
int weak_json_write(const struct study *st, FILE *f);

#endif
