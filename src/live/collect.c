#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "survey/buf.h"
#include "survey/command.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/outside.h"
#include "survey/signals.h"
#include "survey/text.h"

#include "collect.h"
#include "metrics.h"
#include "quiet.h"

#define SAVE_MS 10000
#define DRAIN_MS 30000
#define QUIET_MS 1000
#define OPT_OUT_MS 2000 /* between two looks at the opt-outs */

static const int stop_signals[3] = { SIGINT, SIGTERM, SIGHUP };

static void end_if_done(struct collect *c);

/* Is the rest left to the next session? */
static bool
over(const struct collect *c)
{
	return c->s->stopped || c->cut_short;
}

/* What is counted elsewhere goes to the manifest. */
static void
count(struct collect *c)
{
	struct survey *s = c->s;
	struct manifest_counts *n = &s->m.counts;
	struct rusage ru;
	uint64_t sent = 0;

	for (size_t i = 0; i < s->m.nshards; i++)
		sent += s->m.shards[i].sent;
	n->probed = sent;
	n->opted_out = c->opted_out;
	if (c->grab != NULL) {
		const struct grab_stats *g = grab_stats(c->grab);

		n->queued = g->queued;
		n->opted_out += g->refused;
		n->records = c->before.done + g->done;
		n->second_pass = c->before.second_pass + g->second_pass;
		n->second_pass_gained = c->before.second_pass_gained + g->second_pass_gained;
		n->given_up = c->before.given_up + g->given_up;
		n->repeated = c->before.repeated + g->repeated;
		n->garbage = c->before.garbage + g->garbage;
		n->zgrab2_restarts = c->before.restarts + g->restarts;
		for (int row = 0; row < NPORTS; row++)
			for (int end = 0; end < GRAB_NENDS; end++)
				n->ports[row][end] = c->before.ports[row][end] + g->ports[row][end];
	}
	if (c->resolve != NULL)
		resolve_counts(c->resolve, &n->dns_asked, &n->dns_answered, &n->dns_failed);
	collect_note_progress(c);
	getrusage(RUSAGE_SELF, &ru);
	s->m.own_cpu_s = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
			 (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
	s->m.own_maxrss_kb = ru.ru_maxrss;
}

void
collect_save(struct collect *c)
{
	struct survey *s = c->s;

	count(c);
	if (manifest_write(&s->m, s->dir.path) == -1)
		collect_disk_error(c, "run.json", errno);
}

static void
on_metrics(uv_timer_t *t)
{
	struct collect *c = t->data;

	count(c);
	metrics_write(&c->s->m, c->s->c->run.metrics_file);
}

static void
on_save(uv_timer_t *t)
{
	collect_save(t->data);
}

static void
on_shard(const struct scan_shard *shard, void *arg)
{
	struct collect *c = arg;

	bool ended = shard->state == SHARD_DONE || shard->state == SHARD_UNCONFIRMED;

	if (shard->state == SHARD_GIVEN_UP)
		c->s->incomplete = true;
	manifest_note_shard(&c->s->m, shard, c->s->zmap_params.rate_pps, &c->s->source);
	if (ended)
		log_debug("shard %u done: %llu %s so far", shard->number,
		    (unsigned long long)c->s->m.counts.hits,
		    text_noun(c->s->m.counts.hits, "hit", "hits"));
	/* What the shard found must be on disk before the manifest calls it done. */
	if (ended && c->error == 0 && spool_sync(&c->hits) == -1)
		collect_disk_error(c, c->hits.path, errno);
	if (c->error == 0)
		hold_shard(c, shard);
	collect_save(c);
}

static void
stage_begin(struct collect *c, enum stage_id id)
{
	struct stage_record *r = &c->s->m.stages[id];

	r->state = STAGE_RUNNING;
	if (r->started == 0)
		r->started = time(NULL);
	r->ended = 0;
}

static void
stage_end(struct collect *c, enum stage_id id, bool complete)
{
	struct stage_record *r = &c->s->m.stages[id];

	r->state = complete ? STAGE_DONE : STAGE_INCOMPLETE;
	r->ended = time(NULL);
	r->wall_s += (double)(uv_now(&c->s->loop) - c->started_ms) / 1000;
}

static void
on_scan_done(int error, void *arg)
{
	struct collect *c = arg;
	struct manifest *m = &c->s->m;
	bool all = error == 0;

	c->scan_done = true;
	if (error != 0 && c->error == 0) {
		c->error = error;
		if (c->grab != NULL && !c->grab_done)
			grab_stop(c->grab, 0);
	}
	for (size_t i = 0; i < m->nshards; i++)
		all = all && m->shards[i].state == SHARD_DONE;
	stage_end(c, STAGE_SCAN, all);
	for (size_t i = 0; i < m->nshards; i++) {
		m->stages[STAGE_SCAN].cpu_s += m->shards[i].user_s + m->shards[i].sys_s;
		if (m->shards[i].maxrss_kb > m->stages[STAGE_SCAN].maxrss_kb)
			m->stages[STAGE_SCAN].maxrss_kb = m->shards[i].maxrss_kb;
	}
	scan_free(c->scan);
	c->scan = NULL;
	if (c->grab != NULL && !c->grab_done)
		grab_finish(c->grab);
	end_if_done(c);
}

static int
on_record(const struct ip *ip, const char *line, size_t len, void *arg)
{
	struct collect *c = arg;
	bool is_new;
	uint32_t id;

	if (spool_write(&c->records, line, len) == -1) {
		int error = errno;

		collect_disk_error(c, c->records.path, error);
		return error;
	}
	id = iptab_add(&c->hosts, ip, &is_new);
	*collect_known(c, id) |= KNOWN_RECORD;
	hold_record(c, id);
	if (c->resolve != NULL)
		resolve_record(c->resolve, line, len);
	return 0;
}

static void
on_garbage(const char *reason, const char *line, size_t len, void *arg)
{
	collect_put_bad(arg, "zgrab2", reason, 0, line, len);
}

static bool
on_allowed(const struct ip *ip, void *arg)
{
	struct collect *c = arg;

	return target_check(c->s, ip) == TARGET_OK;
}

static void
on_grab_done(int error, void *arg)
{
	struct collect *c = arg;
	struct stage_record *r = &c->s->m.stages[STAGE_GRAB];
	const struct grab_stats *g = grab_stats(c->grab);
	uint64_t given_up;
	bool all;

	c->grab_done = true;
	if (error == ECHILD)
		c->s->failed = true;
	else if (error != 0 && c->error == 0)
		c->error = error;
	given_up = c->before.given_up + g->given_up;
	if (given_up > 0)
		c->s->incomplete = true;
	all = c->error == 0 && !c->s->failed && !over(c);
	if (all) /* a canary has answered since */
		c->s->m.canaries.nunheard = 0;
	stage_end(c, STAGE_GRAB, all && given_up == 0);
	r->cpu_s += g->user_s + g->sys_s;
	if (g->maxrss_kb > r->maxrss_kb)
		r->maxrss_kb = g->maxrss_kb;
	if ((c->s->failed || c->error != 0) && c->scan != NULL)
		scan_stop(c->scan);
	/* After a stop the drain is bounded: what is not answered now, the next run asks. */
	if (c->resolve != NULL && !c->dns_done) {
		if (over(c) || c->error != 0)
			resolve_stop(c->resolve);
		else
			resolve_finish(c->resolve);
	}
	end_if_done(c);
}

static void
on_dns_done(int error, bool complete, void *arg)
{
	struct collect *c = arg;

	c->dns_done = true;
	if (error != 0)
		collect_disk_error(c, "dns.ndjson", error);
	if (!complete && !over(c))
		c->s->incomplete = true;
	stage_end(c, STAGE_DNS, complete);
	end_if_done(c);
}

static void
end_if_done(struct collect *c)
{
	if (!c->scan_done || !c->grab_done || !c->dns_done || c->ending)
		return;
	c->ending = true;
	for (size_t i = 0; i < 3; i++)
		uv_close((uv_handle_t *)&c->signals[i], NULL);
	signals_catch(); /* libuv has put the defaults back */
	hold_end(c);
	uv_close((uv_handle_t *)&c->save, NULL);
	uv_close((uv_handle_t *)&c->metrics, NULL);
	uv_close((uv_handle_t *)&c->show, NULL);
	uv_close((uv_handle_t *)&c->quiet, NULL);
	uv_close((uv_handle_t *)&c->opt_out, NULL);
}

/*
 * Somebody has opted out.  Until it is known who, nobody is asked: the safe
 * side is silence.
 */
static void
reread_opt_out(struct collect *c)
{
	const struct survey *s = c->s;
	const char *path = s->c->scan.opt_out_file;
	bool was = c->opt_out_unknown;

	if (path[0] == '\0')
		return;
	c->opt_out_unknown = targets_read_opt_out(c->s, !was) != 0;
	if (!c->opt_out_unknown)
		log_info("%s read again: %zu %s%s", path, s->opt_out.n,
		    text_noun(s->opt_out.n, "range", "ranges"),
		    was ? "; hosts are asked again" : "");
	else if (!was)
		log_error("%s: no host is asked any more until it can be read; mend it, or stop "
			  "survey (it goes on later)",
		    path);
}

/* Whoever changes the file (survey optout) need not know which surveys run, nor where. */
static void
on_opt_out_timer(uv_timer_t *t)
{
	struct collect *c = t->data;
	const struct stat *seen = &c->s->opt_out_seen;
	struct stat now;

	if (stat(c->s->c->scan.opt_out_file, &now) == -1)
		return; /* what was read is in force; SIGHUP would have it missed */
	if (c->opt_out_unknown || now.st_ino != seen->st_ino || now.st_size != seen->st_size ||
	    now.st_mtim.tv_sec != seen->st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec) {
		reread_opt_out(c);
		hold_apply(c);
	}
}

/* Hosts in flight have so long to finish. */
static void
stop_all(struct collect *c, uint64_t drain_ms)
{
	if (c->scan != NULL && !c->scan_done)
		scan_stop(c->scan);
	if (c->grab != NULL && !c->grab_done)
		grab_stop(c->grab, drain_ms);
	else if (c->resolve != NULL && !c->dns_done)
		resolve_stop(c->resolve);
}

void
collect_cut_short(struct collect *c)
{
	if (over(c))
		return;
	c->cut_short = true;
	stop_all(c, DRAIN_MS);
}

static void
on_signal(uv_signal_t *h, int sig)
{
	struct collect *c = h->data;
	uint64_t drain = c->s->stopped ? 0 : DRAIN_MS;

	if (sig == SIGHUP) {
		reread_opt_out(c);
		hold_apply(c);
		return;
	}
	log_info(
	    c->s->stopped
		? "stopping at once"
		: "stopping: hosts in flight have 30 s to finish; Ctrl-C once more stops at once");
	c->s->stopped = true;
	stop_all(c, drain);
}

static void
on_show(uv_timer_t *t)
{
	struct collect *c = t->data;
	struct progress_row rows[PROGRESS_ROWS];

	collect_figures(c, rows);
	progress_show(c->progress, rows);
}

static void
on_quiet(uv_timer_t *t)
{
	struct collect *c = t->data;
	struct tm tm;
	time_t now = time(NULL);

	localtime_r(&now, &tm);
	c->is_quiet = quiet_now(
	    c->s->c->scan.quiet_from_min, c->s->c->scan.quiet_to_min, tm.tm_hour * 60 + tm.tm_min);
	hold_apply(c);
}

/* scan.source_ip, and the kernel's choice for hosts of the other family, which it cannot reach. */
static void
choose_local_addresses(struct collect *c)
{
	const char *mine = c->s->c->scan.source_ip;
	struct zgrab2_request *r = &c->zgrab2;

	if (mine[0] == '\0' || !ip_parse(mine, strlen(mine), &r->local[0]))
		return;
	r->nlocal = 1;
	for (size_t i = 0; i < c->hosts.n && r->nlocal == 1; i++) {
		if (c->hosts.ip[i].family != r->local[0].family &&
		    outside_source(c->s->outside, &c->hosts.ip[i], &r->local[1]))
			r->nlocal = 2;
	}
}

static void
start_timers(struct collect *c)
{
	uv_loop_t *loop = &c->s->loop;

	for (size_t i = 0; i < 3; i++) {
		uv_signal_init(loop, &c->signals[i]);
		c->signals[i].data = c;
	}
	uv_timer_init(loop, &c->save);
	uv_timer_init(loop, &c->metrics);
	uv_timer_init(loop, &c->show);
	uv_timer_init(loop, &c->quiet);
	uv_timer_init(loop, &c->opt_out);
	c->metrics.data = c->save.data = c->show.data = c->quiet.data = c->opt_out.data = c;
	uv_timer_start(&c->save, on_save, SAVE_MS, SAVE_MS);
	if (c->s->c->run.metrics_file[0] != '\0')
		uv_timer_start(&c->metrics, on_metrics, 0, METRICS_MS);
	if (c->s->c->scan.opt_out_file[0] != '\0')
		uv_timer_start(&c->opt_out, on_opt_out_timer, OPT_OUT_MS, OPT_OUT_MS);
	if (c->s->c->scan.quiet_hours[0] != '\0')
		uv_timer_start(&c->quiet, on_quiet, QUIET_MS, QUIET_MS);
}

/* Once it is known what was done before: that is no speed. */
static void
start_progress(struct collect *c)
{
	uint64_t show_ms = progress_interval_ms(c->progress);
	struct progress_row rows[PROGRESS_ROWS];

	collect_figures(c, rows);
	uv_timer_start(&c->show, on_show, show_ms, show_ms);
}

/*
 * From here on the loop takes signals; what came before is not forgotten.  Whether anything may be
 * sent is not known yet.
 */
static void
start_signals(struct collect *c)
{
	for (size_t i = 0; i < 3; i++)
		uv_signal_start(&c->signals[i], on_signal, stop_signals[i]);
	if (signals_hangup())
		reread_opt_out(c);
	c->s->stopped = c->s->stopped || *signals_stop() != 0;
}

static void
start_scan(struct collect *c)
{
	struct survey *s = c->s;
	struct scan_opts so = { .zmap = s->zmap_params,
		.directory = s->scan_dir,
		.shards = s->m.shards,
		.nshards = s->m.nshards,
		.confirm = c->hold.canaries != NULL,
		.on_unconfirmed = hold_unconfirmed,
		.max_failures = (unsigned)s->c->grab.restarts,
		.lists = s->lists.fd,
		.broker = s->broker.fd != -1   ? &s->broker
			  : s->outside != NULL ? &s->outside->broker
					       : NULL,
		.tool = OUTSIDE_ZMAP,
		.on_hit = collect_hit,
		.on_shard = on_shard,
		.on_done = on_scan_done,
		.arg = c };

	so.zmap.seed = s->m.seed;
	so.zmap.shards = s->m.shards_total;
	c->scan = scan_new(&s->loop, &so);
}

static void
make_grab(struct collect *c, const char *smtp_name)
{
	struct survey *s = c->s;
	struct grab_opts go = { .config = s->c,
		.zgrab2 = s->zgrab2_params,
		.request = &c->zgrab2,
		.fds = s->zgrab2_fds,
		.nfds = sizeof(s->zgrab2_fds) / sizeof(s->zgrab2_fds[0]),
		.broker = s->outside != NULL ? &s->outside->broker : NULL,
		.tool = OUTSIDE_ZGRAB2,
		.smtp_name = smtp_name,
		.geo = s->geo,
		.share = 1.0 / (double)s->o->machines,
		.on_record = on_record,
		.on_garbage = on_garbage,
		.allowed = on_allowed,
		.may_end = hold_confirmed,
		.on_done = on_grab_done,
		.arg = c };

	c->grab = grab_new(&s->loop, &go);
}

int
collect(struct survey *s, bool do_scan, bool do_grab, bool do_dns)
{
	struct collect c = { .s = s,
		.do_grab = do_grab,
		.hits.fd = -1,
		.abroad.fd = -1,
		.records.fd = -1,
		.bad.fd = -1 };
	char *smtp_name = grab_smtp_name(s->c, &s->source);
	bool no_more;
	int rc = EXIT_FAILED;

	c.before.repeated = s->m.counts.repeated;
	c.before.garbage = s->m.counts.garbage;
	c.before.restarts = (unsigned)s->m.counts.zgrab2_restarts;
	uv_update_time(&s->loop);
	c.started_ms = uv_now(&s->loop);
	iptab_init(&c.hosts);
	if (do_scan && survey_scans(s) && (rc = plan_shards(s)) != 0)
		goto out;
	rc = EXIT_FAILED;
	if (collect_open(&c) == -1)
		goto out;
	c.dns_done = !do_dns;
	c.grab_done = !do_grab;
	if (do_dns && (c.resolve = resolve_new(s, on_dns_done, &c)) == NULL) {
		s->m.stages[STAGE_DNS].state = STAGE_FAILED;
		goto out; /* known before anything is sent, not after days */
	}
	if (do_dns)
		stage_begin(&c, STAGE_DNS);
	c.progress = progress_new(s->o->json_progress);
	start_timers(&c);
	if (do_grab) {
		make_grab(&c, smtp_name);
		grab_pause(c.grab, true); /* until all that is known forbids it or not */
	}
	c.list_was_read = s->m.stages[STAGE_SCAN].state == STAGE_DONE;
	stage_begin(&c, STAGE_SCAN);
	if (do_grab)
		stage_begin(&c, STAGE_GRAB);
	hold_know_unheard(&c);
	if (collect_load(&c) == -1 && c.error == 0)
		c.error = EIO;
	choose_local_addresses(&c);
	start_progress(&c);
	start_signals(&c);
	no_more = c.error != 0 || s->stopped;
	if (!no_more)
		hold_start(&c);
	c.scan_done = no_more || !survey_scans(s);
	if (c.scan_done)
		stage_end(&c, STAGE_SCAN, !no_more && spool_sync(&c.hits) == 0);
	else
		start_scan(&c);
	on_quiet(&c.quiet);
	collect_save(&c);
	if (no_more && c.grab != NULL)
		grab_stop(c.grab, 0);
	else if (c.scan_done && c.grab != NULL)
		grab_finish(c.grab);
	end_if_done(&c);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	collect_save(&c);
	progress_end(c.progress);
	rc = c.error != 0 || s->failed ? EXIT_FAILED : c.cut_short ? EXIT_INCOMPLETE : 0;
out:
	resolve_free(c.resolve);
	grab_free(c.grab);
	progress_free(c.progress);
	spool_close(&c.hits);
	spool_close(&c.abroad);
	spool_close(&c.records);
	spool_close(&c.bad);
	hold_fini(&c);
	iptab_fini(&c.hosts);
	free(c.known);
	free(smtp_name);
	return rc;
}
