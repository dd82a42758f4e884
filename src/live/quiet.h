#ifndef LIVE_QUIET_H
#define LIVE_QUIET_H

#include <stdbool.h>

/*
 * Is minute of the day (0 to 1439) within from..to (minutes, to not included),
 * which may span midnight?  from -1 has no minutes.
 */
bool quiet_now(int from, int to, int minute);

#endif
