#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "survey/file.h"
#include "survey/log.h"

#include "metrics.h"

#define AT(member) offsetof(struct manifest_counts, member)

/* Names as the exporters' guide has them: counters end with _total, units are written out. */
static const struct {
	const char *name, *help;
	bool counter;
	size_t at;
} counts[] = {
	{ "survey_scan_targets", "Addresses that are scanned.", false, AT(targets_v4) },
	{ "survey_scan_packets_total", "SYN packets sent by ZMap in shards that ended.", true,
	    AT(probed) },
	{ "survey_scan_hits_total", "Hosts found.", true, AT(hits) },
	{ "survey_scan_out_of_country_total", "Hosts found outside the countries.", true,
	    AT(out_of_country) },
	{ "survey_scan_refused_total", "Hosts found that are blocked or not allowed.", true,
	    AT(refused) },
	{ "survey_opted_out_hosts_total", "Hosts found that have opted out.", true, AT(opted_out) },
	{ "survey_grab_queued_hosts", "Hosts that wait to be asked.", false, AT(queued) },
	{ "survey_grab_records_total", "Hosts that were asked: lines of records.fresh.", true,
	    AT(records) },
	{ "survey_grab_second_pass_total", "Hosts asked in the second pass.", true,
	    AT(second_pass) },
	{ "survey_grab_given_up_total", "Hosts with ports that ZGrab2 never answered for.", true,
	    AT(given_up) },
	{ "survey_grab_repeated_total", "Hosts asked again, as ZGrab2 died or lost them.", true,
	    AT(repeated) },
	{ "survey_grab_garbage_lines_total", "Lines of ZGrab2 that were not understood.", true,
	    AT(garbage) },
	{ "survey_zgrab2_restarts_total", "Starts of ZGrab2 after it died or hung.", true,
	    AT(zgrab2_restarts) },
	{ "survey_dns_questions_total", "Questions asked of the resolver.", true, AT(dns_asked) },
	{ "survey_dns_answers_total", "Questions that have an outcome.", true, AT(dns_answered) },
	{ "survey_dns_failures_total", "Questions without an answer.", true, AT(dns_failed) },
};

static void
head(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and newline are escaped. */
static void
label(struct buf *b, const char *text)
{
	for (; text != NULL && *text != '\0'; text++) {
		if (*text == '\\' || *text == '"')
			buf_printf(b, "\\%c", *text);
		else if (*text == '\n')
			buf_adds(b, "\\n");
		else
			buf_add(b, text, 1);
	}
}

static void
begin(struct buf *b, const char *name, const struct manifest *m)
{
	buf_printf(b, "%s{survey=\"", name);
	label(b, m->name);
	buf_adds(b, "\"");
}

static void
gauge(struct buf *b, const struct manifest *m, const char *name, const char *help, double v)
{
	head(b, name, "gauge", help);
	begin(b, name, m);
	buf_printf(b, "} %.15g\n", v);
}

static void
counter(struct buf *b, const struct manifest *m, const char *name, const char *help, uint64_t v)
{
	head(b, name, "counter", help);
	begin(b, name, m);
	buf_printf(b, "} %llu\n", (unsigned long long)v);
}

static void
add_state(struct buf *b, const struct manifest *m)
{
	bool paused = m->state == RUN_RUNNING && m->canaries.paused_since != 0;

	head(b, "survey_state", "gauge", "1 for the state in which the run is.");
	for (int i = 0; run_state_name[i] != NULL; i++) {
		begin(b, "survey_state", m);
		buf_printf(
		    b, ",state=\"%s\"} %d\n", run_state_name[i], (int)m->state == i && !paused);
	}
	begin(b, "survey_state", m);
	buf_printf(b, ",state=\"paused\"} %d\n", paused);
}

static void
add_stages(struct buf *b, const struct manifest *m, int64_t now)
{
	static const char running[] = "survey_stage_running",
			  took[] = "survey_stage_duration_seconds";

	head(b, running, "gauge", "1 while the stage is at work.");
	for (int i = 0; i < NSTAGES; i++) {
		begin(b, running, m);
		buf_printf(b, ",stage=\"%s\"} %d\n", survey_stage_names[i],
		    m->stages[i].state == STAGE_RUNNING);
	}
	head(b, took, "gauge", "How long the stage has taken, over all sessions.");
	for (int i = 0; i < NSTAGES; i++) {
		const struct stage_record *r = &m->stages[i];
		double s = r->state == STAGE_RUNNING && now > r->started
			       ? r->wall_s + (double)(now - r->started)
			       : r->wall_s;

		begin(b, took, m);
		buf_printf(b, ",stage=\"%s\"} %.1f\n", survey_stage_names[i], s);
	}
}

static void
add_shards(struct buf *b, const struct manifest *m)
{
	static const char name[] = "survey_scan_shards";

	if (m->nshards == 0)
		return;
	head(b, name, "gauge", "Parts of the scan, by state.");
	for (int state = 0; shard_state_name[state] != NULL; state++) {
		unsigned n = 0;

		for (size_t i = 0; i < m->nshards; i++)
			n += (int)m->shards[i].state == state;
		begin(b, name, m);
		buf_printf(b, ",state=\"%s\"} %u\n", shard_state_name[state], n);
	}
}

static void
add_ports(struct buf *b, const struct manifest_counts *c, const struct manifest *m)
{
	static const char name[] = "survey_grab_ports_total";

	head(b, name, "counter", "Ports of hosts that were asked, by how that ended.");
	for (int row = 0; row < NPORTS; row++) {
		for (int end = 0; end < GRAB_NENDS; end++) {
			begin(b, name, m);
			buf_printf(b, ",port=\"%u\",end=\"%s\"} %llu\n", port_table[row].port,
			    grab_end_name[end], (unsigned long long)c->ports[row][end]);
		}
	}
}

static void
add_canaries(struct buf *b, const struct manifest *m)
{
	const struct manifest_canaries *c = &m->canaries;

	if (c->configured == 0)
		return;
	gauge(b, m, "survey_canaries", "Listeners of one's own that are asked.", c->configured);
	gauge(b, m, "survey_canaries_answering", "Of these, how many answered last.", c->answering);
	gauge(b, m, "survey_canaries_last_answer_timestamp_seconds",
	    "When one that answered was asked last.", (double)c->answered);
	counter(b, m, "survey_canary_rounds_total", "How often all were asked.", c->rounds);
	counter(b, m, "survey_canary_rounds_failed_total", "How often none answered.", c->failed);
	counter(b, m, "survey_pauses_total", "How often the run was paused for them.", c->pauses);
}

static void
add_results(struct buf *b, const struct manifest *m)
{
	if (!m->found.there)
		return;
	gauge(b, m, "survey_hosts", "Hosts that take part in the last analysis.",
	    (double)m->found.hosts_in);
	gauge(b, m, "survey_keys", "Different keys of the last analysis.", (double)m->found.keys);
	gauge(b, m, "survey_clusters", "Clusters of the last analysis.", (double)m->found.clusters);
	gauge(b, m, "survey_clustered_hosts", "Hosts in them.", (double)m->found.hosts_in_clusters);
}

void
metrics_text(const struct manifest *m, int64_t now, struct buf *b)
{
	head(b, "survey_info", "gauge", "Always 1; what runs.");
	begin(b, "survey_info", m);
	buf_printf(b, ",version=\"%s\",machine=\"%u\",machines=\"%u\"} 1\n", SURVEY_VERSION,
	    m->machine, m->machines);
	add_state(b, m);
	gauge(b, m, "survey_start_timestamp_seconds", "When the run began.", (double)m->created);
	gauge(b, m, "survey_update_timestamp_seconds", "When this was written.", (double)now);
	add_stages(b, m, now);
	gauge(b, m, "survey_progress_ratio", "How much of the scan, then of the hosts, is done.",
	    m->progress.percent / 100);
	gauge(b, m, "survey_left_seconds", "About how long it will take yet; 0: not known.",
	    m->progress.left_s);
	add_shards(b, m);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		uint64_t v;

		memcpy(&v, (const char *)&m->counts + counts[i].at, sizeof(v));
		if (counts[i].counter)
			counter(b, m, counts[i].name, counts[i].help, v);
		else
			gauge(b, m, counts[i].name, counts[i].help, (double)v);
	}
	add_ports(b, &m->counts, m);
	add_canaries(b, m);
	add_results(b, m);
}

void
metrics_write(const struct manifest *m, const char *path)
{
	static bool told;
	struct outfile o;
	struct buf b;
	bool ok;

	if (path[0] == '\0')
		return;
	buf_init(&b);
	metrics_text(m, time(NULL), &b);
	if ((ok = outfile_open(&o, path) == 0)) {
		ok = fwrite(b.data, 1, b.len, o.f) == b.len && fchmod(fileno(o.f), 0644) == 0;
		if (!ok)
			outfile_abort(&o);
		else
			ok = outfile_commit(&o) == 0;
	}
	if (!ok && !told)
		log_warn("run.metrics_file: %s: %s", path, strerror(errno));
	told = !ok;
	buf_fini(&b);
}
