#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "survey/argv.h"
#include "survey/child.h"
#include "survey/guard.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/ndjson.h"
#include "survey/scan.h"
#include "survey/spool.h"
#include "survey/text.h"

#define START_MS 15000
#define STALL_MS 30000
#define STOP_MS 2000
#define BACKOFF_MS 1000
#define BACKOFF_MAX 60000
#define MAX_LINE 256
#define SHARD_NAME "shard-%03u.ips"

_Static_assert(GUARD_TOOL_FD == 4, "ZMAP_ALLOW_FILE and ZMAP_BLOCK_FILE name it");

struct scan {
	struct scan_opts o;
	uv_loop_t *loop;
	uv_timer_t timer; /* watchdog while zmap runs, back-off while not */
	struct child *child;
	struct spool spool;
	struct ndjson hits;
	struct ndjson messages;
	struct zmap_progress progress;
	uint64_t *ended_at; /* of each shard: the mark at which it ended */
	uint64_t nended; /* attempts that have ended */
	uint64_t nhits; /* of the current shard */
	bool rewind; /* a shard before the current one is to be repeated */
	bool waiting; /* for confirmation of the last ones */
	size_t at; /* the current shard; o.nshards = none left */
	unsigned failures;
	bool has_progress;
	bool worked; /* some zmap of this session has sent something */
	bool hung; /* killed by the watchdog */
	bool paused;
	bool stopping;
	bool done;
	int error;
};

static void start_shard(struct scan *s);

static struct scan_shard *
current(struct scan *s)
{
	return &s->o.shards[s->at];
}

static void
on_timer_closed(uv_handle_t *h)
{
	struct scan *s = h->data;

	s->o.on_done(s->error, s->o.arg);
}

static void
finish(struct scan *s)
{
	if (s->done)
		return;
	s->done = true;
	uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}

static bool
unconfirmed(const struct scan *s)
{
	for (size_t i = 0; i < s->o.nshards; i++) {
		if (s->o.shards[i].state == SHARD_UNCONFIRMED)
			return true;
	}
	return false;
}

static void
next_shard(struct scan *s)
{
	if (s->rewind)
		s->at = 0;
	s->rewind = false;
	s->waiting = false;
	while (s->at < s->o.nshards && current(s)->state != SHARD_TODO)
		s->at++;
	if (s->stopping || s->error != 0 || (s->at == s->o.nshards && !unconfirmed(s))) {
		finish(s);
	} else if (s->at == s->o.nshards) {
		s->waiting = true;
		s->o.on_unconfirmed(s->o.arg);
	} else if (!s->paused) {
		start_shard(s);
	}
}

static void
on_backoff(uv_timer_t *t)
{
	next_shard(t->data);
}

static void
hang(struct scan *s, const char *what)
{
	log_warn("zmap, shard %u: %s; killing it", current(s)->number, what);
	s->hung = true;
	child_stop(s->child, STOP_MS);
}

static void
on_watchdog(uv_timer_t *t)
{
	struct scan *s = t->data;

	hang(s, s->has_progress ? "no progress any more" : "sends nothing");
}

/* The watchdog barks stall_ms after the last sign of progress. */
static void
feed_watchdog(struct scan *s, uint64_t extra_ms)
{
	uint64_t ms = s->o.stall_ms != 0 ? s->o.stall_ms : STALL_MS;

	if (!s->hung)
		uv_timer_start(&s->timer, on_watchdog, ms + extra_ms, 0);
}

static int
on_message(const char *line, size_t len, void *arg)
{
	struct scan *s = arg;
	uint64_t before = s->progress.sent;
	bool all = s->progress.sent_all;

	if (!zmap_progress_parse(line, len, &s->progress)) {
		if (len > 0)
			log_debug("zmap: %.*s", (int)len, line);
		return 0;
	}
	if (s->progress.sent_all && !all)
		feed_watchdog(s, s->o.zmap.cooldown_s * UINT64_C(1000));
	else if (s->progress.sent > before)
		feed_watchdog(s, 0);
	if (s->progress.sent > 0)
		s->has_progress = s->worked = true;
	return 0;
}

static void
on_stderr(struct child *c, const char *buf, size_t len, void *arg)
{
	struct scan *s = arg;

	(void)c;
	(void)ndjson_feed(&s->messages, buf, len);
}

static int
on_hit_line(const char *line, size_t len, void *arg)
{
	struct scan *s = arg;
	const char *comma = memchr(line, ',', len);
	struct ip ip;

	/* zmap 4.x adds the port where it scans several */
	if (ip_parse(line, comma != NULL ? (size_t)(comma - line) : len, &ip)) {
		s->nhits++;
		s->o.on_hit(&ip, s->o.arg);
	}
	return 0;
}

static void
on_stdout(struct child *c, const char *buf, size_t len, void *arg)
{
	struct scan *s = arg;

	(void)c;
	if (s->error == 0 && spool_write(&s->spool, buf, len) == -1) {
		s->error = errno;
		log_error("%s: %s; zmap is stopped, run again when that is mended", s->spool.path,
		    strerror(errno));
		child_stop(s->child, STOP_MS);
	}
	(void)ndjson_feed(&s->hits, buf, len);
}

static void
report_failure(const struct scan *s, const struct child *c, const struct child_status *st)
{
	const char *tail = child_stderr(c);
	const char *last = tail;
	char text[128];
	size_t len;

	/* Its last line that is not progress says why. */
	for (const char *p = tail; *p != '\0';) {
		struct zmap_progress dummy;
		size_t n = strcspn(p, "\n");

		if (n > 0 && !zmap_progress_parse(p, n, &dummy))
			last = p;
		p += n + (p[n] == '\n');
	}
	len = strcspn(last, "\n");
	log_warn("zmap, shard %u: %s%s%.*s", s->o.shards[s->at].number,
	    s->hung ? "hung" : child_status_text(st, text, sizeof(text)), len > 0 ? ": " : "",
	    (int)len, last);
}

/* A zmap that has never sent anything would fare no better with the other shards. */
static void
give_up_rest(struct scan *s)
{
	size_t n = 0;

	for (size_t i = s->at; i < s->o.nshards; i++) {
		if (s->o.shards[i].state == SHARD_TODO) {
			s->o.shards[i].state = SHARD_GIVEN_UP;
			n++;
		}
	}
	if (n > 0)
		log_error("zmap has sent nothing at all: the %zu other shards are not tried", n);
}

static void
retry_later(struct scan *s)
{
	struct scan_shard *sh = current(s);
	/* One that ran for a while and died is no reason to wait long. */
	unsigned exponent = s->has_progress ? 0 : s->failures < 6 ? s->failures : 6;
	uint64_t ms = (uint64_t)BACKOFF_MS << exponent;

	if (++s->failures > s->o.max_failures) {
		log_error("zmap, shard %u: given up after %u %s; survey run will try it again",
		    sh->number, sh->attempts, text_noun(sh->attempts, "attempt", "attempts"));
		sh->state = SHARD_GIVEN_UP;
		s->failures = 0;
		if (!s->worked)
			give_up_rest(s);
		s->o.on_shard(sh, s->o.arg);
		ms = BACKOFF_MS;
	}
	uv_timer_start(&s->timer, on_backoff, ms < BACKOFF_MAX ? ms : BACKOFF_MAX, 0);
}

/* What has ended while nothing was to be sent any more is not to be relied upon. */
static enum shard_state
state_of_ended(const struct scan *s, bool ok)
{
	if (!ok || s->error != 0 || (s->o.confirm && s->paused))
		return SHARD_TODO;
	return s->o.confirm ? SHARD_UNCONFIRMED : SHARD_DONE;
}

static void
on_zmap_exit(struct child *c, const struct child_status *st, void *arg)
{
	struct scan *s = arg;
	struct scan_shard *sh = current(s);
	bool ok = child_status_ok(st) && !s->hung;

	s->child = NULL;
	uv_timer_stop(&s->timer);
	(void)ndjson_torn(&s->hits); /* a whole line or no hit */
	(void)ndjson_torn(&s->messages);
	sh->ended = time(NULL);
	sh->sent = s->progress.sent;
	sh->received = s->progress.received;
	s->progress = (struct zmap_progress){ .sent = 0 };
	sh->user_s += st->user_s;
	sh->sys_s += st->sys_s;
	if (st->maxrss_kb > sh->maxrss_kb)
		sh->maxrss_kb = st->maxrss_kb;
	if (ok && s->error == 0 && spool_sync(&s->spool) == -1)
		s->error = errno;
	spool_close(&s->spool);
	sh->hits = s->nhits;
	s->ended_at[s->at] = ++s->nended;
	sh->state = state_of_ended(s, ok);
	s->o.on_shard(sh, s->o.arg);
	if (ok) {
		s->failures = 0;
		next_shard(s);
	} else if (s->stopping || s->error != 0 || s->paused) {
		next_shard(s);
	} else {
		report_failure(s, c, st);
		retry_later(s);
	}
}

static int
open_spool(struct scan *s, unsigned shard)
{
	char *name = xasprintf(SHARD_NAME, shard);
	char *path = path_join(s->o.directory, name);
	int rc = spool_open(&s->spool, path, NULL);

	if (rc == -1) {
		s->error = errno;
		log_error("%s: %s", path, strerror(errno));
	}
	free(path);
	free(name);
	return rc;
}

static void
start_shard(struct scan *s)
{
	struct scan_shard *sh = current(s);
	struct zmap_request req = zmap_request_make(&s->o.zmap, sh->number);
	struct child_opts co = {
		.on_stdout = on_stdout, .on_stderr = on_stderr, .on_exit = on_zmap_exit, .arg = s
	};
	char **argv = NULL;

	if (open_spool(s, sh->number) == -1) {
		finish(s);
		return;
	}
	if (s->o.broker != NULL) {
		co.broker = s->o.broker;
		co.tool = s->o.tool;
		co.req = &req;
		co.req_len = sizeof(req);
	} else {
		argv = zmap_argv(&s->o.zmap, sh->number);
		co.argv = (const char *const *)argv;
		co.fds = s->o.lists;
		co.nfds = s->o.lists != NULL ? 2 : 0;
	}
	s->progress = (struct zmap_progress){ .sent = 0 };
	s->nhits = 0;
	s->has_progress = false;
	s->hung = false;
	s->child = child_spawn(s->loop, &co);
	argv_free(argv);
	if (s->child == NULL) {
		log_warn("zmap could not be started: %s", strerror(errno));
		spool_close(&s->spool);
		retry_later(s);
		return;
	}
	sh->state = SHARD_STARTED;
	sh->attempts++;
	sh->started = time(NULL);
	sh->ended = 0;
	uv_timer_start(&s->timer, on_watchdog, s->o.start_ms != 0 ? s->o.start_ms : START_MS, 0);
	s->o.on_shard(sh, s->o.arg);
}

struct scan *
scan_new(uv_loop_t *loop, const struct scan_opts *o)
{
	struct scan *s = xcalloc(1, sizeof(*s));

	s->o = *o;
	s->loop = loop;
	s->ended_at = xcalloc(o->nshards + 1, sizeof(*s->ended_at));
	s->spool.fd = -1;
	ndjson_init(&s->hits, MAX_LINE, on_hit_line, s);
	ndjson_init(&s->messages, 4096, on_message, s);
	uv_timer_init(loop, &s->timer);
	s->timer.data = s;
	for (size_t i = 0; i < o->nshards; i++) {
		if (o->shards[i].state != SHARD_DONE)
			o->shards[i].state = SHARD_TODO;
	}
	uv_timer_start(&s->timer, on_backoff, 0, 0);
	return s;
}

void
scan_stop(struct scan *s)
{
	s->stopping = true;
	if (s->child != NULL)
		child_stop(s->child, STOP_MS);
	else
		finish(s);
}

void
scan_pause(struct scan *s, bool pause)
{
	if (s->done || s->paused == pause)
		return;
	s->paused = pause;
	if (pause && s->child != NULL)
		child_stop(s->child, STOP_MS);
	else if (!pause && s->child == NULL)
		uv_timer_start(&s->timer, on_backoff, 0, 0);
}

uint64_t
scan_mark(const struct scan *s)
{
	return s->nended;
}

void
scan_confirm(struct scan *s, uint64_t mark)
{
	for (size_t i = 0; i < s->o.nshards; i++) {
		if (s->o.shards[i].state == SHARD_UNCONFIRMED && s->ended_at[i] <= mark)
			s->o.shards[i].state = SHARD_DONE;
	}
	if (s->waiting && !s->done)
		next_shard(s);
}

void
scan_repeat(struct scan *s, size_t at)
{
	s->o.shards[at].state = SHARD_TODO;
	s->rewind = true;
}

const struct zmap_progress *
scan_progress(const struct scan *s)
{
	return &s->progress;
}

void
scan_free(struct scan *s)
{
	if (s == NULL)
		return;
	ndjson_fini(&s->hits);
	ndjson_fini(&s->messages);
	free(s->ended_at);
	free(s);
}
