#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "engine.h"
#include "resolver.h"
#include "survey/buf.h"
#include "survey/dns.h"
#include "survey/dnsfile.h"
#include "survey/file.h"
#include "survey/hash.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/name.h"
#include "survey/text.h"
#include "zones.h"

#define FLUSH_MS 200 /* how long an answer may wait for write() */
#define SYNC_MS 2000 /* and for the disk */
#define FLUSH_SIZE (256 << 10) /* bytes that do not wait */
#define SILENCE_MS 60000

/* A question on its way. */
struct ask {
	LIST_ENTRY(ask) link;
	TAILQ_ENTRY(ask) wait_link; /* until there is an engine */
	struct dns *d;
	enum dns_type type;
	bool follow; /* its answer gives rise to others */
	char name[];
};

LIST_HEAD(ask_list, ask);

struct dns {
	uv_loop_t *loop;
	struct dns_options o;
	struct dns_engine *engine;
	struct resolver *resolver;
	struct answers *answers;

	struct ask_list *asks; /* hash table */
	size_t nasks, asks_size;
	struct hash_key key; /* of the table */
	TAILQ_HEAD(, ask) waiting;

	struct dnsfile *file;
	uv_timer_t timer;
	uv_fs_t sync;
	bool syncing, dirty, held, draining, closing, failed, engine_open, resolver_open,
	    timer_open;
	uint64_t synced_ms;

	struct zones zones;
	struct dns_engine_stats stats; /* of an engine that is gone */
	uint64_t ready_ms, answered_ms; /* the resolver was there; the last answer */
	void (*closed)(void *arg);
	void *closed_arg;
};

const char *const dns_mode_words[] = {
	[DNS_MANAGED] = "managed",
	[DNS_UNBOUND_DOT] = "unbound-dot",
	[DNS_UNBOUND] = "unbound",
	[DNS_ADDRESS] = "address",
	[DNS_SYSTEM] = "system",
	NULL,
};

void
dns_settings_default(struct dns_settings *s)
{
	memset(s, 0, sizeof(*s));
	s->mode = DNS_SYSTEM;
	s->address = s->root_hints = "";
	s->unbound = "unbound";
	s->stubby = "stubby";
	s->rcvbuf = 4 << 20;
	s->timeout_ms = 5000;
	s->tries = 4;
	s->validate = true;
}

void
dns_settings_from(struct dns_settings *s, const struct config *c)
{
	*s = (struct dns_settings){ .mode = (enum dns_mode)c->dns.mode,
		.address = c->dns.address,
		.root_hints = c->dns.root_hints,
		.unbound = c->dns.unbound,
		.stubby = c->dns.stubby,
		.window = (unsigned)c->dns.window,
		.rcvbuf = (unsigned)c->dns.rcvbuf,
		.timeout_ms = (unsigned)c->dns.timeout_ms,
		.tries = (unsigned)c->dns.tries,
		.validate = c->dns.validate,
		.trust_anchors = &c->dns.trust_anchors,
		.upstreams = c->dns.upstreams,
		.nupstreams = c->dns.nupstreams,
		.allow_reserved = &c->run.allow_reserved,
		.block_files = &c->scan.block_files,
		.opt_out_file = c->scan.opt_out_file };
}

static void
fail(struct dns *d)
{
	if (d->failed)
		return;
	d->failed = true;
	if (d->o.on_failed != NULL)
		d->o.on_failed(d->o.arg);
}

/* The questions of a name, among others. */
static struct ask_list *
ask_list(const struct dns *d, const char *name)
{
	return &d->asks[hash_bytes(&d->key, name, strlen(name)) & (d->asks_size - 1)];
}

static struct ask *
find_ask(const struct dns *d, const char *name, enum dns_type type)
{
	struct ask *a;

	LIST_FOREACH (a, ask_list(d, name), link)
		if (a->type == type && strcmp(a->name, name) == 0)
			return a;
	return NULL;
}

static void
grow_asks(struct dns *d)
{
	struct ask_list *old = d->asks;
	size_t size = d->asks_size;
	struct ask *a;

	d->asks_size = size * 2;
	d->asks = xcalloc(d->asks_size, sizeof(*d->asks));
	for (size_t i = 0; i < size; i++) {
		while ((a = LIST_FIRST(&old[i])) != NULL) {
			LIST_REMOVE(a, link);
			LIST_INSERT_HEAD(ask_list(d, a->name), a, link);
		}
	}
	free(old);
}

/* ---- the file ---- */

static void
file_failed(struct dns *d, const char *what, int error)
{
	log_error("%s: cannot %s: %s; free some space and run survey again", d->o.file, what,
	    strerror(error));
	fail(d);
}

static void finish_close(struct dns *d);

static void
on_synced(uv_fs_t *req)
{
	struct dns *d = req->data;

	if (req->result < 0)
		file_failed(d, "sync", (int)-req->result);
	uv_fs_req_cleanup(req);
	d->syncing = false;
	if (d->closing)
		finish_close(d);
}

static void
flush(struct dns *d)
{
	if (d->file == NULL || d->failed || dnsfile_pending(d->file) == 0)
		return;
	if (dnsfile_flush(d->file) == -1)
		file_failed(d, "write", errno);
	d->dirty = true;
}

static void
on_timer(uv_timer_t *t)
{
	struct dns *d = t->data;

	flush(d);
	if (!d->dirty || d->syncing || d->failed || uv_now(d->loop) - d->synced_ms < SYNC_MS)
		return;
	d->sync.data = d;
	if (uv_fs_fdatasync(d->loop, &d->sync, dnsfile_fd(d->file), on_synced) != 0)
		return;
	d->syncing = true;
	d->dirty = false;
	d->synced_ms = uv_now(d->loop);
}

/* ---- questions ---- */

static void on_answer(const struct answer *a, void *arg);

static void
ask(struct dns *d, const char *name, enum dns_type type, bool follow)
{
	size_t len = strlen(name) + 1;
	struct ask *a;

	if (d->closing || (d->answers != NULL && answers_get(d->answers, name, type) != NULL))
		return;
	if ((a = find_ask(d, name, type)) != NULL) {
		a->follow |= follow;
		return;
	}
	a = xcalloc(1, sizeof(*a) + len);
	a->d = d;
	a->type = type;
	a->follow = follow;
	memcpy(a->name, name, len);
	if (d->nasks++ >= d->asks_size)
		grow_asks(d);
	LIST_INSERT_HEAD(ask_list(d, name), a, link);
	if (d->engine != NULL)
		dns_engine_ask(d->engine, name, type, on_answer, a);
	else
		TAILQ_INSERT_TAIL(&d->waiting, a, wait_link);
}

static void
ask_more(const char *name, enum dns_type type, void *arg)
{
	ask(arg, name, type, true);
}

static void
on_answer(const struct answer *answer, void *arg)
{
	struct ask *a = arg;
	struct dns *d = a->d;
	bool follow = a->follow;
	const struct answer *kept = d->answers != NULL ? answers_put(d->answers, answer) : answer;

	LIST_REMOVE(a, link);
	d->nasks--;
	free(a);
	d->answered_ms = uv_now(d->loop);
	zones_add(&d->zones, kept);
	if (d->file != NULL) {
		dnsfile_append(d->file, kept);
		if (dnsfile_pending(d->file) >= FLUSH_SIZE)
			flush(d);
	}
	if (d->o.on_answer != NULL)
		d->o.on_answer(kept, d->o.arg);
	if (follow)
		questions_after(d->answers, kept, ask_more, d);
	if (d->nasks == 0 && d->o.on_idle != NULL)
		d->o.on_idle(d->o.arg);
}

void
dns_ask(struct dns *d, const char *name, enum dns_type type)
{
	ask(d, name, type, false);
}

void
dns_host(struct dns *d, const struct ip *ip, const struct name_ref *names, size_t n)
{
	questions_host(d->answers, ip, names, n, ask_more, d);
}

size_t
dns_pending(const struct dns *d)
{
	return d->nasks;
}

void
dns_drain(struct dns *d)
{
	d->draining = true;
	if (d->engine != NULL)
		dns_engine_set_silence(d->engine, SILENCE_MS);
}

void
dns_hold(struct dns *d, bool hold)
{
	d->held = hold;
	if (d->engine != NULL)
		dns_engine_hold(d->engine, hold);
}

/* ---- the resolver ---- */

static void
on_ready(const struct dns_engine_config *cfg, void *arg)
{
	struct dns_engine_config mine;
	struct dns *d = arg;
	struct ask *a;

	if (d->closing || d->engine != NULL)
		return;
	mine = *cfg;
	mine.closed_ms = d->o.closed_ms;
	if ((d->engine = dns_engine_new(d->loop, &mine)) == NULL) {
		log_error("dns: cannot open sockets to the resolver: %s", strerror(errno));
		fail(d);
		return;
	}
	d->engine_open = true;
	d->ready_ms = d->answered_ms = uv_now(d->loop);
	dns_engine_set_silence(d->engine, d->draining ? SILENCE_MS : 0);
	dns_engine_hold(d->engine, d->held);
	while ((a = TAILQ_FIRST(&d->waiting)) != NULL) {
		TAILQ_REMOVE(&d->waiting, a, wait_link);
		dns_engine_ask(d->engine, a->name, a->type, on_answer, a);
	}
}

static void
on_resolver_failed(void *arg)
{
	fail(arg);
}

static void
free_dns(struct dns *d)
{
	free(d->asks);
	zones_fini(&d->zones);
	free(d);
}

struct dns *
dns_new(uv_loop_t *loop, const struct dns_options *o)
{
	struct dns *d = xcalloc(1, sizeof(*d));

	d->loop = loop;
	d->o = *o;
	d->answers = o->answers;
	d->draining = o->impatient;
	d->asks_size = 1024;
	hash_key_make(&d->key);
	d->asks = xcalloc(d->asks_size, sizeof(*d->asks));
	TAILQ_INIT(&d->waiting);
	zones_init(&d->zones);
	if (o->file != NULL && (d->file = dnsfile_open(o->file)) == NULL) {
		log_error("%s: %m", o->file);
		goto fail;
	}
	d->resolver = o->resolver;
	d->resolver_open = true;
	uv_timer_init(loop, &d->timer);
	d->timer_open = true;
	d->timer.data = d;
	if (resolver_start(d->resolver, loop, o->outside, on_ready, on_resolver_failed, d) == -1) {
		d->failed = true;
		dns_close(d, NULL, NULL);
		return NULL;
	}
	uv_timer_start(&d->timer, on_timer, FLUSH_MS, FLUSH_MS);
	uv_unref((uv_handle_t *)&d->timer);
	return d;
fail:
	resolver_free(o->resolver);
	free_dns(d);
	return NULL;
}

/* Everything that could call back must be gone before d is. */
static void
finish_close(struct dns *d)
{
	struct ask *a;

	if (d->engine_open || d->resolver_open || d->timer_open || d->syncing)
		return;
	if (dnsfile_close(d->file) == -1 && !d->failed)
		log_error("%s: %m", d->o.file);
	for (size_t i = 0; i < d->asks_size; i++) {
		while ((a = LIST_FIRST(&d->asks[i])) != NULL) {
			LIST_REMOVE(a, link);
			free(a);
		}
	}
	if (d->closed != NULL)
		d->closed(d->closed_arg);
	free_dns(d);
}

static void
on_engine_closed(void *arg)
{
	struct dns *d = arg;

	d->engine_open = false;
	finish_close(d);
}

static void
on_resolver_closed(void *arg)
{
	struct dns *d = arg;

	d->resolver_open = false;
	finish_close(d);
}

static void
on_timer_closed(uv_handle_t *h)
{
	struct dns *d = h->data;

	d->timer_open = false;
	finish_close(d);
}

void
dns_close(struct dns *d, void (*closed)(void *arg), void *arg)
{
	d->closing = true;
	d->closed = closed;
	d->closed_arg = arg;
	if (d->engine != NULL) {
		d->stats = *dns_engine_stats(d->engine);
		dns_engine_free(d->engine, on_engine_closed, d);
		d->engine = NULL;
	}
	resolver_stop(d->resolver, on_resolver_closed, d);
	uv_close((uv_handle_t *)&d->timer, on_timer_closed);
}

/* ---- totals ---- */

static const struct dns_engine_stats *
stats_of(const struct dns *d)
{
	return d->engine != NULL ? dns_engine_stats(d->engine) : &d->stats;
}

bool
dns_gave_up(const struct dns *d)
{
	return d->failed || stats_of(d)->given_up > 0;
}

static uint64_t
rejected(const struct dns_engine_stats *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < WIRE_NSTATUS; i++)
		n += s->rejected[i];
	return n;
}

static const double shares[] = { 0.5, 0.9, 0.99, 1 };
static const char *const share_names[] = { "p50", "p90", "p99", "max" };

static void
summary_text(const struct dns *d, struct buf *out)
{
	const struct dns_engine_stats *s = stats_of(d);
	const struct zone *zone;

	buf_printf(out, "dns: %llu %s:", (unsigned long long)s->questions,
	    text_noun(s->questions, "question", "questions"));
	for (int i = 0; i < DNS_NOUTCOMES; i++)
		if (s->outcomes[i] > 0)
			buf_printf(out, " %llu %s", (unsigned long long)s->outcomes[i],
			    dns_outcome_name((enum dns_outcome)i));
	if (s->bogus > 0)
		buf_printf(out, " (%llu of them refused by DNSSEC)", (unsigned long long)s->bogus);
	buf_printf(out,
	    "\ndns: %llu %s, %llu %s without an answer, %llu over TCP, "
	    "%llu %s no answer\ndns: latency in ms:",
	    (unsigned long long)s->retries, text_noun(s->retries, "retry", "retries"),
	    (unsigned long long)s->timeouts, text_noun(s->timeouts, "try", "tries"),
	    (unsigned long long)s->tcp, (unsigned long long)rejected(s),
	    text_noun(rejected(s), "packet that was", "packets that were"));
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		buf_printf(out, " %s %u", share_names[i], latency_at(&s->latency, shares[i]));
	buf_adds(out, "\n");
	if (s->given_up > 0)
		buf_printf(out,
		    "dns: the resolver said nothing for %.0f s; what it had not answered counts as "
		    "timed out\n",
		    (double)s->given_up_ms / 1000);
	for (size_t i = 0; (zone = zones_slowest(&d->zones, i)) != NULL && i < 5; i++)
		buf_printf(out, "dns: slow zone %s: %llu %s, %.1f s, %llu failed\n", zone->name,
		    (unsigned long long)zone->questions,
		    text_noun(zone->questions, "question", "questions"), (double)zone->ms / 1000,
		    (unsigned long long)zone->failed);
}

static void
write_count(struct jsonw *w, const char *key, uint64_t n)
{
	jsonw_key(w, key);
	jsonw_uint(w, n);
}

void
dns_summary_log(const struct dns *d)
{
	struct buf text;

	buf_init(&text);
	summary_text(d, &text);
	for (char *line = text.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
		log_info("%.*s", (int)(end - line), line);
	buf_fini(&text);
}

void
dns_summary_json(const struct dns *d, struct jsonw *w)
{
	const struct dns_engine_stats *s = stats_of(d);
	const struct zone *zone;

	jsonw_object(w);
	write_count(w, "questions", s->questions);
	for (int i = 0; i < DNS_NOUTCOMES; i++)
		write_count(w, dns_outcome_name((enum dns_outcome)i), s->outcomes[i]);
	jsonw_key(w, "seconds");
	jsonw_double(w, (double)(d->answered_ms - d->ready_ms) / 1000, 3);
	write_count(w, "bogus", s->bogus);
	write_count(w, "packets", s->sent);
	write_count(w, "retries", s->retries);
	write_count(w, "timed_out_tries", s->timeouts);
	write_count(w, "tcp", s->tcp);
	write_count(w, "resolver_down", s->down);
	write_count(w, "rejected", rejected(s));
	write_count(w, "given_up", s->given_up);
	write_count(w, "window", s->window);
	write_count(w, "window_max", s->window_max);
	write_count(w, "rcvbuf", s->rcvbuf);
	jsonw_key(w, "latency_ms");
	jsonw_object(w);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		write_count(w, share_names[i], latency_at(&s->latency, shares[i]));
	jsonw_end_object(w);
	jsonw_key(w, "slow_zones");
	jsonw_array(w);
	for (size_t i = 0; (zone = zones_slowest(&d->zones, i)) != NULL; i++) {
		jsonw_object(w);
		jsonw_key(w, "zone");
		jsonw_string(w, zone->name);
		write_count(w, "questions", zone->questions);
		write_count(w, "ms", zone->ms);
		write_count(w, "failed", zone->failed);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_end_object(w);
}
