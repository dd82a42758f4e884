/* Listeners of our own, asked every few minutes whether our packets reach them. */
#ifndef LIVE_CANARIES_H
#define LIVE_CANARIES_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "survey/ip.h"
#include "survey/outside.h"

struct canaries_options {
	const struct ip *ip; /* n of them, borrowed */
	unsigned n;
	uint16_t port;
	struct ip source; /* to connect from; family 0: the kernel's choice */
	const struct outside *outside; /* that may connect to them; NULL: we do */
	uint64_t interval_ms;
	/* All are about to be asked; what it returns is given to on_asked(). */
	uint64_t (*on_asking)(void *arg);
	/* All were asked: so many took the connection and sent something. */
	void (*on_asked)(unsigned answered, uint64_t mark, void *arg);
	void *arg;
};

struct canaries;

/* The first round begins with the loop's next turn. */
struct canaries *canaries_new(uv_loop_t *loop, const struct canaries_options *o);
/* Ask now; when a round is under way, once more right after it. */
void canaries_ask(struct canaries *c);
/* Ask nobody for a while (quiet hours).  What comes afterwards begins with a round. */
void canaries_pause(struct canaries *c, bool pause);
/* No callback follows; the memory is given back by the loop.  NULL is fine. */
void canaries_close(struct canaries *c);

#endif
