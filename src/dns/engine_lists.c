/* Questions: the lists that they are in, and the ids that their answers bear. */
#include <sys/queue.h>

#include "engine_parts.h"

void
engine_bucket_add(struct dns_engine *e, struct question *q, uint64_t deadline_ms)
{
	q->tick = deadline_ms / TICK_MS;
	if (q->tick <= e->tick)
		q->tick = e->tick + 1;
	TAILQ_INSERT_TAIL(&e->buckets[q->tick % NBUCKETS], q, link);
}

static struct question_list *
list_of(struct dns_engine *e, const struct question *q)
{
	switch (q->state) {
	case ST_READY:
		return &e->ready;
	case ST_TCP_WAIT:
		return &e->tcp_wait;
	default:
		return &e->buckets[q->tick % NBUCKETS];
	}
}

struct id *
engine_find_id(struct dns_engine *e, unsigned socket, uint16_t n)
{
	struct id *id;

	LIST_FOREACH (id, &e->ids[n % NID_LISTS], link)
		if (id->n == n && id->socket == socket)
			return id;
	return NULL;
}

static void
free_id(struct id *id)
{
	if (id->q != NULL)
		LIST_REMOVE(id, link);
	id->q = NULL;
}

void
engine_forget_ids(struct question *q)
{
	for (unsigned i = 0; i < MAX_IDS; i++)
		free_id(&q->ids[i]);
}

void
engine_leave_fresh(struct dns_engine *e, struct question *q)
{
	if (!q->fresh)
		return;
	TAILQ_REMOVE(&e->fresh, q, fresh_link);
	q->fresh = false;
	e->nfresh--;
}

void
engine_detach(struct dns_engine *e, struct question *q)
{
	TAILQ_REMOVE(list_of(e, q), q, link);
	engine_leave_fresh(e, q);
	if (q->state != ST_READY && q->state != ST_WAIT)
		e->outstanding--;
	if (q->tcp != NULL)
		dns_tcp_cancel(q->tcp);
	q->tcp = NULL;
}

void
engine_make_ready(struct dns_engine *e, struct question *q)
{
	engine_detach(e, q);
	q->state = ST_READY;
	TAILQ_INSERT_HEAD(&e->ready, q, link);
}

uint16_t
engine_take_id(struct dns_engine *e, struct question *q, unsigned socket)
{
	struct id *id = &q->ids[q->nids++ % MAX_IDS];
	uint16_t n;

	do {
		n = rng_u16(&e->rng);
	} while (engine_find_id(e, socket, n) != NULL);
	free_id(id);
	*id = (struct id){ .q = q, .socket = socket, .n = n };
	LIST_INSERT_HEAD(&e->ids[n % NID_LISTS], id, link);
	return n;
}

void
engine_drop_last_id(struct question *q)
{
	free_id(&q->ids[--q->nids % MAX_IDS]);
}
