/* run.json written. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"

#include "runjson.h"

static void
put_double(struct jsonw *w, const char *key, double v)
{
	jsonw_key(w, key);
	jsonw_double(w, v, 3);
}

/* A count or a rate: 1000, not 1000.000. */
static void
put_number(struct jsonw *w, const char *key, double v)
{
	jsonw_key(w, key);
	jsonw_double(w, v, v == floor(v) ? 0 : 3);
}

static void
put_ports(struct jsonw *w, const struct manifest_counts *c)
{
	jsonw_object(w);
	for (int row = 0; row < NPORTS; row++) {
		uint64_t sum = 0;

		for (int end = 0; end < GRAB_NENDS; end++)
			sum += c->ports[row][end];
		if (sum == 0)
			continue;
		jsonw_key(w, port_table[row].name);
		jsonw_object(w);
		for (int end = 0; end < GRAB_NENDS; end++)
			jsonw_member_uint(w, grab_end_name[end], c->ports[row][end]);
		jsonw_end_object(w);
	}
	jsonw_end_object(w);
}

static void
put_counts(struct jsonw *w, const struct manifest *m)
{
	const struct manifest_counts *c = &m->counts;
	bool any = false;

	if (m->told == 0)
		return;
	jsonw_key(w, "counts");
	jsonw_object(w);
	for (size_t i = 0; i < NCOUNTS; i++) {
		uint64_t v;

		if ((m->told >> i & 1) == 0)
			continue;
		memcpy(&v, (const char *)c + count_rows[i].at, sizeof(v));
		jsonw_member_uint(w, count_rows[i].name, v);
	}
	if (m->has_scan)
		put_number(w, "targets_v6", c->targets_v6);
	for (int row = 0; row < NPORTS; row++) {
		for (int end = 0; end < GRAB_NENDS; end++)
			any |= c->ports[row][end] > 0;
	}
	if (any || m->has_scan) {
		jsonw_key(w, "ports");
		put_ports(w, c);
	}
	jsonw_end_object(w);
}

static void
put_origin(struct jsonw *w, double rate_pps, const struct ip *source)
{
	char text[IP_STRLEN];

	put_number(w, "rate_pps", rate_pps);
	jsonw_member_string(w, "source_ip", source->family != 0 ? ip_format(source, text) : NULL);
}

static void
put_attempts(struct jsonw *w, const struct manifest *m)
{
	jsonw_key(w, "attempts");
	jsonw_array(w);
	for (size_t i = 0; i < m->nattempts; i++) {
		const struct manifest_attempt *a = &m->attempts[i];

		jsonw_object(w);
		jsonw_member_uint(w, "shard", a->shard);
		put_time(w, "started", a->started);
		put_time(w, "ended", a->ended);
		jsonw_member_uint(w, "sent", a->sent);
		put_origin(w, a->rate_pps, &a->source);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static void
put_progress(struct jsonw *w, const struct manifest_progress *p)
{
	jsonw_key(w, "progress");
	jsonw_object(w);
	put_number(w, "percent", round(p->percent * 10) / 10);
	put_number(w, "left_s", round(p->left_s));
	put_number(w, "scan_rate", p->scan_rate);
	put_number(w, "grab_rate", p->grab_rate);
	jsonw_end_object(w);
}

static void
put_canaries(struct jsonw *w, const struct manifest_canaries *c)
{
	if (c->configured == 0 && c->nunheard == 0)
		return;
	jsonw_key(w, "canaries");
	jsonw_object(w);
	jsonw_member_uint(w, "configured", c->configured);
	jsonw_member_uint(w, "answering", c->answering);
	put_time(w, "asked", c->asked);
	put_time(w, "answered", c->answered);
	jsonw_member_uint(w, "rounds", c->rounds);
	jsonw_member_uint(w, "failed", c->failed);
	jsonw_member_uint(w, "pauses", c->pauses);
	put_time(w, "paused_since", c->paused_since);
	jsonw_key(w, "unheard");
	jsonw_array(w);
	for (unsigned i = 0; i < c->nunheard; i++) {
		jsonw_object(w);
		put_time(w, "from", c->unheard[i].from);
		put_time(w, "to", c->unheard[i].to);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_end_object(w);
}

static void
put_earlier(struct jsonw *w, const struct manifest_earlier *e)
{
	if (e->run == NULL)
		return;
	jsonw_key(w, "earlier");
	jsonw_object(w);
	jsonw_member_string(w, "run", e->run);
	jsonw_member_uint(w, "targets", e->targets);
	jsonw_member_uint(w, "probed", e->probed);
	jsonw_member_uint(w, "hits", e->hits);
	jsonw_end_object(w);
}

static void
put_scan(struct jsonw *w, const struct manifest *m)
{
	if (!m->has_scan)
		return;
	jsonw_key(w, "scan");
	jsonw_object(w);
	if (m->anonymised) {
		put_number(w, "rate_pps", m->rate_pps);
		put_number(w, "rate_hosts", m->rate_hosts);
		jsonw_end_object(w);
		return;
	}
	jsonw_member_uint(w, "seed", m->seed);
	if (m->port != 0)
		jsonw_member_uint(w, "port", m->port);
	jsonw_member_uint(w, "machine", m->machine);
	jsonw_member_uint(w, "machines", m->machines);
	jsonw_member_uint(w, "shards_total", m->shards_total);
	jsonw_member_string(w, "interface", m->interface);
	jsonw_member_string(w, "source_ip", m->source_ip);
	jsonw_member_string(w, "gateway_ip", m->gateway_ip);
	jsonw_member_string(w, "gateway_mac", m->gateway_mac);
	put_number(w, "rate_pps", m->rate_pps);
	put_number(w, "rate_hosts", m->rate_hosts);
	jsonw_member_string(w, "lists_sha256", m->lists_digest);
	jsonw_key(w, "shards");
	jsonw_array(w);
	for (size_t i = 0; i < m->nshards; i++) {
		const struct scan_shard *s = &m->shards[i];

		jsonw_object(w);
		jsonw_member_uint(w, "number", s->number);
		jsonw_member_string(w, "state", shard_state_name[s->state]);
		jsonw_member_uint(w, "attempts", s->attempts);
		put_time(w, "started", s->started);
		put_time(w, "ended", s->ended);
		jsonw_member_uint(w, "sent", s->sent);
		jsonw_member_uint(w, "received", s->received);
		jsonw_member_uint(w, "hits", s->hits);
		put_origin(w, s->rate_pps, &s->source);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	put_attempts(w, m);
	put_canaries(w, &m->canaries);
	put_progress(w, &m->progress);
	put_earlier(w, &m->earlier);
	jsonw_end_object(w);
}

static void
put_stages(struct jsonw *w, const struct manifest *m)
{
	bool any = false;

	for (int i = 0; i < NSTAGES; i++)
		any |= m->stages[i].told;
	if (!any)
		return;
	jsonw_key(w, "stages");
	jsonw_object(w);
	for (int i = 0; i < NSTAGES; i++) {
		const struct stage_record *s = &m->stages[i];

		if (!s->told)
			continue;
		jsonw_key(w, survey_stage_names[i]);
		jsonw_object(w);
		jsonw_member_string(w, "state", stage_state_name[s->state]);
		put_time(w, "started", s->started);
		put_time(w, "ended", s->ended);
		put_double(w, "wall_s", s->wall_s);
		put_double(w, "cpu_s", s->cpu_s);
		jsonw_key(w, "maxrss_kb");
		jsonw_int(w, s->maxrss_kb);
		jsonw_end_object(w);
	}
	jsonw_end_object(w);
}

static void
put_versions(struct jsonw *w, const struct manifest *m)
{
	if (m->version == NULL && m->ntools == 0)
		return;
	jsonw_key(w, "versions");
	jsonw_object(w);
	if (m->version != NULL)
		jsonw_member_string(w, "survey", m->version);
	for (size_t i = 0; i < m->ntools; i++)
		jsonw_member_string(w, m->tools[i].name, m->tools[i].version);
	jsonw_end_object(w);
	if (m->anonymised)
		return;
	jsonw_key(w, "databases");
	jsonw_array(w);
	for (size_t i = 0; i < 2; i++) {
		if (m->databases[i].path == NULL)
			continue;
		jsonw_object(w);
		jsonw_member_string(w, "path", m->databases[i].path);
		jsonw_member_string(w, "type", m->databases[i].type);
		put_time(w, "built", m->databases[i].built);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static void
put_sessions(struct jsonw *w, const struct manifest *m)
{
	jsonw_key(w, "sessions");
	jsonw_array(w);
	for (size_t i = 0; i < m->nsessions; i++) {
		const struct manifest_session *s = &m->sessions[i];

		jsonw_object(w);
		put_time(w, "started", s->started);
		put_time(w, "ended", s->ended);
		put_time(w, "last_seen", s->last_seen);
		jsonw_member_string(w, "source_ip", s->source_ip);
		jsonw_key(w, "exit_status");
		if (s->exit_status == -1)
			jsonw_null(w);
		else
			jsonw_int(w, s->exit_status);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

/* A text that is left out where there is no survey that could have it. */
static void
put_optional(struct jsonw *w, const struct manifest *m, const char *key, const char *value)
{
	if (value != NULL || (m->has_scan && !m->anonymised))
		jsonw_member_string(w, key, value);
}

static void
put_manifest(struct jsonw *w, const struct manifest *m)
{
	char text[TIME_SIZE];

	jsonw_object(w);
	jsonw_member_string(w, "writer", "survey");
	jsonw_key(w, "version");
	jsonw_int(w, 1);
	if (m->anonymised) {
		jsonw_key(w, "anonymised");
		jsonw_bool(w, true);
	}
	put_optional(w, m, "name", m->name);
	jsonw_member_string(w, "state", run_state_name[m->state]);
	put_optional(w, m, "state_text", m->state_text);
	put_optional(w, m, "sandbox", m->sandbox);
	put_optional(w, m, "config_path", m->config_path);
	put_optional(w, m, "config_sha256", m->config_digest);
	put_optional(w, m, "created", m->created != 0 ? time_format(m->created, text) : NULL);
	put_optional(w, m, "updated", m->updated != 0 ? time_format(m->updated, text) : NULL);
	put_optional(w, m, "ended", m->ended != 0 ? time_format(m->ended, text) : NULL);
	if (m->has_scan && !m->anonymised) {
		jsonw_member_uint(w, "pid", (uint64_t)m->pid);
		put_double(w, "own_cpu_s", m->own_cpu_s);
		jsonw_member_uint(w, "own_maxrss_kb", (uint64_t)m->own_maxrss_kb);
	}
	put_versions(w, m);
	put_counts(w, m);
	put_stages(w, m);
	put_scan(w, m);
	if (m->has_scan && !m->anonymised)
		put_sessions(w, m);
	if (m->dns != NULL) {
		jsonw_key(w, "dns");
		jsonw_raw(w, m->dns, strlen(m->dns));
	}
	if (m->analysis != NULL) {
		jsonw_key(w, "analysis");
		jsonw_raw(w, m->analysis, strlen(m->analysis));
	}
	history_put(w, m);
	if (m->more != NULL)
		buf_adds(&w->out, m->more);
	jsonw_end_object(w);
	jsonw_newline(w);
}

int
manifest_prepare(const struct manifest *m, const char *directory, struct outfile *out)
{
	char *path = path_join(directory, "run.json");
	int rc = outfile_open(out, path), saved;
	struct jsonw w;

	free(path);
	if (rc == -1)
		return -1;
	jsonw_init(&w, out->f);
	put_manifest(&w, m);
	if (jsonw_flush(&w) == -1 || fflush(out->f) != 0) {
		saved = errno;
		outfile_abort(out);
		errno = saved;
		rc = -1;
	}
	jsonw_fini(&w);
	return rc;
}

int
manifest_write(struct manifest *m, const char *directory)
{
	struct outfile out;

	m->updated = time(NULL);
	manifest_set(&m->version, SURVEY_VERSION);
	if (manifest_prepare(m, directory, &out) == -1)
		return -1;
	return outfile_commit(&out);
}
