#ifndef CLUSTER_PARTNERS_H
#define CLUSTER_PARTNERS_H

#include "survey/clusters.h"

/* Fill in c->partners; all else of c is there. */
void partners_count(struct clusters *c);

#endif
