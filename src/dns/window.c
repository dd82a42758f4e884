/* Pure. */
#include <string.h>

#include "window.h"

/*
 * Kernel memory that one answer takes while it waits: a packet of up to 1,232
 * bytes and its headers in a 2 kB buffer, and the sk_buff.
 */
#define ANSWER_TRUESIZE 2304
/* The same for a query, in the resolver's buffer. */
#define QUERY_TRUESIZE 768
#define START_MAX 1000
#define FEW 4 /* losses that say nothing yet */

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

void
window_init(struct window *w, unsigned rcvbuf, unsigned nsockets, unsigned limit)
{
	memset(w, 0, sizeof(*w));
	w->max = least(nsockets * (rcvbuf / ANSWER_TRUESIZE), limit);
	if (w->max == 0)
		w->max = 1;
	w->now = least(least(rcvbuf / QUERY_TRUESIZE, START_MAX), w->max);
	if (w->now == 0)
		w->now = 1;
	w->threshold = w->now;
}

void
window_sent(struct window *w, uint64_t now_ms)
{
	struct window_second *s = &w->seconds[now_ms / 1000 % WINDOW_SECONDS];

	if (s->second != now_ms / 1000)
		*s = (struct window_second){ .second = now_ms / 1000 };
	s->sent++;
}

/* Up to the window at the last loss quickly, then by one for each windowful of answers. */
void
window_answered(struct window *w)
{
	if (w->now >= w->max)
		return;
	if (w->now < w->threshold || ++w->credit >= w->now) {
		w->now++;
		w->credit = 0;
	}
}

void
window_lost(struct window *w, uint64_t sent_ms)
{
	struct window_second *s = &w->seconds[sent_ms / 1000 % WINDOW_SECONDS];

	if (s->second != sent_ms / 1000)
		return;
	s->lost++;
	if (s->shrunk || s->lost < FEW || s->lost * 10 <= s->sent || w->now <= WINDOW_MIN)
		return;
	s->shrunk = true;
	w->now = w->now / 2 > WINDOW_MIN ? w->now / 2 : WINDOW_MIN;
	w->threshold = w->now;
	w->credit = 0;
}

void
window_reopen(struct window *w)
{
	if (w->now <= WINDOW_MIN)
		return;
	w->threshold = w->now;
	w->now = WINDOW_MIN;
	w->credit = 0;
}
