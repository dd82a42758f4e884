#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/command.h"
#include "survey/file.h"
#include "survey/grab.h"
#include "survey/iptab.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/simd.h"
#include "survey/spool.h"

#include "progress.h"
#include "quiet.h"
#include "resolve.h"
#include "signals.h"
#include "survey.h"

#define SAVE_MS 10000
#define DRAIN_MS 30000
#define QUIET_MS 1000
#define BAD_TEXT 4096 /* of a line that could not be read, this much is kept */

/* What is known of an address; flags, by its number in the table. */
enum { KNOWN_HIT = 1, KNOWN_RECORD = 2, KNOWN_SECOND = 4 };

struct collect {
	struct survey *s;
	struct scan *scan;
	struct grab *grab;
	struct resolve *resolve;
	struct progress *progress;
	struct iptab hosts;
	uint8_t *known;
	size_t known_cap;
	struct spool hits, abroad, records, bad;
	uv_signal_t signals[3];
	uv_timer_t save, show, quiet;
	struct grab_stats before; /* of earlier sessions */
	uint64_t opted_out; /* addresses that were not even queued */
	uint64_t started_ms;
	char local_addr[2 * IP_STRLEN + 1]; /* for zgrab2, which wants one of each family */
	uint64_t nlisted; /* addresses of scan.list, read now */
	bool do_grab, do_dns;
	bool list_was_read; /* by an earlier session, to its end */
	bool scan_done, grab_done, dns_done;
	bool ending;
	int error;
};

static const int stop_signals[3] = { SIGINT, SIGTERM, SIGHUP };

static uint8_t *
known(struct collect *c, uint32_t id)
{
	size_t old = c->known_cap;

	mem_grow(&c->known, &c->known_cap, (size_t)id + 1, 1);
	if (c->known_cap > old)
		memset(c->known + old, 0, c->known_cap - old);
	return &c->known[id];
}

static void end_if_done(struct collect *c);

/* A file could not be written: stop everything, once. */
static void
disk_error(struct collect *c, const char *path, int error)
{
	if (c->error != 0)
		return;
	c->error = error;
	log_error("%s: %s; %s, then run survey again: it goes on from here", path, strerror(error),
	    error == ENOSPC || error == EDQUOT ? "free some space" : "mend that");
	if (c->scan != NULL && !c->scan_done)
		scan_stop(c->scan);
	if (c->grab != NULL && !c->grab_done)
		grab_stop(c->grab, 0);
}

static void
put(struct collect *c, struct spool *sp, const char *data, size_t len)
{
	if (c->error == 0 && spool_write(sp, data, len) == -1)
		disk_error(c, sp->path, errno);
}

static void
put_address(struct collect *c, struct spool *sp, const struct ip *ip)
{
	char line[IP_STRLEN + 1];

	size_t len;

	len = strlen(ip_format(ip, line));
	line[len++] = '\n';
	put(c, sp, line, len);
}

static void
put_bad(struct collect *c, const char *source, const char *reason, uint64_t offset,
    const char *text, size_t len)
{
	struct jsonw w;

	jsonw_init(&w, NULL);
	jsonw_object(&w);
	jsonw_key(&w, "source");
	jsonw_string(&w, source);
	jsonw_key(&w, "reason");
	jsonw_string(&w, reason);
	jsonw_key(&w, "offset");
	jsonw_uint(&w, offset);
	jsonw_key(&w, "bytes");
	jsonw_uint(&w, len);
	jsonw_key(&w, "text");
	jsonw_stringn(&w, text, len < BAD_TEXT ? len : BAD_TEXT);
	jsonw_end_object(&w);
	jsonw_newline(&w);
	put(c, &c->bad, w.out.data, w.out.len);
	jsonw_fini(&w);
}

/* An address that has been found: is it to be grabbed? */
static void
consider(struct collect *c, const struct ip *ip)
{
	struct manifest_counts *n = &c->s->m.counts;

	switch (target_check(c->s, ip)) {
	case TARGET_OK:
		if (c->do_grab)
			grab_add(c->grab, ip);
		break;
	case TARGET_ABROAD:
		n->out_of_country++;
		put_address(c, &c->abroad, ip);
		break;
	case TARGET_OPTED_OUT:
		c->opted_out++;
		break;
	case TARGET_BLOCKED:
	case TARGET_NOT_ALLOWED:
		n->refused++;
		break;
	}
}

static void
on_hit(const struct ip *ip, void *arg)
{
	struct collect *c = arg;
	bool is_new;
	uint8_t *flags = known(c, iptab_add(&c->hosts, ip, &is_new));

	if (*flags & KNOWN_HIT)
		return;
	*flags |= KNOWN_HIT;
	c->s->m.counts.hits++;
	put_address(c, &c->hits, ip);
	if (!(*flags & KNOWN_RECORD))
		consider(c, ip);
}

static void
save_manifest(struct collect *c)
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
	getrusage(RUSAGE_SELF, &ru);
	s->m.own_cpu_s = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
			 (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
	s->m.own_maxrss_kb = ru.ru_maxrss;
	if (manifest_write(&s->m, s->dir.path) == -1)
		disk_error(c, "run.json", errno);
}

static void
on_save(uv_timer_t *t)
{
	save_manifest(t->data);
}

static void
on_shard(const struct scan_shard *shard, void *arg)
{
	struct collect *c = arg;

	if (shard->state == SHARD_GIVEN_UP)
		c->s->incomplete = true;
	manifest_note_shard(&c->s->m, shard, c->s->zmap_params.rate_pps, &c->s->source);
	if (shard->state == SHARD_DONE)
		log_debug("shard %u done: %llu hits so far", shard->number,
		    (unsigned long long)c->s->m.counts.hits);
	/* What the shard found must be on disk before the manifest calls it done. */
	if (shard->state == SHARD_DONE && c->error == 0 && spool_sync(&c->hits) == -1)
		disk_error(c, c->hits.path, errno);
	save_manifest(c);
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

	if (spool_write(&c->records, line, len) == -1) {
		int error = errno;

		disk_error(c, c->records.path, error);
		return error;
	}
	*known(c, iptab_add(&c->hosts, ip, &is_new)) |= KNOWN_RECORD;
	if (c->resolve != NULL)
		resolve_record(c->resolve, line, len);
	return 0;
}

static void
on_garbage(const char *reason, const char *line, size_t len, void *arg)
{
	put_bad(arg, "zgrab2", reason, 0, line, len);
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

	c->grab_done = true;
	if (error == ECHILD)
		c->s->failed = true;
	else if (error != 0 && c->error == 0)
		c->error = error;
	given_up = c->before.given_up + g->given_up;
	if (given_up > 0)
		c->s->incomplete = true;
	stage_end(c, STAGE_GRAB, error == 0 && given_up == 0 && !c->s->stopped);
	r->cpu_s += g->user_s + g->sys_s;
	if (g->maxrss_kb > r->maxrss_kb)
		r->maxrss_kb = g->maxrss_kb;
	if ((c->s->failed || c->error != 0) && c->scan != NULL)
		scan_stop(c->scan);
	/* After a stop the drain is bounded: what is not answered now, the next run asks. */
	if (c->resolve != NULL && !c->dns_done) {
		if (c->s->stopped)
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
		disk_error(c, "dns.ndjson", error);
	if (!complete && !c->s->stopped)
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
	uv_close((uv_handle_t *)&c->save, NULL);
	uv_close((uv_handle_t *)&c->show, NULL);
	uv_close((uv_handle_t *)&c->quiet, NULL);
}

static void
reread_opt_out(struct survey *s)
{
	if (s->c->scan.opt_out_file[0] != '\0' && targets_read_opt_out(s) == 0)
		log_info("%s read again: %zu ranges", s->c->scan.opt_out_file, s->opt_out.n);
}

static void
on_signal(uv_signal_t *h, int sig)
{
	struct collect *c = h->data;
	uint64_t drain = c->s->stopped ? 0 : DRAIN_MS;

	if (sig == SIGHUP) {
		reread_opt_out(c->s);
		return;
	}
	log_info(c->s->stopped
		     ? "stopping at once"
		     : "stopping: hosts in flight have 30 s to finish; once more for at once");
	c->s->stopped = true;
	if (c->scan != NULL && !c->scan_done)
		scan_stop(c->scan);
	if (c->grab != NULL && !c->grab_done)
		grab_stop(c->grab, drain);
	else if (c->resolve != NULL && !c->dns_done)
		resolve_stop(c->resolve);
}

static double
scan_total(const struct survey *s)
{
	return (double)s->m.counts.targets_v4 * (double)s->c->scan.probes * (double)s->m.nshards /
	       (double)s->m.shards_total;
}

static void
count_progress(struct collect *c, struct progress_row rows[PROGRESS_ROWS])
{
	struct survey *s = c->s;
	uint64_t sent = 0;

	memset(rows, 0, PROGRESS_ROWS * sizeof(*rows));
	if (s->c->scan.mode == SCAN_ZMAP) {
		for (size_t i = 0; i < s->m.nshards; i++)
			sent += s->m.shards[i].state == SHARD_DONE ? s->m.shards[i].sent : 0;
		rows[0] = (struct progress_row){ .name = "scan",
			.unit = "probes",
			.done = (double)sent +
				(c->scan != NULL ? (double)scan_progress(c->scan)->sent : 0),
			.total = scan_total(s) };
		snprintf(rows[0].note, sizeof(rows[0].note), "%llu hits",
		    (unsigned long long)s->m.counts.hits);
	}
	if (c->grab != NULL) {
		const struct grab_stats *g = grab_stats(c->grab);
		uint64_t done = c->before.done + g->done, ok[NPORTS], errors = 0;
		size_t n = 0;

		rows[1] = (struct progress_row){ .name = "grab",
			.unit = "hosts",
			.done = (double)done,
			.total = (double)(done + g->queued + g->in_flight) };
		n += (size_t)snprintf(rows[1].note, sizeof(rows[1].note), "open:");
		for (int row = 0; row < NPORTS && n < sizeof(rows[1].note) - 24; row++) {
			ok[row] = c->before.ports[row][GRAB_SUCCESS] + g->ports[row][GRAB_SUCCESS];
			for (int end = GRAB_TIMEOUT; end < GRAB_NENDS; end++)
				errors += c->before.ports[row][end] + g->ports[row][end];
			if (s->c->grab.port[row])
				n += (size_t)snprintf(rows[1].note + n, sizeof(rows[1].note) - n,
				    " %u=%llu", port_table[row].port, (unsigned long long)ok[row]);
		}
		n += (size_t)snprintf(rows[1].note + n, sizeof(rows[1].note) - n, ", %llu errors",
		    (unsigned long long)errors);
		if (g->given_up > 0 && n < sizeof(rows[1].note))
			snprintf(rows[1].note + n, sizeof(rows[1].note) - n, ", %llu given up",
			    (unsigned long long)g->given_up);
	}
	if (c->resolve != NULL) {
		uint64_t asked, answered, failed;

		resolve_counts(c->resolve, &asked, &answered, &failed);
		rows[2] = (struct progress_row){ .name = "dns",
			.unit = "answers",
			.done = (double)answered,
			.total = (double)asked };
		snprintf(rows[2].note, sizeof(rows[2].note), "%llu without one",
		    (unsigned long long)failed);
	}
}

static void
on_show(uv_timer_t *t)
{
	struct collect *c = t->data;
	struct progress_row rows[PROGRESS_ROWS];

	count_progress(c, rows);
	progress_show(c->progress, rows, uv_now(&c->s->loop));
}

static void
on_quiet(uv_timer_t *t)
{
	struct collect *c = t->data;
	struct tm tm;
	time_t now = time(NULL);
	bool quiet;

	localtime_r(&now, &tm);
	quiet = quiet_now(
	    c->s->c->scan.quiet_from_min, c->s->c->scan.quiet_to_min, tm.tm_hour * 60 + tm.tm_min);
	if (c->scan != NULL && !c->scan_done)
		scan_pause(c->scan, quiet);
	if (c->grab != NULL && !c->grab_done)
		grab_pause(c->grab, quiet);
}

/* A seed, and the shards that this machine runs; kept for the life of the run. */
static void
plan_shards(struct survey *s)
{
	const struct config *c = s->c;
	unsigned machines = s->o->machines, per_machine;

	if (s->m.nshards > 0)
		return;
	per_machine = zmap_shards(c, s->m.counts.targets_v4, machines);
	s->m.seed = (uint64_t)c->scan.seed;
	while (s->m.seed == 0) {
		uint32_t r = 0;

		if (getrandom(&r, sizeof(r), 0) == sizeof(r))
			s->m.seed = r & 0x7fffffff;
	}
	s->m.machine = s->o->machine;
	s->m.machines = machines;
	s->m.shards_total = per_machine * machines;
	s->m.nshards = per_machine;
	s->m.shards = xcalloc(per_machine, sizeof(*s->m.shards));
	for (unsigned i = 0; i < per_machine; i++)
		s->m.shards[i].number = s->o->machine * per_machine + i;
}

/* Each line of a file as an address; lines that are none are counted. */
static int
each_address(const char *path, void (*fn)(const struct ip *, void *), void *arg, uint64_t *bad)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	int error;

	if (f == NULL)
		return errno == ENOENT ? 0 : -1;
	while (getline(&line, &cap, f) > 0) {
		const char *text = line + strspn(line, " \t");
		size_t len = strcspn(text, " \t\r\n,#");
		struct ip ip;

		if (ip_parse(text, len, &ip))
			fn(&ip, arg);
		else if (len > 0)
			++*bad;
	}
	error = ferror(f) ? errno : 0;
	free(line);
	if (f != stdin)
		fclose(f);
	errno = error;
	return error != 0 ? -1 : 0;
}

static void
known_hit(const struct ip *ip, void *arg)
{
	struct collect *c = arg;
	bool is_new;
	uint8_t *flags = known(c, iptab_add(&c->hosts, ip, &is_new));

	if (*flags & KNOWN_HIT)
		return;
	*flags |= KNOWN_HIT;
	c->s->m.counts.hits++;
	if (!(*flags & KNOWN_RECORD) || target_check(c->s, ip) == TARGET_ABROAD)
		consider(c, ip);
}

/* The second pass is for those that did not have it yet. */
static void
queue_second_pass(struct collect *c, const uint16_t *retry, size_t n)
{
	for (size_t id = 0; id < n && c->s->c->grab.second_pass; id++) {
		if (retry[id] != 0 && !(*known(c, (uint32_t)id) & KNOWN_SECOND))
			grab_add_second(c->grab, &c->hosts.ip[id], retry[id]);
	}
}

/* Which hosts records.fresh has, and how their ports ended. */
static int
read_records(struct collect *c)
{
	struct simd_parser *p = simd_parser_new((size_t)c->s->c->analysis.max_line);
	uint16_t *retry = NULL;
	size_t retry_cap = 0, old;
	FILE *f = fopen(c->records.path, "re");
	uint32_t wanted = 0;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	for (int row = 0; row < NPORTS; row++)
		wanted |= c->s->c->grab.port[row] ? UINT32_C(1) << row : 0;
	while (f != NULL && (n = getline(&line, &cap, f)) > 0) {
		struct grab_seen seen;
		uint32_t id;
		bool is_new, gave_up;

		if (!grab_read_record(p, line, (size_t)n, &seen))
			continue; /* analyze reports it */
		if (!seen.second && (seen.ports & wanted) != wanted)
			continue; /* not all that is configured now: asked again */
		id = iptab_add(&c->hosts, &seen.ip, &is_new);
		old = retry_cap;
		mem_grow(&retry, &retry_cap, (size_t)id + 1, sizeof(*retry));
		if (retry_cap > old)
			memset(retry + old, 0, (retry_cap - old) * sizeof(*retry));
		if (seen.second) {
			c->before.second_pass++;
			for (int row = 0; row < NPORTS; row++)
				c->before.second_pass_gained += (seen.ports &
								    (UINT32_C(1) << row)) != 0 &&
								seen.end[row] == GRAB_SUCCESS;
			*known(c, id) |= KNOWN_SECOND;
			continue;
		}
		*known(c, id) |= KNOWN_RECORD;
		c->before.done++;
		gave_up = false;
		for (int row = 0; row < NPORTS; row++) {
			if (seen.ports & (UINT32_C(1) << row)) {
				c->before.ports[row][seen.end[row]]++;
				gave_up = gave_up || seen.end[row] == GRAB_GIVEN_UP;
			}
		}
		c->before.given_up += gave_up;
		retry[id] = (uint16_t)seen.retry;
		if (c->resolve != NULL)
			resolve_record(c->resolve, line, (size_t)n);
	}
	queue_second_pass(c, retry, retry_cap < c->hosts.n ? retry_cap : c->hosts.n);
	free(retry);
	free(line);
	simd_parser_free(p);
	if (f != NULL)
		fclose(f);
	return 0;
}

static int
open_spool(struct collect *c, struct spool *sp, const char *name, struct buf *torn)
{
	char *path = path_join(c->s->dir.path, name);
	int rc = spool_open(sp, path, torn);

	if (rc == -1)
		log_error("%s: %s", path, strerror(errno));
	free(path);
	return rc;
}

static int
open_files(struct collect *c)
{
	char *abroad = path_join(c->s->dir.path, "out-of-country.ips");
	struct buf torn;
	int rc = -1;

	unlink(abroad); /* made again from zmap.ips */
	free(abroad);
	buf_init(&torn);
	if (open_spool(c, &c->bad, "records.bad", NULL) == 0 &&
	    open_spool(c, &c->hits, "zmap.ips", NULL) == 0 &&
	    open_spool(c, &c->abroad, "out-of-country.ips", NULL) == 0 &&
	    open_spool(c, &c->records, "records.fresh", &torn) == 0)
		rc = 0;
	if (rc == 0 && torn.len > 0) {
		c->s->m.counts.torn++;
		put_bad(c, "records.fresh", "torn", c->records.size, torn.data, torn.len);
	}
	buf_fini(&torn);
	return rc;
}

/* Hits that were spooled by zmap's shards but did not reach zmap.ips. */
static int
recover_spooled_hits(struct collect *c, uint64_t *bad)
{
	for (size_t i = 0; i < c->s->m.nshards; i++) {
		char *name = xasprintf("shard-%03u.ips", c->s->m.shards[i].number);
		char *path = path_join(c->s->scan_dir, name);
		int rc = each_address(path, on_hit, c, bad);

		free(name);
		free(path);
		if (rc == -1)
			return -1;
	}
	return 0;
}

static void
on_listed(const struct ip *ip, void *arg)
{
	struct collect *c = arg;

	c->nlisted++;
	on_hit(ip, c);
}

/*
 * The list of addresses.  One on standard input comes once: a session that
 * has read it to its end leaves it in zmap.ips for those that follow.
 */
static int
read_list(struct collect *c)
{
	const char *path = c->s->c->scan.list;
	bool from_stdin = strcmp(path, "-") == 0;
	uint64_t bad = 0;

	if (from_stdin && c->list_was_read)
		return 0;
	if (each_address(path, on_listed, c, &bad) == -1) {
		if (*signals_stop() != 0)
			return 0; /* waiting for input was broken off */
		log_error("%s: %s", path, strerror(errno));
		return -1;
	}
	if (from_stdin && c->s->dir.resumed && *signals_stop() == 0 && c->nlisted == 0) {
		log_error("scan.list: the last session did not read standard input to its end; "
			  "give it the whole list again");
		return -1;
	}
	if (bad > 0) {
		log_warn("%s: %llu lines are no addresses", path, (unsigned long long)bad);
		c->s->incomplete = true;
	}
	return 0;
}

/* scan.source_ip, and the kernel's choice for hosts of the other family, which it cannot reach. */
static void
choose_local_addr(struct collect *c)
{
	const char *mine = c->s->c->scan.source_ip;
	char text[IP_STRLEN];
	struct ip ip, other;

	if (mine[0] == '\0' || !ip_parse(mine, strlen(mine), &ip))
		return;
	snprintf(c->local_addr, sizeof(c->local_addr), "%s", mine);
	for (size_t i = 0; i < c->hosts.n; i++) {
		if (c->hosts.ip[i].family == ip.family || !gateway_source(&c->hosts.ip[i], &other))
			continue;
		snprintf(
		    c->local_addr, sizeof(c->local_addr), "%s,%s", mine, ip_format(&other, text));
		return;
	}
}

static int
load_state(struct collect *c)
{
	uint64_t bad = 0;
	struct manifest_counts *n = &c->s->m.counts;

	n->hits = n->out_of_country = n->refused = 0;
	if (c->grab != NULL && read_records(c) == -1)
		return -1;
	if (each_address(c->hits.path, known_hit, c, &bad) == -1)
		return -1;
	if (c->s->c->scan.mode == SCAN_LIST)
		return read_list(c);
	return recover_spooled_hits(c, &bad);
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
	uv_timer_init(loop, &c->show);
	uv_timer_init(loop, &c->quiet);
	c->save.data = c->show.data = c->quiet.data = c;
	uv_timer_start(&c->save, on_save, SAVE_MS, SAVE_MS);
	if (c->s->c->scan.quiet_hours[0] != '\0')
		uv_timer_start(&c->quiet, on_quiet, QUIET_MS, QUIET_MS);
}

/* Once it is known what was done before. */
static void
start_progress(struct collect *c)
{
	uint64_t show_ms = progress_interval_ms(c->progress);
	struct progress_row rows[PROGRESS_ROWS];

	count_progress(c, rows);
	progress_start(c->progress, rows, uv_now(&c->s->loop));
	uv_timer_start(&c->show, on_show, show_ms, show_ms);
}

/* From here on the loop takes signals; what came before is not forgotten. */
static void
start_signals(struct collect *c)
{
	for (size_t i = 0; i < 3; i++)
		uv_signal_start(&c->signals[i], on_signal, stop_signals[i]);
	if (signals_hangup())
		reread_opt_out(c->s);
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
		.max_failures = (unsigned)s->c->grab.restarts,
		.broker_fd = s->broker.fd,
		.on_hit = on_hit,
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
		.zgrab2 = s->zgrab2,
		.ini_file = s->ini_file,
		.block_file = s->block_all_file,
		.smtp_name = smtp_name,
		.local_addr = c->local_addr,
		.geo = s->geo,
		.share = 1.0 / (double)s->o->machines,
		.on_record = on_record,
		.on_garbage = on_garbage,
		.allowed = on_allowed,
		.on_done = on_grab_done,
		.arg = c };

	c->grab = grab_new(&s->loop, &go);
}

static int
write_ini(struct survey *s)
{
	struct buf ini;
	int rc;

	buf_init(&ini);
	grab_ini(s->c, &ini);
	rc = file_write(s->ini_file, ini.data, ini.len);
	if (rc == -1)
		log_error("%s: %s", s->ini_file, strerror(errno));
	buf_fini(&ini);
	return rc;
}

int
collect(struct survey *s, bool do_scan, bool do_grab, bool do_dns)
{
	struct collect c = { .s = s,
		.do_grab = do_grab,
		.do_dns = do_dns,
		.hits.fd = -1,
		.abroad.fd = -1,
		.records.fd = -1,
		.bad.fd = -1 };
	char *smtp_name = grab_smtp_name(s->c, &s->source);
	bool over;
	int rc = EXIT_FAILED;

	c.before.repeated = s->m.counts.repeated;
	c.before.garbage = s->m.counts.garbage;
	c.before.restarts = (unsigned)s->m.counts.zgrab2_restarts;
	uv_update_time(&s->loop);
	c.started_ms = uv_now(&s->loop);
	iptab_init(&c.hosts);
	if (do_scan && s->c->scan.mode == SCAN_ZMAP)
		plan_shards(s);
	if ((do_grab && write_ini(s) == -1) || open_files(&c) == -1)
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
	if (load_state(&c) == -1 && c.error == 0)
		c.error = EIO;
	choose_local_addr(&c);
	start_progress(&c);
	start_signals(&c);
	over = c.error != 0 || s->stopped;
	c.scan_done = over || s->c->scan.mode != SCAN_ZMAP;
	if (c.scan_done)
		stage_end(&c, STAGE_SCAN, !over && spool_sync(&c.hits) == 0);
	else
		start_scan(&c);
	on_quiet(&c.quiet);
	save_manifest(&c);
	if (over && c.grab != NULL)
		grab_stop(c.grab, 0);
	else if (c.scan_done && c.grab != NULL)
		grab_finish(c.grab);
	end_if_done(&c);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	save_manifest(&c);
	progress_end(c.progress);
	rc = c.error != 0 || s->failed ? EXIT_FAILED : 0;
out:
	resolve_free(c.resolve);
	grab_free(c.grab);
	progress_free(c.progress);
	spool_close(&c.hits);
	spool_close(&c.abroad);
	spool_close(&c.records);
	spool_close(&c.bad);
	iptab_fini(&c.hosts);
	free(c.known);
	free(smtp_name);
	return rc;
}
