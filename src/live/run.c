#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "survey/analyze.h"
#include "survey/beneath.h"
#include "survey/command.h"
#include "survey/file.h"
#include "survey/georanges.h"
#include "survey/graph.h"
#include "survey/log.h"
#include "survey/loop.h"
#include "survey/mem.h"
#include "survey/report.h"
#include "survey/signals.h"
#include "survey/supervisor.h"
#include "survey/text.h"
#include "survey/toolversion.h"
#include "survey/weakkeys.h"

#include "metrics.h"
#include "progress.h"
#include "live.h"

/*
 * The stages that follow one another.  Scan, grab and dns are one entry, for
 * they run at the same time: collect() works out which of them are wanted.
 */
static int stage_geo(struct survey *s);
static int stage_collect(struct survey *s);
static int stage_analyze(struct survey *s);
static int stage_weak(struct survey *s);
static int stage_graph(struct survey *s);
static int stage_report(struct survey *s);

static const struct stage {
	enum stage_id first, last;
	bool timed; /* its times are kept here, not by the stage itself */
	int (*run)(struct survey *s); /* 0 or an exit_status */
} stages[] = {
	{ STAGE_GEO, STAGE_GEO, true, stage_geo },
	{ STAGE_SCAN, STAGE_DNS, false, stage_collect },
	{ STAGE_ANALYZE, STAGE_ANALYZE, true, stage_analyze },
	{ STAGE_WEAK, STAGE_WEAK, true, stage_weak },
	{ STAGE_GRAPH, STAGE_GRAPH, true, stage_graph },
	{ STAGE_REPORT, STAGE_REPORT, true, stage_report },
};

#define FULL_BYTES 64e6 /* less than this free is said to be the cause of a failure */
#define NSTAGE_ROWS (sizeof(stages) / sizeof(stages[0]))

static int
stage_geo(struct survey *s)
{
	return targets_write(s);
}

static int
stage_collect(struct survey *s)
{
	int rc = collect(s, true, s->until >= STAGE_GRAB, survey_resolves(s));

	if (rc == 0)
		judge_found(s, false);
	return rc;
}

static int
stage_analyze(struct survey *s)
{
	const struct config *c = s->c;
	struct analyze_options o;
	char *found = NULL;
	int rc;

	analyze_defaults(&o);
	o.input = s->dir.path;
	o.countries = (const char *const *)c->run.countries.v;
	o.ncountries = c->run.countries.n;
	o.pairs_up_to = (uint32_t)c->analysis.pairs_up_to;
	o.max_line = (size_t)c->analysis.max_line;
	o.threads = (unsigned)c->analysis.threads;
	o.locked = true;
	o.stop = signals_stop();
	rc = analyze_rundir(&o, NULL, &found);
	manifest_take_analysis(&s->m, found);
	return rc;
}

static int
stage_weak(struct survey *s)
{
	struct weak_request o = { .path = s->dir.path,
		.command = "run",
		.locked = true,
		.threads = (unsigned)s->c->analysis.threads,
		.stop = signals_stop() };

	if (!s->c->weak.enable || s->o->no_weak) {
		log_info("weak keys are not looked for (%s)",
		    s->o->no_weak ? "--no-weak" : "weak.enable = no");
		return 0;
	}
	weak_configure(&o, s->c);
	return weak_rundir(&o);
}

static int
stage_graph(struct survey *s)
{
	const struct config *c = s->c;
	struct graph_result result = { .failed = 0 };
	struct graph_options o = { .path = s->dir.path,
		.full_up_to = (uint32_t)c->graph.full_up_to,
		.workers = (unsigned)c->graph.workers,
		.timeout_s = (unsigned)c->graph.timeout_s,
		.memory_mb = (unsigned)c->graph.memory_mb,
		.no_sandbox = s->outside == NULL,
		.stop = signals_stop() };

	for (size_t i = 0; i < c->graph.formats.n; i++)
		o.formats |= graph_format(c->graph.formats.v[i]);
	if (graph_rundir(&o, &result) == -1)
		return *o.stop != 0 ? EXIT_STOPPED : EXIT_FAILED;
	return result.failed > 0 ? EXIT_INCOMPLETE : 0;
}

/* How the run ends when nothing is left to do but to say so; rc is 0 or an exit_status. */
static enum run_state
end_state(const struct survey *s, int rc)
{
	if (rc == EXIT_STOPPED)
		return RUN_STOPPED;
	if (rc != 0 && rc != EXIT_INCOMPLETE)
		return RUN_FAILED;
	if (s->incomplete)
		return RUN_INCOMPLETE;
	return s->until == NSTAGES - 1 || s->o->nhosts > 0 ? RUN_COMPLETE : RUN_STOPPED;
}

static int
stage_report(struct survey *s)
{
	struct report_options o = { .path = s->dir.path,
		.title = s->c->report.title,
		.state = run_state_name[end_state(s, 0)],
		.ended = time(NULL) };
	int rc = report_rundir(&o);

	return rc == 1 ? EXIT_INCOMPLETE : rc == 0 ? 0 : EXIT_FAILED;
}

static double
cpu_seconds(void)
{
	struct rusage self, children;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &children);
	return (double)(self.ru_utime.tv_sec + self.ru_stime.tv_sec + children.ru_utime.tv_sec +
			children.ru_stime.tv_sec) +
	       (double)(self.ru_utime.tv_usec + self.ru_stime.tv_usec + children.ru_utime.tv_usec +
			children.ru_stime.tv_usec) /
		   1e6;
}

static double
wall_seconds(void)
{
	return (double)uv_hrtime() / 1e9;
}

static int
run_stage(struct survey *s, const struct stage *st)
{
	struct stage_record *r = &s->m.stages[st->first];
	double wall = wall_seconds(), cpu = cpu_seconds();
	struct rusage ru;
	int rc;

	if (!st->timed)
		return st->run(s);
	r->state = STAGE_RUNNING;
	r->started = time(NULL);
	r->ended = 0;
	if (manifest_write(&s->m, s->dir.path) == -1) { /* survey status tells what goes on */
		log_error("%s/run.json: %s", s->dir.shown, strerror(errno));
		return EXIT_FAILED;
	}
	metrics_write(&s->m, s->c->run.metrics_file);
	rc = st->run(s);
	getrusage(RUSAGE_SELF, &ru);
	r->ended = time(NULL);
	r->wall_s += wall_seconds() - wall;
	r->cpu_s += cpu_seconds() - cpu;
	r->maxrss_kb = ru.ru_maxrss;
	r->state = rc == 0					 ? STAGE_DONE
		   : rc == EXIT_INCOMPLETE || rc == EXIT_STOPPED ? STAGE_INCOMPLETE
								 : STAGE_FAILED;
	if (rc == EXIT_INCOMPLETE) {
		s->incomplete = true;
		rc = 0;
	}
	if (rc == 0 && st->first == STAGE_ANALYZE) {
		judge_found(s, true);
		/* The report reads it from there. */
		if (manifest_write(&s->m, s->dir.path) == -1) {
			log_error("%s/run.json: %s", s->dir.shown, strerror(errno));
			return EXIT_FAILED;
		}
	}
	return rc;
}

static int
run_stages(struct survey *s)
{
	int rc = 0;

	for (size_t i = 0; i < NSTAGE_ROWS && rc == 0 && !s->stopped; i++) {
		if (stages[i].first > s->until)
			break;
		rc = run_stage(s, &stages[i]);
		s->stopped = s->stopped || *signals_stop() != 0;
	}
	return rc;
}

static int
stage_by_name(const char *name)
{
	for (int i = 0; i < NSTAGES; i++) {
		if (strcmp(survey_stage_names[i], name) == 0)
			return i;
	}
	return -1;
}

static void
free_paths(struct survey *s)
{
	free(s->scan_dir);
	free(s->block_all_file);
	free(s->ini_file);
	free(s->country_mmdb);
	free(s->asn_mmdb);
	free(s->csv_dir);
}

static void
make_paths(struct survey *s)
{
	s->scan_dir = path_join(s->dir.path, "scan");
	s->block_all_file = path_join(s->scan_dir, "block");
	s->ini_file = path_join(s->scan_dir, "zgrab2.ini");
	s->country_mmdb = s->c->geo.country_mmdb[0] != '\0'
			      ? path_join(s->dir.path, "geo/country.mmdb")
			      : NULL;
	s->asn_mmdb = s->c->geo.asn_mmdb[0] != '\0' ? path_join(s->dir.path, "geo/asn.mmdb") : NULL;
	s->csv_dir = s->c->geo.csv[0] != '\0' ? path_join(s->dir.path, "geo/csv") : NULL;
}

static void
make_zmap_params(struct survey *s)
{
	long rate = s->c->scan.rate_pps / (long)s->o->machines;

	/* zmap alone takes the interface's first address, zgrab2 the one that the route prefers. */
	if (s->gateway.source.family != 0)
		ip_format(&s->gateway.source, s->source_ip);
	s->zmap_params = (struct zmap_params){ .zmap = s->zmap,
		.interface = s->gateway.interface,
		.gateway_mac = s->gateway.mac,
		.source_ip = s->c->scan.source_ip[0] != '\0' ? s->c->scan.source_ip : s->source_ip,
		.allow_file = ZMAP_ALLOW_FILE,
		.block_file = ZMAP_BLOCK_FILE,
		.conf_file = "/dev/null",
		.port = (unsigned)s->c->scan.port,
		.rate_pps = rate > 0 ? (unsigned)rate : 1,
		.probes = (unsigned)s->c->scan.probes,
		.cooldown_s = (unsigned)s->c->scan.cooldown_s };
}

/*
 * What must be done while we still may: a record that only root can write, the
 * run's own databases, and zmap's guard, which holds the lists that it will read.
 */
static int
before_dropping(struct survey *s)
{
	const struct guard_tool zmap = { .build = zmap_request_build,
		.arg = &s->zmap_params,
		.fds = s->lists.fd,
		.nfds = NLISTS };
	const struct guard_table table = { .tools = &zmap, .ntools = 1 };
	bool scans = survey_scans(s) && s->until >= STAGE_SCAN;
	bool lists = s->lists.fd[LIST_ALLOWED] != -1;
	char *error, *record;

	if (lists && s->dir.resumed) {
		record = lists_recorded(s->dir.fd);
		s->lists_differ = lists_compare(&s->lists, record);
		free(record);
	}
	if (databases_keep(&s->databases, s->dir.fd, &s->id,
		!s->dir.resumed || s->lists_differ != NULL, &error) == -1) {
		log_error("%s", error);
		free(error);
		return EXIT_FAILED;
	}
	if (lists && (!s->dir.resumed || s->lists_differ != NULL) &&
	    lists_record(&s->lists, &s->databases, s->dir.fd) == -1) {
		log_error("%s/lists.sha256: %s", s->dir.shown, strerror(errno));
		return EXIT_FAILED;
	}
	databases_fini(&s->databases);
	if (s->id.drop && scans && guard_broker_start(&s->broker, &table) == -1) {
		log_error("zmap's guard could not be started: %s", strerror(errno));
		return EXIT_FAILED;
	}
	return 0;
}

static int
enter_directory(struct survey *s)
{
	if (fchdir(s->dir.fd) == -1) {
		log_error("%s: %s", s->dir.shown, strerror(errno));
		return EXIT_FAILED;
	}
	return 0;
}

/*
 * run.user may not be able to walk to the directory (a checkout below /root):
 * we are in it already, so its name is "." then.
 */
static void
shorten_path(struct survey *s)
{
	if (access(s->dir.path, R_OK | W_OK | X_OK) == 0)
		return;
	free(s->dir.path);
	s->dir.path = xstrdup(".");
	free_paths(s);
	make_paths(s);
}

static void
note_versions(struct survey *s)
{
	const struct {
		const char *name, *path;
	} tools[] = {
		{ "zmap", s->zmap },
		{ "zgrab2", s->zgrab2 },
		{ "unbound", s->unbound },
		{ "stubby", s->stubby },
	};
	char *version;

	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		if (tools[i].path != NULL &&
		    (version = tool_version(&s->loop, tools[i].name, tools[i].path)) != NULL) {
			manifest_add_tool(&s->m, tools[i].name, version);
			free(version);
		}
	}
}

/* Our own address towards the targets: no packet is sent for it. */
static void
find_source(struct survey *s)
{
	struct gateway g;
	struct ip target = ip_from_v4(0xc0000201);
	char *error = NULL;

	if (s->source.family != 0)
		return;
	if (s->c->scan.source_ip[0] != '\0' &&
	    ip_parse(s->c->scan.source_ip, strlen(s->c->scan.source_ip), &s->source))
		return;
	if (s->allow.n > 0 && s->allow.r[0].lo.family == 4)
		target = s->allow.r[0].lo;
	if (gateway_find(&target, "", "00:00:00:00:00:00", &g, &error) == 0)
		s->source = g.source;
	else
		s->source = ip_from_v4(0x7f000001);
	free(error);
}

/*
 * zmap's order of addresses depends on its lists, so with other lists the parts
 * of a scan would not fit together: all of it is done again, with those of now.
 */
static void
begin_anew(struct survey *s)
{
	struct manifest *m = &s->m;
	const char *before = m->lists_digest != NULL ? m->lists_digest : "";
	const char *why = s->lists_differ;

	if (s->lists.fd[LIST_ALLOWED] == -1)
		return;
	if (why == NULL && s->dir.resumed && strcmp(before, s->lists.digest) != 0)
		why = "run.json tells of others";
	if (why != NULL && m->nshards > 0) {
		log_warn(
		    "the target lists differ from those that this run began with (%s): all %zu "
		    "shards begin anew; the %llu known %s%s",
		    why, m->nshards, (unsigned long long)m->counts.hits,
		    text_noun(m->counts.hits, "hit stays", "hits stay"),
		    m->machines > 1 ? "; the other machines need the same lists" : "");
		for (size_t i = 0; i < m->nshards; i++) {
			m->shards[i].state = SHARD_TODO;
			m->shards[i].sent = m->shards[i].received = 0;
		}
		m->stages[STAGE_SCAN].state = STAGE_TODO;
	}
	manifest_set(&m->lists_digest, s->lists.digest);
}

/* What the run says of itself, and what of it no config changes. */
static int
read_manifest(struct survey *s)
{
	struct manifest *m = &s->m;

	if (s->dir.resumed && manifest_read(m, s->dir.path) == -1) {
		log_error("%s/run.json: %s", s->dir.path, strerror(errno));
		return EXIT_FAILED;
	}
	if (m->nshards > 0 && (m->machine != s->o->machine || m->machines != s->o->machines)) {
		log_error("this run is shard %u/%u of its survey; give --shard %u/%u or --new",
		    m->machine, m->machines, m->machine, m->machines);
		return EXIT_USAGE;
	}
	if (survey_scans(s) && m->nshards > 0 && m->port != 0 &&
	    m->port != (unsigned)s->c->scan.port) {
		log_error("%s began with scan.port = %u; %ld needs a run of its own: --new",
		    s->dir.shown, m->port, s->c->scan.port);
		return EXIT_USAGE;
	}
	return 0;
}

static int
open_manifest(struct survey *s, const char *digest)
{
	char text[IP_STRLEN];
	struct manifest *m = &s->m;

	if (m->created == 0)
		m->created = time(NULL);
	manifest_set(&m->name, s->c->run.name);
	manifest_set(&m->config_path, s->c->path);
	manifest_set(&m->config_digest, digest);
	begin_anew(s);
	if (!s->dir.resumed) {
		manifest_set(&m->earlier.run, s->dir.earlier.run);
		m->earlier.targets = s->dir.earlier.targets;
		m->earlier.probed = s->dir.earlier.probed;
		m->earlier.hits = s->dir.earlier.hits;
	}
	manifest_set(&m->state_text, NULL);
	m->state = RUN_RUNNING;
	m->ended = 0;
	m->pid = (int)getpid();
	m->rate_pps = (double)s->c->scan.rate_pps / s->o->machines;
	m->rate_hosts = s->c->grab.rate_hosts / s->o->machines;
	manifest_set(&m->source_ip, ip_format(&s->source, text));
	if (s->gateway.mac[0] != '\0') {
		manifest_set(&m->interface, s->gateway.interface);
		manifest_set(&m->gateway_mac, s->gateway.mac);
		manifest_set(&m->gateway_ip,
		    s->gateway.address.family != 0 ? ip_format(&s->gateway.address, text) : NULL);
	}
	if (m->nsessions > 0 && m->sessions[m->nsessions - 1].ended == 0)
		m->sessions[m->nsessions - 1].last_seen = m->updated;
	manifest_add_session(m, time(NULL), m->source_ip);
	note_versions(s);
	if (manifest_write(m, s->dir.path) == -1) {
		log_error("%s/run.json: %s", s->dir.path, strerror(errno));
		return EXIT_FAILED;
	}
	return 0;
}

static void
open_log(struct survey *s)
{
	int fd = beneath_open(s->dir.fd, "survey.log", O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (fd != -1 && (s->log = fdopen(fd, "a")) != NULL)
		log_init(LOG_INFO, s->log);
	else
		log_warn("%s/survey.log: %s", s->dir.shown, strerror(errno));
}

static void
print_summary(const struct survey *s, int rc)
{
	const struct manifest_counts *n = &s->m.counts;
	char took[32];

	log_info("%s: %llu %s in range, %llu %s, %llu %s, %llu out of country; %s", s->dir.shown,
	    (unsigned long long)n->targets_v4, text_noun(n->targets_v4, "address", "addresses"),
	    (unsigned long long)n->hits, text_noun(n->hits, "hit", "hits"),
	    (unsigned long long)n->records, text_noun(n->records, "record", "records"),
	    (unsigned long long)n->out_of_country,
	    text_duration((double)(time(NULL) - s->m.sessions[s->m.nsessions - 1].started), took,
		sizeof(took)));
	if (n->given_up > 0)
		log_warn("%llu %s ports that zgrab2 never answered for",
		    (unsigned long long)n->given_up,
		    text_noun(n->given_up, "host has", "hosts have"));
	if (n->second_pass > 0)
		log_info("second pass: %llu %s asked again, %llu %s gained",
		    (unsigned long long)n->second_pass, text_noun(n->second_pass, "host", "hosts"),
		    (unsigned long long)n->second_pass_gained,
		    text_noun(n->second_pass_gained, "port", "ports"));
	if (rc != 0 && s->o->nhosts > 0)
		log_info("to continue: the same recheck with -o %s", s->dir.shown);
	else if (rc != 0)
		log_info("to continue: survey run %s%s%s", s->c->path,
		    s->o->directory != NULL ? " --dir " : "",
		    s->o->directory != NULL ? s->dir.shown : "");
}

static int
close_manifest(struct survey *s, int rc)
{
	struct manifest *m = &s->m;

	m->state = end_state(s, rc);
	if (rc == 0 && s->incomplete)
		rc = EXIT_INCOMPLETE;
	m->ended = time(NULL);
	m->pid = 0;
	m->sessions[m->nsessions - 1].ended = m->ended;
	m->sessions[m->nsessions - 1].exit_status = rc;
	metrics_write(m, s->c->run.metrics_file);
	if (manifest_write(m, s->dir.path) == -1) {
		log_error("%s/run.json: %s", s->dir.path, strerror(errno));
		return rc == 0 ? EXIT_FAILED : rc;
	}
	return rc;
}

/* In the run directory, without privileges. */
static int
run_in_directory(struct survey *s)
{
	char digest[DIGEST_SIZE];
	int rc;

	shorten_path(s);
	if ((rc = run_directory_lock(&s->dir)) != 0)
		return rc;
	open_log(s);
	if ((rc = read_manifest(s)) != 0 ||
	    (rc = rundir_config(&s->dir, s->c, s->o->force, digest)) != 0)
		return rc;
	find_source(s);
	if ((rc = open_manifest(s, digest)) != 0)
		return rc;
	rundir_chosen(&s->dir);
	s->supervisor = supervisor_open();
	log_info("%s %s", s->dir.resumed ? "continuing" : "starting", s->dir.shown);
	if ((rc = rights_prepare(s)) == 0 && (rc = rights_give_up(s)) == 0)
		rc = run_stages(s);
	if (s->stopped)
		rc = EXIT_STOPPED;
	rc = close_manifest(s, rc);
	print_summary(s, rc);
	return rc;
}

/* Whatever file it was that had no room, SQLite's and the pictures' included. */
static void
say_if_full(const struct survey *s)
{
	struct statvfs v;
	double left;

	if (s->dir.path == NULL || statvfs(s->dir.path, &v) == -1)
		return;
	left = (double)v.f_bavail * (double)v.f_frsize;
	if (left < FULL_BYTES)
		log_error("the disk that holds %s has only %.1f MB left: free some space there, "
			  "then run survey again",
		    s->dir.shown, left / 1e6);
}

static int
survey_begin(struct survey *s)
{
	int rc;

	if ((rc = preflight_identity(s)) != 0 || (rc = preflight_check(s)) != 0 ||
	    (rc = targets_read_lists(s)) != 0)
		return rc;
	if ((rc = rundir_find(&s->dir, s->c, s->o, &s->id)) != 0 ||
	    (rc = rundir_make(&s->dir, s->o, &s->id)) != 0)
		return rc;
	umask(077);
	rundir_latest(&s->dir, s->c, s->o, &s->id);
	make_paths(s);
	if ((rc = targets_make(s)) != 0 || (rc = limits_check(s)) != 0)
		return rc;
	make_zmap_params(s);
	if ((rc = enter_directory(s)) != 0 || (rc = before_dropping(s)) != 0 ||
	    (rc = identity_take(&s->id)) != 0)
		return rc;
	if (mkdirat(s->dir.fd, "scan", 0700) == -1 && errno != EEXIST) {
		log_error("%s: %s", s->scan_dir, strerror(errno));
		return EXIT_FAILED;
	}
	if (loop_open(&s->loop) == -1)
		return EXIT_FAILED;
	rc = run_in_directory(s);
	uv_run(&s->loop, UV_RUN_NOWAIT); /* close callbacks that are still due */
	(void)uv_loop_close(&s->loop);
	return rc;
}

int
survey_run(const struct run_options *o)
{
	struct survey s = { .o = o,
		.until = NSTAGES - 1,
		.broker.fd = -1,
		.zgrab2_fds = { -1, -1 },
		.supervisor = -1 };
	struct config *c;
	int rc, id;

	if (o->until != NULL) {
		if ((id = stage_by_name(o->until)) == -1) {
			log_error(
			    "--until %s: the stages are geo, scan, grab, dns, analyze, graph, "
			    "report",
			    o->until);
			return EXIT_USAGE;
		}
		s.until = (enum stage_id)id;
	}
	if ((c = config_read(o->config_path)) == NULL)
		return EXIT_USAGE;
	s.c = c;
	signals_catch();
	rundir_init(&s.dir);
	databases_init(&s.databases);
	lists_init(&s.lists);
	ipset_init(&s.allow);
	ipset_init(&s.block);
	ipset_init(&s.opt_out);
	manifest_init(&s.m);
	rc = survey_begin(&s);
	if (rc == EXIT_FAILED)
		say_if_full(&s);

	if (s.outside != NULL)
		outside_stop(s.outside);
	guard_broker_stop(&s.broker);
	if (s.supervisor != -1)
		close(s.supervisor);
	resolver_free(s.resolver);
	for (int i = 0; i < 2; i++) {
		if (s.zgrab2_fds[i] != -1)
			close(s.zgrab2_fds[i]);
	}
	geo_db_close(s.geo);
	manifest_fini(&s.m);
	rundir_fini(&s.dir);
	databases_fini(&s.databases);
	lists_fini(&s.lists);
	free(s.lists_differ);
	ipset_fini(&s.allow);
	ipset_fini(&s.block);
	ipset_fini(&s.opt_out);
	log_init(LOG_INFO, NULL);
	if (s.log != NULL)
		fclose(s.log);
	free(s.id.name);
	free(s.zmap);
	free(s.zgrab2);
	free(s.unbound);
	free(s.stubby);
	free_paths(&s);
	config_free(c);
	return rc;
}
