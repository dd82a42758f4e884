#ifndef STORE_IMPORT_H
#define STORE_IMPORT_H

#include "survey/study.h"

/*
 * A study from files that are no survey.db of this schema: a directory with clusters.json and
 * its companions, an older anonymised copy, a lone collisions.json (old or
 * ours).  Returns NULL after a message.
 */
struct study *study_import(const char *path);

#endif
