/*
 * The times of a run after which no canary has answered: what was asked then may
 * have reached nobody, so its records do not count when the run goes on later.
 */
#ifndef LIVE_UNHEARD_H
#define LIVE_UNHEARD_H

#include <stdbool.h>
#include <stdint.h>

#include "survey/rundir.h"

/* A canary has answered that was asked at `from`: what comes since then is not known.  Seconds of the epoch. */
void unheard_since(struct manifest_canaries *c, int64_t from);
/* Nobody was asked after `to`, and what was asked before it stays unheard. */
void unheard_until(struct manifest_canaries *c, int64_t to);
/* Was a host that was asked then asked in vain, for all that is known? */
bool unheard_at(const struct manifest_canaries *c, int64_t then);

#endif
