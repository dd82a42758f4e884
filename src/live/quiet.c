/* Pure: the hours in which nothing is sent. */

#include "quiet.h"

bool
quiet_now(int from, int to, int minute)
{
	if (from == -1)
		return false;
	if (from <= to)
		return minute >= from && minute < to;
	return minute >= from || minute < to;
}
