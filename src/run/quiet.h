#ifndef RUN_QUIET_H
#define RUN_QUIET_H

#include <stdbool.h>

/*
 * Is minute of the day (0 to 1439) within hours, "HH:MM-HH:MM", which may
 * span midnight?  "" and anything else that is no such text has no minutes.
 */
bool quiet_now(const char *hours, int minute);

#endif
