/* The record of a host: its line of records.fresh. */
#ifndef GRAB_RECORD_TEXT_H
#define GRAB_RECORD_TEXT_H

#include <stdbool.h>

#include "survey/geodb.h"
#include "survey/jsonw.h"

#include "flight.h"
#include "modules.h"

/*
 * Append the line to w.  Each port that was asked has ZGrab2's own objects, by
 * module; or a text that says so where none of them came.  origin may be
 * NULL.  drop_secrets: without the secrets of our own sessions (secrets.h).
 */
void record_text(struct jsonw *w, const struct flight *f, const struct modules *modules,
    const struct geo_info *origin, bool drop_secrets);

#endif
