#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "survey/log.h"
#include "survey/mem.h"

#include "canaries.h"

#define ANSWER_MS 10000 /* for connection and greeting; less when they are asked more often */

struct canary {
	struct canaries *all;
	uv_poll_t poll;
	int fd; /* -1: not being asked */
	bool has_poll; /* it is initialised, or closing */
	bool answered;
};

struct canaries {
	struct canaries_options o;
	uv_loop_t *loop;
	uv_timer_t next, limit; /* the next round; the end of this one */
	struct canary *canary;
	unsigned nasked; /* of this round, without outcome yet */
	unsigned nopen; /* handles */
	uint64_t mark, began_ms;
	bool asking, again, paused, closing;
};

static void start_round(struct canaries *c);

static void
free_if_closed(struct canaries *c)
{
	if (!c->closing || c->nopen > 0)
		return;
	free(c->canary);
	free(c);
}

static void
on_timer_closed(uv_handle_t *h)
{
	struct canaries *c = h->data;

	c->nopen--;
	free_if_closed(c);
}

static void
on_next(uv_timer_t *t)
{
	start_round(t->data);
}

static void
end_round(struct canaries *c)
{
	uint64_t took = uv_now(c->loop) - c->began_ms;
	unsigned answered = 0;

	for (unsigned i = 0; i < c->o.n; i++)
		answered += c->canary[i].answered;
	c->asking = false;
	uv_timer_stop(&c->limit);
	uv_timer_start(&c->next, on_next,
	    c->again		      ? 0
	    : took < c->o.interval_ms ? c->o.interval_ms - took
				      : 0,
	    0);
	c->again = false;
	if (!c->paused) /* what was asked before they began says nothing of the hours after them */
		c->o.on_asked(answered, c->mark, c->o.arg);
}

/* The poll handle has gone: its socket may go, too. */
static void
on_poll_closed(uv_handle_t *h)
{
	struct canary *y = h->data;
	struct canaries *c = y->all;

	close(y->fd);
	y->fd = -1;
	y->has_poll = false;
	c->nopen--;
	c->nasked--;
	if (c->closing)
		free_if_closed(c);
	else if (c->nasked == 0)
		end_round(c);
}

static void
forget(struct canary *y)
{
	if (y->has_poll && !uv_is_closing((uv_handle_t *)&y->poll))
		uv_close((uv_handle_t *)&y->poll, on_poll_closed);
}

static void
on_ready(uv_poll_t *h, int status, int events)
{
	struct canary *y = h->data;
	int error = 0;
	socklen_t len = sizeof(error);
	char greeting[512];

	if (status < 0 || getsockopt(y->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1 ||
	    error != 0) {
		forget(y);
		return;
	}
	if ((events & UV_READABLE) == 0) { /* connected: it is the listener's turn */
		uv_poll_start(h, UV_READABLE, on_ready);
		return;
	}
	y->answered = recv(y->fd, greeting, sizeof(greeting), 0) > 0;
	if (!y->answered && (errno == EAGAIN || errno == EINTR))
		return;
	forget(y);
}

static void
on_limit(uv_timer_t *t)
{
	struct canaries *c = t->data;

	for (unsigned i = 0; i < c->o.n; i++)
		forget(&c->canary[i]);
}

/* Returns false when nothing was begun. */
static bool
ask(struct canaries *c, struct canary *y, const struct ip *ip)
{
	y->answered = false;
	y->fd = outside_connect_from(c->o.outside, SOCK_STREAM, ip, c->o.port, &c->o.source);
	if (y->fd == -1)
		return false;
	if (uv_poll_init(c->loop, &y->poll, y->fd) != 0) {
		close(y->fd);
		y->fd = -1;
		return false;
	}
	y->poll.data = y;
	y->has_poll = true;
	c->nopen++;
	c->nasked++;
	uv_poll_start(&y->poll, UV_READABLE | UV_WRITABLE, on_ready);
	return true;
}

static void
start_round(struct canaries *c)
{
	uint64_t limit = c->o.interval_ms < ANSWER_MS ? c->o.interval_ms : ANSWER_MS;
	bool any = false;

	if (c->paused || c->closing)
		return;
	c->asking = true;
	c->began_ms = uv_now(c->loop);
	c->mark = c->o.on_asking(c->o.arg);
	for (unsigned i = 0; i < c->o.n; i++) {
		if (ask(c, &c->canary[i], &c->o.ip[i]))
			any = true;
	}
	if (any)
		uv_timer_start(&c->limit, on_limit, limit, 0);
	else
		end_round(c);
}

struct canaries *
canaries_new(uv_loop_t *loop, const struct canaries_options *o)
{
	struct canaries *c = xcalloc(1, sizeof(*c));

	c->o = *o;
	c->loop = loop;
	c->canary = xcalloc(o->n, sizeof(*c->canary));
	for (unsigned i = 0; i < o->n; i++)
		c->canary[i] = (struct canary){ .all = c, .fd = -1 };
	uv_timer_init(loop, &c->next);
	uv_timer_init(loop, &c->limit);
	c->next.data = c->limit.data = c;
	c->nopen = 2;
	uv_timer_start(&c->next, on_next, 0, 0);
	return c;
}

void
canaries_ask(struct canaries *c)
{
	if (c->asking)
		c->again = true;
	else
		uv_timer_start(&c->next, on_next, 0, 0);
}

void
canaries_pause(struct canaries *c, bool pause)
{
	if (c->paused == pause)
		return;
	c->paused = pause;
	if (pause)
		uv_timer_stop(&c->next);
	else
		canaries_ask(c);
}

void
canaries_close(struct canaries *c)
{
	if (c == NULL || c->closing)
		return;
	c->closing = true;
	uv_close((uv_handle_t *)&c->next, on_timer_closed);
	uv_close((uv_handle_t *)&c->limit, on_timer_closed);
	for (unsigned i = 0; i < c->o.n; i++)
		forget(&c->canary[i]);
}
