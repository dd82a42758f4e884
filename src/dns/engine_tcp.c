/* What does not fit into a packet is asked again over TCP. */
#include <sys/queue.h>

#include "engine_parts.h"

#define TCP_MAX 32 /* connections at a time */

static void
on_tcp_gone(void *arg)
{
	struct dns_engine *e = arg;

	e->ntcp--;
	engine_handle_gone(e);
}

static void
on_tcp_answer(const uint8_t *msg, size_t len, void *arg)
{
	struct question *q = arg;
	struct dns_engine *e = q->e;
	enum wire_status status;

	q->tcp = NULL;
	if (msg == NULL) {
		engine_fail_or_retry(e, q);
		return;
	}
	status = wire_parse(&e->result, msg, len, q->tcp_id, q->name, q->type);
	if (status != WIRE_ANSWER) {
		e->stats.rejected[status]++;
		engine_fail_or_retry(e, q);
		return;
	}
	engine_heard(e);
	engine_take_answer(e, q, &e->result);
}

static void
tcp_start(struct dns_engine *e, struct question *q)
{
	uint8_t query[WIRE_QUERY_MAX];
	size_t len;

	TAILQ_REMOVE(&e->tcp_wait, q, link);
	q->state = ST_TCP;
	q->tries++;
	engine_bucket_add(e, q, uv_now(e->loop) + engine_timeout(e, q));
	e->ntcp++;
	e->nhandles++;
	e->stats.tcp++;
	q->tcp_id = rng_u16(&e->rng);
	len = wire_query(query, q->tcp_id, q->name, q->type);
	q->tcp = dns_tcp_ask(e->loop, e->cfg.outside, &e->cfg.ip, e->cfg.port, query, len,
	    on_tcp_answer, q, on_tcp_gone, e);
}

void
engine_pump_tcp(struct dns_engine *e)
{
	struct question *q;

	while (!e->held && e->ntcp < TCP_MAX && (q = TAILQ_FIRST(&e->tcp_wait)) != NULL)
		tcp_start(e, q);
}

void
engine_ask_over_tcp(struct dns_engine *e, struct question *q)
{
	engine_detach(e, q);
	engine_forget_ids(q);
	q->state = ST_TCP_WAIT;
	q->tries--; /* it was answered, if not in full */
	e->outstanding++;
	TAILQ_INSERT_TAIL(&e->tcp_wait, q, link);
	engine_pump_tcp(e);
}
