#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "survey/argv.h"
#include "survey/buf.h"
#include "survey/child.h"
#include "survey/grab.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/ndjson.h"
#include "survey/simd.h"
#include "survey/text.h"

#include "flight.h"
#include "modules.h"
#include "pacer.h"
#include "record_text.h"
#include "result.h"

#define TICK_MS 250
#define STOP_MS 2000
#define BACKOFF_MS 500
#define BACKOFF_MAX 30000
#define TAG_SECOND 0x80000000u /* of a queued host: the second pass, low bits = ports */
#define MAX_UNDIALED 64 /* a host; each is one chance in two */

enum state { RUNNING, DRAINING, CLOSING, DONE };

struct grab {
	struct grab_opts o;
	uv_loop_t *loop;
	uv_timer_t tick; /* watchdogs */
	uv_timer_t feed; /* the next token */
	struct child *child;
	struct modules modules;
	struct pacer *pacer;
	struct simd_parser *parser;
	struct ndjson lines;
	struct flights flights;
	bool answered; /* zgrab2 has, in this session */
	struct grab_stats stats;
	struct { /* hosts for the second pass */
		struct ip ip;
		uint32_t ports;
	} * second;
	size_t nsecond, second_cap;
	enum state state;
	bool finishing; /* no more hosts will come */
	bool paused;
	bool hung;
	int error;
	int nopen;
	unsigned failures; /* deaths of zgrab2 since its last answer */
	uint64_t last_line_ms;
	uint64_t restart_at_ms;
	uint64_t drain_until_ms;
};

static void pump(struct grab *g);

static uint64_t
stall_ms(const struct grab *g)
{
	long longest = 0;

	if (g->o.stall_ms != 0)
		return g->o.stall_ms;
	for (int row = 0; row < NPORTS; row++) {
		if (g->o.config->grab.port[row] && g->o.config->grab.timeout_ms[row] > longest)
			longest = g->o.config->grab.timeout_ms[row];
	}
	return (uint64_t)longest * 2 + 10000;
}

static void
drop(struct grab *g, struct flight *f)
{
	flights_drop(&g->flights, f);
	g->stats.in_flight = g->flights.n;
}

/* Write the lines that make zgrab2 ask what is still missing. */
static void
send_lines(struct grab *g, struct flight *f, uint32_t which)
{
	struct buf b;

	buf_init(&b);
	for (int i = 0; i < g->modules.n; i++) {
		if (which & (UINT32_C(1) << i))
			modules_line(&g->modules.m[i], &f->ip, g->o.smtp_name, &b);
	}
	child_write(g->child, b.data, b.len);
	buf_fini(&b);
	if (g->flights.n == 1)
		g->last_line_ms = uv_now(g->loop); /* the stall clock starts with work */
	f->fed_ms = uv_now(g->loop);
}

static uint32_t
base_modules(const struct grab *g, uint32_t ports)
{
	uint32_t set = 0;

	for (int i = 0; i < g->modules.n; i++) {
		if (g->modules.m[i].kind == MODULE_BASE &&
		    (ports & (UINT32_C(1) << g->modules.m[i].row)))
			set |= UINT32_C(1) << i;
	}
	return set;
}

static void
launch(struct grab *g, const struct ip *ip, uint32_t tag)
{
	struct flight *f;

	if (flights_find(&g->flights, ip) != NULL)
		return; /* two records of one address would be told apart by nothing */
	f = flights_add(&g->flights, ip);
	f->second = (tag & TAG_SECOND) != 0;
	f->wanted = base_modules(g, f->second ? tag & ~TAG_SECOND : UINT32_MAX);
	f->time = time(NULL);
	g->stats.in_flight = g->flights.n;
	if (!f->second)
		g->stats.fed++;
	send_lines(g, f, f->wanted);
}

static void
write_record(struct grab *g, const struct flight *f)
{
	struct geo_info info;
	bool known = g->o.geo != NULL && geo_db_lookup(g->o.geo, &f->ip, &info);
	struct jsonw w;
	int error;

	jsonw_init(&w, NULL);
	record_text(&w, f, &g->modules, known ? &info : NULL, g->o.config->grab.drop_secrets);
	error = g->o.on_record(&f->ip, w.out.data, w.out.len, g->o.arg);
	jsonw_fini(&w);
	if (error != 0 && g->error == 0) {
		g->error = error;
		grab_stop(g, 0);
	}
}

/* Of an address, if that matters to the rate. */
static uint32_t
asn_of(const struct grab *g, const struct ip *ip)
{
	struct geo_info info = { .asn = 0 };

	if (g->o.geo != NULL && g->o.config->grab.rate_per_as > 0)
		(void)geo_db_lookup(g->o.geo, ip, &info);
	return info.asn;
}

static void
queue(struct grab *g, const struct ip *ip, uint32_t tag)
{
	pacer_add(g->pacer, ip, asn_of(g, ip), tag);
	g->stats.queued = pacer_queued(g->pacer);
}

static void
remember_second(struct grab *g, const struct ip *ip, uint32_t ports)
{
	mem_grow(&g->second, &g->second_cap, g->nsecond + 1, sizeof(*g->second));
	g->second[g->nsecond].ip = *ip;
	g->second[g->nsecond++].ports = ports;
}

/* Ports worth asking again: timed out or broken off, and no retry of another kind has helped. */
static uint32_t
ports_to_retry(const struct grab *g, const struct flight *f)
{
	uint32_t retry = 0, fine = 0;

	for (int i = 0; i < g->modules.n; i++) {
		uint32_t row = UINT32_C(1) << g->modules.m[i].row;

		if (!(f->have & (UINT32_C(1) << i)))
			continue;
		if (f->end[i] == GRAB_SUCCESS)
			fine |= row;
		else if (end_is_retried((enum grab_end)f->end[i]))
			retry |= row;
	}
	return retry & ~fine;
}

static void
land(struct grab *g, struct flight *f)
{
	bool gave_up = f->wanted != f->have, repeat = f->repeat && g->state == RUNNING;
	struct ip ip = f->ip;

	if (g->error != 0) { /* nowhere to write it: the next run asks again */
		drop(g, f);
		return;
	}
	for (int i = 0; gave_up && i < g->modules.n; i++) {
		if (g->modules.m[i].kind == MODULE_BASE &&
		    (f->wanted & ~f->have & (UINT32_C(1) << i)))
			g->stats.ports[g->modules.m[i].row][GRAB_GIVEN_UP]++;
	}
	write_record(g, f);
	if (g->error == 0) {
		uint32_t retry = ports_to_retry(g, f);

		if (g->o.config->grab.second_pass && !f->second && !repeat && retry != 0)
			remember_second(g, &f->ip, retry);
		g->stats.given_up += gave_up;
		if (f->second)
			g->stats.second_pass++;
		else
			g->stats.done++;
	}
	drop(g, f);
	if (repeat)
		queue(g, &ip, 0);
}

static void
land_suspects(struct grab *g)
{
	struct flight *f;

	while ((f = flights_next_suspect(&g->flights)) != NULL)
		land(g, f);
}

/* Hosts that are not in the air are left to the next run. */
static void
drop_waiting(struct grab *g)
{
	flights_drop_waiting(&g->flights);
	g->stats.in_flight = g->flights.n;
}

static void
count_end(struct grab *g, const struct flight *f, const struct result *r)
{
	const struct module *m = &g->modules.m[r->module];

	if (m->kind != MODULE_BASE)
		return;
	if (f->second) {
		g->stats.second_pass_gained += r->end == GRAB_SUCCESS;
		return;
	}
	g->stats.ports[m->row][r->end]++;
}

static int
on_line(const char *line, size_t len, void *arg)
{
	struct grab *g = arg;
	struct flight *f;
	struct result r;
	const char *reason;
	uint32_t bit, follow;

	g->last_line_ms = uv_now(g->loop);
	if (len == 0)
		return 0;
	if ((reason = result_read(&r, &g->modules, g->parser, line, len)) != NULL) {
		g->stats.garbage++;
		g->o.on_garbage(reason, line, len, g->o.arg);
		return 0;
	}
	g->failures = 0;
	g->answered = true;
	land_suspects(g);
	f = flights_find(&g->flights, &r.ip);
	bit = UINT32_C(1) << r.module;
	if (f == NULL || !(f->wanted & bit) || (f->have & bit)) {
		g->stats.stray++;
		return 0;
	}
	if (r.undialed && f->undialed < MAX_UNDIALED && g->o.request->nlocal == 2 &&
	    g->state == RUNNING && !f->waiting && g->o.allowed(&f->ip, g->o.arg)) {
		f->undialed++;
		send_lines(g, f, bit);
		return 0;
	}
	f->have |= bit;
	f->end[r.module] = (uint8_t)r.end;
	buf_add(&f->part[r.module], r.json.s, r.json.len);
	count_end(g, f, &r);
	follow = r.follow & ~f->wanted;
	if (follow != 0 && (g->state == RUNNING || g->state == DRAINING) && !f->waiting &&
	    g->o.allowed(&f->ip, g->o.arg)) {
		f->wanted |= follow;
		send_lines(g, f, follow);
	}
	if (f->wanted == f->have && !f->waiting)
		land(g, f);
	return 0;
}

static void
on_stdout(struct child *c, const char *buf, size_t len, void *arg)
{
	struct grab *g = arg;

	(void)c;
	(void)ndjson_feed(&g->lines, buf, len);
	pump(g);
}

/* Ask it again; or, after too many times, not. */
static void
requeue(struct grab *g, struct flight *f)
{
	if (++f->tries > (unsigned)g->o.config->grab.restarts) {
		flights_suspect(&g->flights, f);
	} else {
		g->stats.repeated++;
		flights_wait(&g->flights, f);
	}
}

static void
requeue_one(struct flight *f, void *arg)
{
	struct grab *g = arg;

	if (g->state == RUNNING)
		requeue(g, f);
	else
		drop(g, f); /* the next run asks it again */
}

/* After a death: those in flight go again, one at a time once they look guilty of it. */
static void
requeue_flights(struct grab *g)
{
	flights_each_in_air(&g->flights, requeue_one, g);
	if (g->state != RUNNING)
		drop_waiting(g);
}

static void
report_death(const struct grab *g, const struct child *c, const struct child_status *st)
{
	const char *tail = child_stderr(c), *last = tail;
	char text[128];

	for (const char *p = tail; *p != '\0';) {
		size_t n = strcspn(p, "\n");

		if (n > 0)
			last = p;
		p += n + (p[n] == '\n');
	}
	log_warn("zgrab2: %s%s%.*s; %llu %s in flight",
	    g->hung ? "hung and was killed" : child_status_text(st, text, sizeof(text)),
	    *last != '\0' ? ": " : "", (int)strcspn(last, "\n"), last,
	    (unsigned long long)g->stats.in_flight, text_noun(g->stats.in_flight, "host", "hosts"));
}

static void
on_handle_closed(uv_handle_t *h)
{
	struct grab *g = h->data;

	if (--g->nopen == 0)
		g->o.on_done(g->error, g->o.arg);
}

static void
finished(struct grab *g)
{
	if (g->state == DONE)
		return;
	g->state = DONE;
	uv_close((uv_handle_t *)&g->tick, on_handle_closed);
	uv_close((uv_handle_t *)&g->feed, on_handle_closed);
}

/* zgrab2 itself is what does not work: no host is to blame, none gets a record. */
static void
out_of_order(struct grab *g)
{
	log_error("zgrab2 died %u %s without an answer; is %s a working zgrab2 1.0?", g->failures,
	    text_noun(g->failures, "time", "times"), g->o.zgrab2.zgrab2);
	if (g->error == 0)
		g->error = ECHILD;
	g->state = CLOSING;
	drop_waiting(g);
	finished(g);
}

static void
on_zgrab_exit(struct child *c, const struct child_status *st, void *arg)
{
	struct grab *g = arg;
	bool expected = g->state != RUNNING;
	unsigned exponent = g->failures < 6 ? g->failures : 6;
	uint64_t wait = (uint64_t)BACKOFF_MS << exponent;

	g->child = NULL;
	g->stats.user_s += st->user_s;
	g->stats.sys_s += st->sys_s;
	if (st->maxrss_kb > g->stats.maxrss_kb)
		g->stats.maxrss_kb = st->maxrss_kb;
	(void)ndjson_torn(&g->lines);
	if (!expected)
		report_death(g, c, st);
	requeue_flights(g);
	if (expected) {
		finished(g);
		return;
	}
	g->stats.restarts++;
	/* Twice as often as one host may be the cause of. */
	if (++g->failures > 2 * (unsigned)g->o.config->grab.restarts + 1) {
		out_of_order(g);
		return;
	}
	g->restart_at_ms = uv_now(g->loop) + (wait < BACKOFF_MAX ? wait : BACKOFF_MAX);
	pump(g);
}

static int
start_child(struct grab *g)
{
	char **argv = zgrab2_argv(&g->o.zgrab2, g->o.request);
	struct child_opts co = { .argv = (const char *const *)argv,
		.want_stdin = true,
		.fds = g->o.fds,
		.nfds = g->o.nfds,
		.no_new_privs = true,
		.broker = g->o.broker,
		.tool = g->o.tool,
		.req = g->o.request,
		.req_len = sizeof(*g->o.request),
		.on_stdout = on_stdout,
		.on_exit = on_zgrab_exit,
		.arg = g };
	int error = 0;

	g->hung = false;
	g->last_line_ms = uv_now(g->loop);
	if ((g->child = child_spawn(g->loop, &co)) == NULL)
		error = errno;
	argv_free(argv);
	return error;
}

static void
on_feed(uv_timer_t *t)
{
	pump(t->data);
}

static void
wake_in(struct grab *g, uint64_t ns)
{
	if (ns != UINT64_MAX)
		uv_timer_start(&g->feed, on_feed, (ns + 999999) / 1000000, 0);
}

/* How many may be in flight: fewer, then one, while those that were there at a death are tried again. */
static uint64_t
in_flight_limit(const struct grab *g)
{
	uint64_t limit = (uint64_t)g->o.config->grab.in_flight;

	if (g->flights.again != NULL && g->flights.again->tries >= 2)
		return 1;
	if (g->flights.again != NULL)
		return limit / 8 + 1;
	return limit;
}

static bool
feed_again(struct grab *g, uint64_t now)
{
	uint32_t asn = asn_of(g, &g->flights.again->ip);
	struct flight *f;

	if (!pacer_again(g->pacer, &g->flights.again->ip, asn, now)) {
		wake_in(g, pacer_again_wait_ns(g->pacer, &g->flights.again->ip, asn, now));
		return false;
	}
	f = flights_next(&g->flights);
	if (f->wanted == f->have) {
		land(g, f);
	} else if (g->o.allowed(&f->ip, g->o.arg)) {
		send_lines(g, f, f->wanted & ~f->have);
	} else {
		g->stats.refused++;
		drop(g, f);
	}
	return true;
}

static bool
feed_next(struct grab *g, uint64_t now)
{
	struct ip ip;
	uint32_t tag;

	if (!pacer_next(g->pacer, now, &ip, &tag)) {
		wake_in(g, pacer_wait_ns(g->pacer, now));
		return false;
	}
	g->stats.queued = pacer_queued(g->pacer);
	if (g->o.allowed(&ip, g->o.arg))
		launch(g, &ip, tag);
	else
		g->stats.refused++;
	return true;
}

/* A host tried alone must stay alone. */
static bool
lone_flight(const struct grab *g)
{
	const struct flight *f = flights_lone(&g->flights);

	return f != NULL && f->tries >= 2;
}

static void
start_second_pass(struct grab *g)
{
	for (size_t i = 0; i < g->nsecond; i++)
		queue(g, &g->second[i].ip, TAG_SECOND | g->second[i].ports);
	g->nsecond = 0;
}

/* Nothing is queued and nothing flies: the end, or the second pass. */
static void
maybe_finish(struct grab *g)
{
	if (!g->finishing || g->state != RUNNING || g->flights.n > g->flights.nsuspects ||
	    pacer_queued(g->pacer) > 0)
		return;
	if (g->flights.nsuspects > 0 && !g->answered) {
		if (g->child == NULL)
			out_of_order(g);
		return;
	}
	land_suspects(g);
	if (g->state != RUNNING || (g->o.may_end != NULL && !g->o.may_end(g->o.arg)))
		return;
	if (g->nsecond > 0) {
		start_second_pass(g);
		pump(g);
		return;
	}
	g->state = CLOSING;
	if (g->child != NULL)
		child_close_stdin(g->child);
	else
		finished(g);
}

static bool
has_work(const struct grab *g)
{
	return g->flights.again != NULL || pacer_queued(g->pacer) > 0;
}

/* Give zgrab2 what it may have now. */
static void
pump(struct grab *g)
{
	uint64_t now = uv_hrtime();

	if (g->state != RUNNING)
		return;
	if (g->child == NULL && !g->paused && has_work(g) && uv_now(g->loop) >= g->restart_at_ms) {
		int error = start_child(g);

		if (error != 0) {
			log_warn("zgrab2 could not be started: %s", strerror(error));
			g->restart_at_ms = uv_now(g->loop) + BACKOFF_MS;
			if (++g->failures > (unsigned)g->o.config->grab.restarts) {
				g->error = error;
				g->state = CLOSING;
				finished(g);
				return;
			}
		}
	}
	while (g->child != NULL && !g->paused && g->state == RUNNING && has_work(g) &&
	       flights_in_air(&g->flights) < in_flight_limit(g) && !lone_flight(g)) {
		if (g->flights.again != NULL ? !feed_again(g, now) : !feed_next(g, now))
			break;
	}
	maybe_finish(g);
}

struct lost {
	struct grab *g;
	uint64_t now_ms, limit_ms;
};

static void
check_one(struct flight *f, void *arg)
{
	const struct lost *l = arg;

	if (l->now_ms - f->fed_ms >= l->limit_ms)
		requeue(l->g, f);
}

/* A line that never came although zgrab2 goes on: ask once more. */
static void
check_lost(struct grab *g, uint64_t now_ms, uint64_t limit_ms)
{
	struct lost l = { g, now_ms, limit_ms };

	flights_each_in_air(&g->flights, check_one, &l);
}

static void
on_tick(uv_timer_t *t)
{
	struct grab *g = t->data;
	uint64_t now = uv_now(g->loop), limit = stall_ms(g);

	if (g->state == DRAINING &&
	    (flights_in_air(&g->flights) == 0 || now >= g->drain_until_ms)) {
		g->state = CLOSING;
		if (g->child != NULL && flights_in_air(&g->flights) == 0)
			child_close_stdin(g->child);
		else if (g->child != NULL)
			child_stop(g->child, STOP_MS);
	}
	if (g->child == NULL && (g->state == DRAINING || g->state == CLOSING)) {
		requeue_flights(g);
		finished(g);
		return;
	}
	if (g->child != NULL && !g->hung && now - g->last_line_ms > limit &&
	    (flights_in_air(&g->flights) > 0 || g->state == CLOSING)) {
		log_warn("zgrab2 has been silent for %llu s; killing it",
		    (unsigned long long)(now - g->last_line_ms) / 1000);
		g->hung = true;
		child_stop(g->child, STOP_MS);
	}
	if (g->child != NULL && !g->hung && g->state == RUNNING)
		check_lost(g, now, 2 * limit);
	pump(g);
}

struct grab *
grab_new(uv_loop_t *loop, const struct grab_opts *o)
{
	struct grab *g = xcalloc(1, sizeof(*g));
	const struct config *c = o->config;

	g->o = *o;
	g->loop = loop;
	flights_init(&g->flights);
	g->pacer = pacer_new(c->grab.rate_hosts * o->share, c->grab.rate_per_24 * o->share,
	    c->grab.rate_per_as * o->share);
	g->parser = simd_parser_new((size_t)c->analysis.max_line);
	modules_init(&g->modules, c);
	ndjson_init(&g->lines, (size_t)c->analysis.max_line, on_line, g);
	uv_timer_init(loop, &g->tick);
	uv_timer_init(loop, &g->feed);
	g->tick.data = g->feed.data = g;
	g->nopen = 2;
	uv_timer_start(&g->tick, on_tick, TICK_MS, TICK_MS);
	return g;
}

void
grab_add(struct grab *g, const struct ip *ip)
{
	queue(g, ip, 0);
	pump(g);
}

static void
repeat_one(struct flight *f, void *arg)
{
	(void)arg;
	f->repeat = true;
}

void
grab_repeat_flights(struct grab *g)
{
	flights_each_in_air(&g->flights, repeat_one, NULL);
}

int64_t
grab_oldest(const struct grab *g)
{
	return flights_oldest(&g->flights);
}

void
grab_add_second(struct grab *g, const struct ip *ip, uint32_t ports)
{
	uint32_t mine = 0;

	for (int row = 0; row < NPORTS; row++)
		mine |= g->o.config->grab.port[row] ? UINT32_C(1) << row : 0;
	if ((ports & mine) != 0)
		remember_second(g, ip, ports & mine);
}

size_t
grab_second(const struct grab *g)
{
	return g->nsecond;
}

void
grab_cut_second(struct grab *g, size_t n)
{
	if (g->nsecond > n)
		g->nsecond = n;
}

void
grab_finish(struct grab *g)
{
	g->finishing = true;
	pump(g);
}

void
grab_stop(struct grab *g, uint64_t drain_ms)
{
	if (g->state == CLOSING && drain_ms == 0 && g->child != NULL)
		child_stop(g->child, STOP_MS);
	if (g->state != RUNNING && g->state != DRAINING)
		return;
	g->state = DRAINING; /* the tick does the rest */
	g->drain_until_ms = uv_now(g->loop) + drain_ms;
	uv_timer_start(&g->tick, on_tick, 0, TICK_MS);
}

void
grab_pause(struct grab *g, bool pause)
{
	g->paused = pause;
	if (!pause)
		pump(g);
}

const struct grab_stats *
grab_stats(const struct grab *g)
{
	return &g->stats;
}

void
grab_free(struct grab *g)
{
	if (g == NULL)
		return;
	flights_fini(&g->flights);
	pacer_free(g->pacer);
	simd_parser_free(g->parser);
	ndjson_fini(&g->lines);
	free(g->second);
	free(g);
}
