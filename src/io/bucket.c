#include "survey/bucket.h"

void
bucket_init(struct bucket *b, double rate, unsigned int burst)
{
	b->step_ns = rate > 0 ? (uint64_t)(1e9 / rate) : 0;
	if (rate > 0 && b->step_ns == 0)
		b->step_ns = 1;
	b->slack_ns = burst > 1 ? (burst - 1) * b->step_ns : 0;
	b->next_ns = 0;
}

uint64_t
bucket_wait_ns(const struct bucket *b, uint64_t now_ns)
{
	if (b->next_ns <= b->slack_ns || now_ns >= b->next_ns - b->slack_ns)
		return 0;
	return b->next_ns - b->slack_ns - now_ns;
}

bool
bucket_take(struct bucket *b, uint64_t now_ns)
{
	if (bucket_wait_ns(b, now_ns) > 0)
		return false;
	if (b->next_ns < now_ns)
		b->next_ns = now_ns; /* unused time is not saved up beyond the burst */
	b->next_ns += b->step_ns;
	return true;
}
