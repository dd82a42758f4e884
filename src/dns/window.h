/*
 * How many questions may be on their way: a window that shrinks when a
 * resolver loses them and grows back as it answers.
 */
/* Layer: dns */
#ifndef DNS_WINDOW_H
#define DNS_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define WINDOW_MIN 100 /* what any resolver bears */
#define WINDOW_SECONDS 64 /* for which losses are attributed; more than any timeout */

struct window_second {
	uint64_t second;
	unsigned sent, lost;
	bool shrunk;
};

struct window {
	unsigned now, max;
	/* private */
	unsigned threshold, credit;
	struct window_second seconds[WINDOW_SECONDS];
};

/*
 * From the receive buffer that the kernel granted each of nsockets, in bytes.
 * max is at most limit; the start is also small enough for a burst to fit the
 * resolver's buffer, which the same kernel's limits cut to the size of ours.
 */
void window_init(struct window *w, unsigned rcvbuf, unsigned nsockets, unsigned limit);

/* Times are of one clock, in ms. */
void window_sent(struct window *w, uint64_t now_ms);
void window_answered(struct window *w);
/*
 * A question sent at sent_ms was not answered.  A few of a second's questions
 * are dead names; over a tenth is a resolver swamped, and halves the window,
 * once for each second.
 */
void window_lost(struct window *w, uint64_t sent_ms);
/* The resolver was away and is back: begin small, grow quickly. */
void window_reopen(struct window *w);

#endif
