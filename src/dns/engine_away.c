/* A resolver that is away: its port is closed, or nothing is heard of it. */
#include <stdlib.h>
#include <sys/queue.h>

#include "engine_parts.h"

#define PROBE_MIN_MS 100
#define PROBE_MAX_MS 2000

/* The resolver's port is closed.  What is on its way is lost: take it back, at no one's cost. */
void
engine_go_down(struct dns_engine *e)
{
	struct question *q, *next;

	if (!e->down) {
		e->down = true;
		e->stats.down++;
		e->probe_wait_ms = PROBE_MIN_MS;
	} else if (e->probe_wait_ms < PROBE_MAX_MS) {
		e->probe_wait_ms *= 2;
	}
	e->probed_ms = 0;
	e->probe_ms = uv_now(e->loop) + e->probe_wait_ms;
	for (size_t i = 0; i < NBUCKETS; i++) {
		for (q = TAILQ_FIRST(&e->buckets[i]); q != NULL; q = next) {
			next = TAILQ_NEXT(q, link);
			if (q->state != ST_UDP)
				continue;
			q->tries--;
			engine_forget_ids(q);
			engine_make_ready(e, q);
		}
	}
}

void
engine_go_up(struct dns_engine *e)
{
	if (!e->down)
		return;
	e->down = false;
	window_reopen(&e->window);
}

void
engine_heard(struct dns_engine *e)
{
	e->heard_ms = uv_now(e->loop);
	e->dead = false;
}

/* Nothing has been heard for too long: there is no resolver. */
void
engine_give_up(struct dns_engine *e)
{
	struct question_list all = TAILQ_HEAD_INITIALIZER(all);
	struct question *q, *next;

	for (size_t i = 0; i < NBUCKETS; i++)
		for (q = TAILQ_FIRST(&e->buckets[i]); q != NULL; q = next) {
			next = TAILQ_NEXT(q, link);
			engine_make_ready(e, q);
		}
	while ((q = TAILQ_FIRST(&e->tcp_wait)) != NULL)
		engine_make_ready(e, q);
	e->stats.given_up++;
	e->stats.given_up_ms = uv_now(e->loop) - e->heard_ms;
	/* Only those that are here now: a callback may ask new ones, which get their own chance. */
	TAILQ_CONCAT(&all, &e->ready, link);
	while ((q = TAILQ_FIRST(&all)) != NULL) {
		TAILQ_REMOVE(&all, q, link);
		if (e->closing) {
			free(q);
			continue;
		}
		TAILQ_INSERT_HEAD(&e->ready, q, link);
		engine_finish(e, q, NULL, DNS_TIMEOUT);
	}
	e->heard_ms = uv_now(e->loop);
	e->dead = true;
}

/*
 * What comes after a resolver was given up waits for a try, until there is a
 * sign of life; and a port that is closed need not be waited for like a silent one.
 */
uint64_t
engine_patience(const struct dns_engine *e)
{
	uint64_t ms = e->cfg.silence_ms;

	if (e->dead && e->cfg.timeout_ms < ms)
		ms = e->cfg.timeout_ms;
	if (e->down && e->cfg.closed_ms != 0 && e->cfg.closed_ms < ms)
		ms = e->cfg.closed_ms;
	return ms;
}
