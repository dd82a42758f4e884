#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "engine_parts.h"
#include "survey/mem.h"

#define SLOW_MS 1000 /* after this a question no longer fills the window */
#define BURST 64 /* packets sent between two looks at the answers */
#define TIMEOUT_MAX 10000
#define LISTENS_MS 250 /* a probe not refused for so long: the resolver is back */

void
dns_engine_defaults(struct dns_engine_config *c)
{
	memset(c, 0, sizeof(*c));
	c->outstanding = 4000;
	c->rcvbuf = 4 << 20;
	c->timeout_ms = 5000;
	c->tries = 4;
	c->failures = 1;
	c->failure_ms = 5200; /* Unbound serves a cached SERVFAIL for five seconds */
	c->final_ms = 3000;
	c->silence_ms = 60000;
}

/* ms and up to 30 % more: questions that failed together are not asked again together. */
static uint64_t
jitter(struct dns_engine *e, uint64_t ms)
{
	return ms + ms * 30 / 100 * rng_u16(&e->rng) / 65536;
}

/* Extended errors of a validator: RFC 8914, 4.6 to 4.13 and the later ones for signatures. */
bool
dns_is_bogus(enum dns_outcome outcome, int ede)
{
	return outcome == DNS_SERVFAIL &&
	       (ede == 1 || ede == 2 || (ede >= 5 && ede <= 12) || ede == 25 || ede == 27);
}

void
engine_finish(
    struct dns_engine *e, struct question *q, const struct wire_result *r, enum dns_outcome outcome)
{
	uint64_t ms = q->first_ms == 0 ? 0 : uv_now(e->loop) - q->first_ms;
	struct answer a = {
		.name = q->name,
		.type = q->type,
		.outcome = outcome,
		.at = q->at != 0 ? q->at : (int64_t)time(NULL),
		.ms = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms,
		.ede = DNS_EDE_NONE,
	};

	if (r != NULL)
		wire_result_answer(r, &a);
	engine_detach(e, q);
	engine_forget_ids(q);
	e->pending--;
	e->stats.questions++;
	e->stats.outcomes[a.outcome]++;
	if (dns_is_bogus(a.outcome, a.ede))
		e->stats.bogus++;
	latency_add(&e->stats.latency, a.ms);
	q->fn(&a, q->arg);
	free(q);
}

uint64_t
engine_timeout(struct dns_engine *e, const struct question *q)
{
	uint64_t ms = e->cfg.timeout_ms;

	for (unsigned i = 1; i < q->tries && ms < TIMEOUT_MAX; i++)
		ms += ms / 2;
	if (ms > TIMEOUT_MAX && TIMEOUT_MAX > e->cfg.timeout_ms)
		ms = TIMEOUT_MAX;
	return jitter(e, ms);
}

static void
mark_sent(struct dns_engine *e, struct question *q)
{
	uint64_t now = uv_now(e->loop);

	TAILQ_REMOVE(&e->ready, q, link);
	q->state = ST_UDP;
	e->outstanding++;
	if (q->tries + q->failures > 0)
		e->stats.retries++;
	if (q->first_ms == 0) {
		q->first_ms = now;
		q->at = (int64_t)time(NULL);
	}
	if (q->tries++ == 0)
		q->round_ms = now;
	q->sent_ms = now;
	q->fresh = true;
	TAILQ_INSERT_TAIL(&e->fresh, q, fresh_link);
	e->nfresh++;
	engine_bucket_add(e, q, now + engine_timeout(e, q));
	window_sent(&e->window, now);
}

/*
 * Send the first max of the questions that are ready, or as many as the socket
 * whose turn it is takes.  Returns how many went: 0 when none can for now.
 */
static unsigned
send_run(struct dns_engine *e, size_t max)
{
	struct question *q, *next = TAILQ_FIRST(&e->ready);
	unsigned n = 0, left, sent, socket = udp_turn(&e->udp, &left);
	uint8_t data[UDP_RUN][WIRE_QUERY_MAX];
	struct iovec packets[UDP_RUN];
	int error;

	for (; next != NULL && n < max && n < left; n++, next = TAILQ_NEXT(next, link)) {
		uint16_t id = engine_take_id(e, next, socket);

		packets[n].iov_base = data[n];
		packets[n].iov_len = wire_query(data[n], id, next->name, next->type);
	}
	sent = udp_send(&e->udp, packets, n, &error);
	for (unsigned i = 0; i < sent; i++)
		mark_sent(e, TAILQ_FIRST(&e->ready));
	for (q = TAILQ_FIRST(&e->ready); q != next; q = TAILQ_NEXT(q, link))
		engine_drop_last_id(q);
	if (error == ECONNREFUSED) {
		engine_go_down(e);
		return 0;
	}
	return sent;
}

/* Send what the window has room for.  Returns true when only BURST stopped it. */
static bool
pump(struct dns_engine *e)
{
	size_t sent = 0, n;

	if (e->held)
		return false;
	if (e->down) {
		if (uv_now(e->loop) >= e->probe_ms && e->nfresh == 0 && !TAILQ_EMPTY(&e->ready)) {
			e->probed_ms = uv_now(e->loop);
			send_run(e, 1);
		}
		return false;
	}
	while (!TAILQ_EMPTY(&e->ready)) {
		if (e->nfresh >= e->window.now || e->outstanding >= e->cfg.outstanding)
			return false;
		if (sent >= BURST)
			return true;
		n = e->window.now - e->nfresh;
		if (n > e->cfg.outstanding - e->outstanding)
			n = e->cfg.outstanding - e->outstanding;
		if ((n = send_run(e, n)) == 0)
			return false;
		sent += n;
	}
	return false;
}

void
engine_fail_or_retry(struct dns_engine *e, struct question *q)
{
	if (q->tries < e->cfg.tries)
		engine_make_ready(e, q);
	else
		engine_finish(e, q, NULL, DNS_TIMEOUT);
}

/*
 * SERVFAIL and REFUSED may pass: an upstream that is away, a cache that
 * remembers its absence.  A verdict of DNSSEC does not.
 */
static bool
may_pass(const struct dns_engine *e, const struct question *q, const struct wire_result *r)
{
	uint64_t took = uv_now(e->loop) - q->round_ms;

	if (dns_outcome_known(r->outcome) || q->failures >= e->cfg.failures)
		return false;
	if (dns_is_bogus(r->outcome, r->ede))
		return false;
	return e->cfg.final_ms == 0 || took < e->cfg.final_ms;
}

void
engine_take_answer(struct dns_engine *e, struct question *q, const struct wire_result *r)
{
	if (!may_pass(e, q, r)) {
		engine_finish(e, q, r, r->outcome);
		return;
	}
	engine_detach(e, q);
	engine_forget_ids(q);
	q->failures++;
	q->tries = 0;
	q->state = ST_WAIT;
	engine_bucket_add(e, q, uv_now(e->loop) + jitter(e, e->cfg.failure_ms));
}

/* The engine lives until the last of its handles is closed. */
void
engine_handle_gone(void *arg)
{
	struct dns_engine *e = arg;
	void (*closed)(void *) = e->closed;
	void *closed_arg = e->closed_arg;

	if (--e->nhandles > 0)
		return;
	wire_result_fini(&e->result);
	free(e);
	if (closed != NULL)
		closed(closed_arg);
}

static void
take_packet(struct dns_engine *e, unsigned socket, const uint8_t *msg, size_t len)
{
	enum wire_status status;
	struct question *q;
	struct id *id;

	if (len < 2) {
		e->stats.rejected[WIRE_SHORT]++;
		return;
	}
	if ((id = engine_find_id(e, socket, wire_id(msg))) == NULL) {
		e->stats.rejected[WIRE_WRONG_ID]++;
		return;
	}
	q = id->q;
	status = wire_parse(&e->result, msg, len, wire_id(msg), q->name, q->type);
	if (status != WIRE_ANSWER && status != WIRE_TRUNCATED) {
		e->stats.rejected[status]++;
		return;
	}
	engine_heard(e);
	engine_go_up(e);
	window_answered(&e->window);
	if (status == WIRE_TRUNCATED)
		engine_ask_over_tcp(e, q);
	else
		engine_take_answer(e, q, &e->result);
}

static void
on_packet(unsigned socket, const uint8_t *msg, size_t len, int error, void *arg)
{
	struct dns_engine *e = arg;

	if (msg != NULL) {
		take_packet(e, socket, msg, len);
	} else if (error == UV_ECONNREFUSED) {
		/* Many may come for one closed port; those after the first say nothing new. */
		if (!e->down || e->probed_ms != 0)
			engine_go_down(e);
	} else {
		e->stats.rejected[WIRE_MALFORMED]++;
	}
}

static void
expire(struct dns_engine *e, struct question *q)
{
	if (q->state == ST_WAIT) {
		engine_make_ready(e, q);
		return;
	}
	if (q->state == ST_UDP) {
		e->stats.timeouts++;
		window_lost(&e->window, q->sent_ms);
	}
	engine_fail_or_retry(e, q);
}

static void
on_tick(uv_timer_t *t)
{
	struct dns_engine *e = t->data;
	uint64_t now = uv_now(e->loop), last = now / TICK_MS;
	struct question *q;

	/* A callback in expire() may change any list: look at each bucket afresh. */
	if (last - e->tick > NBUCKETS)
		e->tick = last - NBUCKETS;
	while (e->tick < last) {
		struct question_list *bucket = &e->buckets[++e->tick % NBUCKETS];
		struct question_list due = TAILQ_HEAD_INITIALIZER(due);

		TAILQ_CONCAT(&due, bucket, link);
		while ((q = TAILQ_FIRST(&due)) != NULL) {
			TAILQ_REMOVE(&due, q, link);
			if (e->closing) { /* a callback freed the engine */
				engine_leave_fresh(e, q);
				if (q->tcp != NULL)
					dns_tcp_cancel(q->tcp);
				free(q);
				continue;
			}
			TAILQ_INSERT_TAIL(bucket, q, link);
			if (q->tick <= e->tick)
				expire(e, q);
		}
	}
	while ((q = TAILQ_FIRST(&e->fresh)) != NULL && now - q->sent_ms >= SLOW_MS)
		engine_leave_fresh(e, q);
	if (e->down && e->probed_ms != 0 && now - e->probed_ms >= LISTENS_MS)
		engine_go_up(e);
	if (e->cfg.silence_ms != 0 && e->pending > 0 && !e->held &&
	    now - e->heard_ms >= engine_patience(e))
		engine_give_up(e);
	if (e->pending == 0)
		uv_timer_stop(&e->timer);
}

static void
on_idle(uv_idle_t *idle)
{
	(void)idle;
}

/* Before the loop waits; it must not while there is something to send. */
static void
on_prepare(uv_prepare_t *p)
{
	struct dns_engine *e = p->data;

	engine_pump_tcp(e);
	if (pump(e))
		uv_idle_start(&e->idle, on_idle);
	else
		uv_idle_stop(&e->idle);
}

struct dns_engine *
dns_engine_new(uv_loop_t *loop, const struct dns_engine_config *c)
{
	struct dns_engine *e = xcalloc(1, sizeof(*e));
	unsigned limit;
	int rc;

	e->loop = loop;
	e->cfg = *c;
	TAILQ_INIT(&e->ready);
	TAILQ_INIT(&e->tcp_wait);
	TAILQ_INIT(&e->fresh);
	for (size_t i = 0; i < NBUCKETS; i++)
		TAILQ_INIT(&e->buckets[i]);
	wire_result_init(&e->result);
	e->tick = uv_now(loop) / TICK_MS;
	uv_timer_init(loop, &e->timer);
	uv_prepare_init(loop, &e->prepare);
	uv_idle_init(loop, &e->idle);
	e->timer.data = e;
	e->prepare.data = e;
	e->idle.data = e;
	e->nhandles = 4;
	uv_prepare_start(&e->prepare, on_prepare);
	uv_unref((uv_handle_t *)&e->prepare);
	if ((rc = udp_open(&e->udp, loop, c->outside, &c->ip, c->port, c->rcvbuf, &e->rng,
		 on_packet, e)) != 0) {
		dns_engine_free(e, NULL, NULL);
		errno = -rc;
		return NULL;
	}
	e->stats.rcvbuf = e->udp.rcvbuf;
	limit = c->outstanding;
	if (c->window != 0 && c->window < limit)
		limit = c->window;
	window_init(&e->window, e->udp.rcvbuf, UDP_SOCKETS, limit);
	return e;
}

static void
on_closed(uv_handle_t *h)
{
	engine_handle_gone(h->data);
}

static void
drop(struct dns_engine *e, struct question_list *list)
{
	struct question *q;

	while ((q = TAILQ_FIRST(list)) != NULL) {
		engine_detach(
		    e, q); /* NOLINT(clang-analyzer-unix.Malloc): takes q from this very list */
		free(q);
	}
}

void
dns_engine_free(struct dns_engine *e, void (*closed)(void *arg), void *arg)
{
	if (e == NULL)
		return;
	e->closing = true;
	e->closed = closed;
	e->closed_arg = arg;
	drop(e, &e->ready);
	drop(e, &e->tcp_wait);
	for (size_t i = 0; i < NBUCKETS; i++)
		drop(e, &e->buckets[i]);
	uv_close((uv_handle_t *)&e->timer, on_closed);
	uv_close((uv_handle_t *)&e->prepare, on_closed);
	uv_close((uv_handle_t *)&e->idle, on_closed);
	udp_close(&e->udp, engine_handle_gone, e);
}

void
dns_engine_ask(
    struct dns_engine *e, const char *name, enum dns_type type, dns_answer_fn fn, void *arg)
{
	size_t len = strlen(name);
	struct question *q = xcalloc(1, sizeof(*q) + len + 1);

	memcpy(q->name, name, len);
	q->e = e;
	q->type = type;
	q->fn = fn;
	q->arg = arg;
	q->state = ST_READY;
	TAILQ_INSERT_TAIL(&e->ready, q, link);
	if (e->pending++ == 0)
		e->heard_ms = uv_now(e->loop);
	if (!uv_is_active((uv_handle_t *)&e->timer))
		uv_timer_start(&e->timer, on_tick, TICK_MS, TICK_MS);
}

void
dns_engine_set_silence(struct dns_engine *e, uint64_t silence_ms)
{
	e->cfg.silence_ms = silence_ms;
	e->heard_ms = uv_now(e->loop);
}

void
dns_engine_hold(struct dns_engine *e, bool hold)
{
	if (e->held && !hold)
		e->heard_ms = uv_now(e->loop); /* there was nothing to be heard */
	e->held = hold;
}

const struct dns_engine_stats *
dns_engine_stats(struct dns_engine *e)
{
	e->stats.sent = e->udp.sent;
	e->stats.window = e->window.now;
	e->stats.window_max = e->window.max;
	return &e->stats;
}
