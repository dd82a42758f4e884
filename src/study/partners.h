#ifndef STUDY_PARTNERS_H
#define STUDY_PARTNERS_H

#include "survey/pairs.h"

/* Fill in p->partners; all else of p is there. */
void partners_count(struct pairs *p);

#endif
