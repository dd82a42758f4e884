/*
 * A token bucket without a token: the generic cell rate algorithm, which
 * keeps one time per flow and so is small enough for one a network.
 *
 * Times are in nanoseconds of any clock that does not go back; the caller
 * passes them in, so nothing here waits or reads a clock.
 */
/* Layer: io */
#ifndef SURVEY_BUCKET_H
#define SURVEY_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	uint64_t step_ns; /* between two events at the full rate; 0 = no limit */
	uint64_t slack_ns; /* how far ahead of the rate a burst may run */
	uint64_t next_ns; /* when the next event is due */
};

/* rate in events a second, 0 = no limit; burst >= 1 events at once after a pause. */
void bucket_init(struct bucket *b, double rate, unsigned int burst);
/* Take one event now.  False, and nothing taken, when it is too early. */
bool bucket_take(struct bucket *b, uint64_t now_ns);
/* How long from now until bucket_take() will succeed; 0 = at once. */
uint64_t bucket_wait_ns(const struct bucket *b, uint64_t now_ns);

#endif
