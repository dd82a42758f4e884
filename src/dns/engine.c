#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "engine.h"
#include "survey/mem.h"
#include "tcp.h"
#include "udp.h"
#include "window.h"

#define MAX_IDS 4 /* tries of a question whose late answers still count */
#define NID_LISTS 8192
#define TICK_MS 25
#define NBUCKETS 1024 /* of the timer wheel: 25 s a turn */
#define SLOW_MS 1000 /* after this a question no longer fills the window */
#define BURST 64 /* packets sent between two looks at the answers */
#define TIMEOUT_MAX 10000
#define TCP_MAX 32 /* connections at a time */
#define PROBE_MIN_MS 100
#define PROBE_MAX_MS 2000
#define LISTENS_MS 250 /* a probe not refused for so long: the resolver is back */

struct question;

/* What an answer of this number at this socket belongs to. */
struct id {
	LIST_ENTRY(id) link;
	struct question *q; /* NULL: free */
	unsigned socket;
	uint16_t n;
};

LIST_HEAD(id_list, id);

enum state { ST_READY, ST_UDP, ST_WAIT, ST_TCP_WAIT, ST_TCP };

struct question {
	TAILQ_ENTRY(question) link; /* ready, tcp_wait, or a bucket */
	TAILQ_ENTRY(question) fresh_link;
	dns_answer_fn fn;
	void *arg;
	uint64_t first_ms, sent_ms, round_ms; /* first and last try, first since the last failure */
	uint64_t tick; /* of its bucket */
	int64_t at;
	struct dns_engine *e;
	struct dns_tcp *tcp; /* ST_TCP */
	uint16_t tcp_id;
	enum state state;
	enum dns_type type;
	bool fresh;
	uint8_t tries, failures;
	uint8_t nids; /* taken so far */
	struct id ids[MAX_IDS]; /* the last of them, in turn */
	char name[];
};

TAILQ_HEAD(question_list, question);

struct dns_engine {
	uv_loop_t *loop;
	struct dns_engine_config cfg;
	uv_timer_t timer;
	uv_prepare_t prepare;
	uv_idle_t idle; /* active while a burst is left to send */
	unsigned nhandles; /* and whatever else has to be gone before e */
	bool closing;
	void (*closed)(void *arg);
	void *closed_arg;

	struct question_list ready, tcp_wait, fresh;
	struct question_list buckets[NBUCKETS];
	uint64_t tick; /* number of the bucket that was looked at last */
	size_t pending, outstanding, nfresh, ntcp;

	struct id_list ids[NID_LISTS]; /* hash table, by number */
	struct window window;
	struct udp udp;
	struct rng rng;

	bool down, dead; /* its port is closed; given up, and nothing heard since */
	uint64_t probe_ms, probe_wait_ms, probed_ms; /* next, its back-off, last (0: none) */
	uint64_t heard_ms; /* last answer, or when there began to be something to wait for */

	struct wire_result result;
	struct dns_engine_stats stats;
};

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

static void
bucket_add(struct dns_engine *e, struct question *q, uint64_t deadline_ms)
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

static struct id *
find_id(struct dns_engine *e, unsigned socket, uint16_t n)
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

static void
forget_ids(struct question *q)
{
	for (unsigned i = 0; i < MAX_IDS; i++)
		free_id(&q->ids[i]);
}

static void
leave_fresh(struct dns_engine *e, struct question *q)
{
	if (!q->fresh)
		return;
	TAILQ_REMOVE(&e->fresh, q, fresh_link);
	q->fresh = false;
	e->nfresh--;
}

/* Take q out of whatever list it is in. */
static void
detach(struct dns_engine *e, struct question *q)
{
	TAILQ_REMOVE(list_of(e, q), q, link);
	leave_fresh(e, q);
	if (q->state != ST_READY && q->state != ST_WAIT)
		e->outstanding--;
	if (q->tcp != NULL)
		dns_tcp_cancel(q->tcp);
	q->tcp = NULL;
}

static void
make_ready(struct dns_engine *e, struct question *q)
{
	detach(e, q);
	q->state = ST_READY;
	TAILQ_INSERT_HEAD(&e->ready, q, link);
}

/* Extended errors of a validator: RFC 8914, 4.6 to 4.13 and the later ones for signatures. */
static bool
is_bogus(int ede)
{
	return ede == 1 || ede == 2 || (ede >= 5 && ede <= 12) || ede == 25 || ede == 27;
}

static void
finish(
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
	detach(e, q);
	forget_ids(q);
	e->pending--;
	e->stats.questions++;
	e->stats.outcomes[a.outcome]++;
	if (a.outcome == DNS_SERVFAIL && is_bogus(a.ede))
		e->stats.bogus++;
	latency_add(&e->stats.latency, a.ms);
	q->fn(&a, q->arg);
	free(q);
}

static uint64_t
timeout_of(struct dns_engine *e, const struct question *q)
{
	uint64_t ms = e->cfg.timeout_ms;

	for (unsigned i = 1; i < q->tries && ms < TIMEOUT_MAX; i++)
		ms += ms / 2;
	if (ms > TIMEOUT_MAX && TIMEOUT_MAX > e->cfg.timeout_ms)
		ms = TIMEOUT_MAX;
	return jitter(e, ms);
}

/* A free id of a socket, by chance, for the next try.  Returns it. */
static uint16_t
take_id(struct dns_engine *e, struct question *q, unsigned socket)
{
	struct id *id = &q->ids[q->nids++ % MAX_IDS];
	uint16_t n;

	do {
		n = rng_u16(&e->rng);
	} while (find_id(e, socket, n) != NULL);
	free_id(id);
	*id = (struct id){ .q = q, .socket = socket, .n = n };
	LIST_INSERT_HEAD(&e->ids[n % NID_LISTS], id, link);
	return n;
}

static void
drop_last_id(struct question *q)
{
	free_id(&q->ids[--q->nids % MAX_IDS]);
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
	bucket_add(e, q, now + timeout_of(e, q));
	window_sent(&e->window, now);
}

static void go_down(struct dns_engine *e);

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
		uint16_t id = take_id(e, next, socket);

		packets[n].iov_base = data[n];
		packets[n].iov_len = wire_query(data[n], id, next->name, next->type);
	}
	sent = udp_send(&e->udp, packets, n, &error);
	for (unsigned i = 0; i < sent; i++)
		mark_sent(e, TAILQ_FIRST(&e->ready));
	for (q = TAILQ_FIRST(&e->ready); q != next; q = TAILQ_NEXT(q, link))
		drop_last_id(q);
	if (error == ECONNREFUSED) {
		go_down(e);
		return 0;
	}
	return sent;
}

/* Send what the window has room for.  Returns true when only BURST stopped it. */
static bool
pump(struct dns_engine *e)
{
	size_t sent = 0, n;

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

/* The resolver's port is closed.  What is on its way is lost: take it back, at no one's cost. */
static void
go_down(struct dns_engine *e)
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
			forget_ids(q);
			make_ready(e, q);
		}
	}
}

static void
go_up(struct dns_engine *e)
{
	if (!e->down)
		return;
	e->down = false;
	window_reopen(&e->window);
}

static void
fail_or_retry(struct dns_engine *e, struct question *q)
{
	if (q->tries < e->cfg.tries)
		make_ready(e, q);
	else
		finish(e, q, NULL, DNS_TIMEOUT);
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
	if (r->outcome == DNS_SERVFAIL && is_bogus(r->ede))
		return false;
	return e->cfg.final_ms == 0 || took < e->cfg.final_ms;
}

static void
take_answer(struct dns_engine *e, struct question *q, const struct wire_result *r)
{
	if (!may_pass(e, q, r)) {
		finish(e, q, r, r->outcome);
		return;
	}
	detach(e, q);
	forget_ids(q);
	q->failures++;
	q->tries = 0;
	q->state = ST_WAIT;
	bucket_add(e, q, uv_now(e->loop) + jitter(e, e->cfg.failure_ms));
}

/* The engine lives until the last of its handles is closed. */
static void
handle_gone(void *arg)
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
on_tcp_gone(void *arg)
{
	struct dns_engine *e = arg;

	e->ntcp--;
	handle_gone(e);
}

static void
heard(struct dns_engine *e)
{
	e->heard_ms = uv_now(e->loop);
	e->dead = false;
}

static void
on_tcp_answer(const uint8_t *msg, size_t len, void *arg)
{
	struct question *q = arg;
	struct dns_engine *e = q->e;
	enum wire_status status;

	q->tcp = NULL;
	if (msg == NULL) {
		fail_or_retry(e, q);
		return;
	}
	status = wire_parse(&e->result, msg, len, q->tcp_id, q->name, q->type);
	if (status != WIRE_ANSWER) {
		e->stats.rejected[status]++;
		fail_or_retry(e, q);
		return;
	}
	heard(e);
	take_answer(e, q, &e->result);
}

static void
tcp_start(struct dns_engine *e, struct question *q)
{
	uint8_t query[WIRE_QUERY_MAX];
	size_t len;

	TAILQ_REMOVE(&e->tcp_wait, q, link);
	q->state = ST_TCP;
	q->tries++;
	bucket_add(e, q, uv_now(e->loop) + timeout_of(e, q));
	e->ntcp++;
	e->nhandles++;
	e->stats.tcp++;
	q->tcp_id = rng_u16(&e->rng);
	len = wire_query(query, q->tcp_id, q->name, q->type);
	q->tcp = dns_tcp_ask(e->loop, e->cfg.outside, &e->cfg.ip, e->cfg.port, query, len,
	    on_tcp_answer, q, on_tcp_gone, e);
}

static void
pump_tcp(struct dns_engine *e)
{
	struct question *q;

	while (e->ntcp < TCP_MAX && (q = TAILQ_FIRST(&e->tcp_wait)) != NULL)
		tcp_start(e, q);
}

static void
ask_over_tcp(struct dns_engine *e, struct question *q)
{
	detach(e, q);
	forget_ids(q);
	q->state = ST_TCP_WAIT;
	q->tries--; /* it was answered, if not in full */
	e->outstanding++;
	TAILQ_INSERT_TAIL(&e->tcp_wait, q, link);
	pump_tcp(e);
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
	if ((id = find_id(e, socket, wire_id(msg))) == NULL) {
		e->stats.rejected[WIRE_WRONG_ID]++;
		return;
	}
	q = id->q;
	status = wire_parse(&e->result, msg, len, wire_id(msg), q->name, q->type);
	if (status != WIRE_ANSWER && status != WIRE_TRUNCATED) {
		e->stats.rejected[status]++;
		return;
	}
	heard(e);
	go_up(e);
	window_answered(&e->window);
	if (status == WIRE_TRUNCATED)
		ask_over_tcp(e, q);
	else
		take_answer(e, q, &e->result);
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
			go_down(e);
	} else {
		e->stats.rejected[WIRE_MALFORMED]++;
	}
}

/* Nothing has been heard for too long: there is no resolver. */
static void
give_up(struct dns_engine *e)
{
	struct question_list all = TAILQ_HEAD_INITIALIZER(all);
	struct question *q, *next;

	for (size_t i = 0; i < NBUCKETS; i++)
		for (q = TAILQ_FIRST(&e->buckets[i]); q != NULL; q = next) {
			next = TAILQ_NEXT(q, link);
			make_ready(e, q);
		}
	while ((q = TAILQ_FIRST(&e->tcp_wait)) != NULL)
		make_ready(e, q);
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
		finish(e, q, NULL, DNS_TIMEOUT);
	}
	e->heard_ms = uv_now(e->loop);
	e->dead = true;
}

/*
 * What comes after a resolver was given up waits for a try, until there is a
 * sign of life; and a port that is closed need not be waited for like a silent one.
 */
static uint64_t
patience(const struct dns_engine *e)
{
	uint64_t ms = e->cfg.silence_ms;

	if (e->dead && e->cfg.timeout_ms < ms)
		ms = e->cfg.timeout_ms;
	if (e->down && e->cfg.closed_ms != 0 && e->cfg.closed_ms < ms)
		ms = e->cfg.closed_ms;
	return ms;
}

static void
expire(struct dns_engine *e, struct question *q)
{
	if (q->state == ST_WAIT) {
		make_ready(e, q);
		return;
	}
	if (q->state == ST_UDP) {
		e->stats.timeouts++;
		window_lost(&e->window, q->sent_ms);
	}
	fail_or_retry(e, q);
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
				leave_fresh(e, q);
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
		leave_fresh(e, q);
	if (e->down && e->probed_ms != 0 && now - e->probed_ms >= LISTENS_MS)
		go_up(e);
	if (e->cfg.silence_ms != 0 && e->pending > 0 && now - e->heard_ms >= patience(e))
		give_up(e);
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

	pump_tcp(e);
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
	handle_gone(h->data);
}

static void
drop(struct dns_engine *e, struct question_list *list)
{
	struct question *q;

	while ((q = TAILQ_FIRST(list)) != NULL) {
		detach(e, q); /* NOLINT(clang-analyzer-unix.Malloc): takes q from this very list */
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
	udp_close(&e->udp, handle_gone, e);
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

size_t
dns_engine_pending(const struct dns_engine *e)
{
	return e->pending;
}

void
dns_engine_set_silence(struct dns_engine *e, uint64_t silence_ms)
{
	e->cfg.silence_ms = silence_ms;
	e->heard_ms = uv_now(e->loop);
}

const struct dns_engine_stats *
dns_engine_stats(struct dns_engine *e)
{
	e->stats.sent = e->udp.sent;
	e->stats.window = e->window.now;
	e->stats.window_max = e->window.max;
	return &e->stats;
}
