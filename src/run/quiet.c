/* Pure: the hours in which nothing is sent. */
#include <stdio.h>

#include "quiet.h"

bool
quiet_now(const char *hours, int minute)
{
	int h1, m1, h2, m2, from, to;

	if (sscanf(hours, "%d:%d-%d:%d", &h1, &m1, &h2, &m2) != 4)
		return false;
	from = h1 * 60 + m1;
	to = h2 * 60 + m2;
	if (from <= to)
		return minute >= from && minute < to;
	return minute >= from || minute < to;
}
