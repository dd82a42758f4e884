/* Facts that single a host of a copy out. */
#ifndef QUERY_ALIKE_H
#define QUERY_ALIKE_H

#include "survey/study.h"

/* A fact of a pseudonymous host is told when at least so many hosts look the same with it. */
#define ALIKE_HOSTS 5

/*
 * Make facts of pseudonymous hosts unknown (key types, versions, trust, verdicts on names)
 * where fewer hosts look the same: hosts of networks, clusters and keys of the same sizes, and with
 * the same facts.  So no fact makes a host linkable that was not so before.  For a
 * study that nobody has seen yet.
 */
void alike_hosts(struct study *st);

#endif
