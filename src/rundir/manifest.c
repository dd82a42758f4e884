#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/escape.h"
#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/mem.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"

#include "history.h"

const char *const survey_stage_names[] = { [STAGE_GEO] = "geo",
	[STAGE_SCAN] = "scan",
	[STAGE_GRAB] = "grab",
	[STAGE_DNS] = "dns",
	[STAGE_ANALYZE] = "analyze",
	[STAGE_WEAK] = "weak",
	[STAGE_GRAPH] = "graph",
	[STAGE_REPORT] = "report",
	[NSTAGES] = NULL };
const char *const stage_state_name[] = { "todo", "running", "done", "incomplete", "failed", NULL };
const char *const run_state_name[] = { "running", "stopped", "failed", "incomplete", "complete",
	NULL };
const char *const shard_state_name[] = { "todo", "started", "done", "given-up", "unconfirmed",
	NULL };

void
manifest_init(struct manifest *m)
{
	memset(m, 0, sizeof(*m));
	m->machines = 1;
	m->has_scan = true;
	m->told = UINT64_MAX;
	for (int i = 0; i < NSTAGES; i++)
		m->stages[i].told = true;
}

void
manifest_init_results(struct manifest *m)
{
	memset(m, 0, sizeof(*m));
	m->machines = 1;
	m->state = RUN_COMPLETE;
	m->found.scan_date = TIME_UNKNOWN;
}

void
manifest_set(char **field, const char *value)
{
	free(*field);
	*field = value != NULL ? xstrdup(value) : NULL;
}

void
manifest_add_tool(struct manifest *m, const char *name, const char *version)
{
	for (size_t i = 0; i < m->ntools; i++) {
		if (strcmp(m->tools[i].name, name) == 0) {
			manifest_set(&m->tools[i].version, version);
			return;
		}
	}
	m->tools = xreallocarray(m->tools, m->ntools + 1, sizeof(*m->tools));
	m->tools[m->ntools++] = (struct manifest_tool){ xstrdup(name), xstrdup(version) };
}

void
manifest_add_session(struct manifest *m, int64_t started, const char *source_ip)
{
	m->sessions = xreallocarray(m->sessions, m->nsessions + 1, sizeof(*m->sessions));
	m->sessions[m->nsessions++] = (struct manifest_session){ .started = started,
		.source_ip = source_ip != NULL ? xstrdup(source_ip) : NULL,
		.exit_status = -1 };
}

void
manifest_note_shard(
    struct manifest *m, const struct scan_shard *shard, double rate_pps, const struct ip *source)
{
	struct manifest_attempt *a;

	if (shard->state == SHARD_STARTED) {
		m->attempts = xreallocarray(m->attempts, m->nattempts + 1, sizeof(*m->attempts));
		m->attempts[m->nattempts++] = (struct manifest_attempt){ .shard = shard->number,
			.started = shard->started,
			.rate_pps = rate_pps,
			.source = *source };
		for (size_t i = 0; i < m->nshards; i++) {
			if (m->shards[i].number == shard->number) {
				m->shards[i].rate_pps = rate_pps;
				m->shards[i].source = *source;
			}
		}
		return;
	}
	a = m->nattempts > 0 ? &m->attempts[m->nattempts - 1] : NULL;
	if (a != NULL && a->shard == shard->number && a->ended == 0) {
		a->ended = shard->ended;
		a->sent = shard->sent;
	}
}

static void
found_fini(struct manifest_analysis *a)
{
	for (size_t i = 0; i < a->ncountries; i++)
		free(a->countries[i]);
	for (size_t i = 0; i < a->nrefused; i++)
		free(a->refused[i].name);
	free(a->countries);
	free(a->refused);
	free(a->source);
	free(a->dns);
	memset(a, 0, sizeof(*a));
}

void
manifest_fini(struct manifest *m)
{
	char **texts[] = { &m->name, &m->config_path, &m->config_digest, &m->state_text,
		&m->interface, &m->source_ip, &m->gateway_ip, &m->gateway_mac, &m->analysis,
		&m->dns, &m->lists_digest, &m->version, &m->more, &m->sandbox };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(*texts[i]);
	for (size_t i = 0; i < m->ntools; i++) {
		free(m->tools[i].name);
		free(m->tools[i].version);
	}
	for (size_t i = 0; i < 2; i++) {
		free(m->databases[i].path);
		free(m->databases[i].type);
	}
	for (size_t i = 0; i < m->nsessions; i++)
		free(m->sessions[i].source_ip);
	free(m->tools);
	free(m->sessions);
	free(m->shards);
	free(m->attempts);
	history_fini(m);
	found_fini(&m->found);
	manifest_init(m);
}

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

/* The counts by name, for writing and reading alike. */
static const struct count_row {
	const char *name;
	size_t at;
} count_rows[] = {
#define ROW(field)                                              \
	{                                                       \
#field, offsetof(struct manifest_counts, field) \
	}
	ROW(targets_v4), ROW(probed), ROW(hits), ROW(out_of_country), ROW(refused), ROW(opted_out),
	ROW(queued), ROW(records), ROW(second_pass), ROW(second_pass_gained), ROW(given_up),
	ROW(repeated), ROW(garbage), ROW(torn), ROW(zgrab2_restarts), ROW(dns_asked),
	ROW(dns_answered), ROW(dns_failed)
#undef ROW
};

#define NCOUNTS (sizeof(count_rows) / sizeof(count_rows[0]))

_Static_assert(NCOUNTS < 64, "told has a bit a row");

uint64_t
manifest_count(const struct manifest *m, size_t offset)
{
	uint64_t v = MANIFEST_UNKNOWN;

	for (size_t i = 0; i < NCOUNTS; i++) {
		if (count_rows[i].at == offset && (m->told >> i & 1) != 0)
			memcpy(&v, (const char *)&m->counts + offset, sizeof(v));
	}
	return v;
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
	if (c->configured == 0)
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

static void
put_anonymous_analysis(struct jsonw *w, const struct manifest_analysis *a)
{
	char text[TIME_SIZE];

	jsonw_object(w);
	if (a->scan_date != TIME_UNKNOWN)
		jsonw_member_string(w, "scan_date", time_format(a->scan_date, text));
	if (a->dns != NULL)
		jsonw_member_string(w, "dns", a->dns);
	if (a->hosts != MANIFEST_UNKNOWN)
		jsonw_member_uint(w, "hosts", a->hosts);
	jsonw_key(w, "hosts_out");
	jsonw_object(w);
	for (int i = OUT_NO_KEY; i < HOST_NOUTS; i++) {
		if (a->hosts_out[i] != MANIFEST_UNKNOWN)
			jsonw_member_uint(w, host_out_name((enum host_out)i), a->hosts_out[i]);
	}
	jsonw_end_object(w);
	jsonw_key(w, "refused");
	jsonw_object(w);
	for (size_t i = 0; i < a->nrefused; i++)
		jsonw_member_uint(w, a->refused[i].name, a->refused[i].n);
	jsonw_end_object(w);
	jsonw_end_object(w);
}

void
manifest_anonymise(struct manifest *m)
{
	char **texts[] = { &m->name, &m->config_path, &m->config_digest, &m->state_text,
		&m->interface, &m->source_ip, &m->gateway_ip, &m->gateway_mac, &m->dns, &m->more,
		&m->sandbox, &m->analysis };
	struct jsonw w;

	m->anonymised = true;
	m->updated = 0;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		manifest_set(texts[i], NULL);
	history_fini(m);
	for (int i = 0; i < NSTAGES; i++)
		m->stages[i].told = false;
	if (m->found.there) {
		jsonw_init(&w, NULL);
		put_anonymous_analysis(&w, &m->found);
		manifest_set(&m->analysis, w.out.data);
		jsonw_fini(&w);
	}
}

static double
get_double(json_object *o, const char *key)
{
	return json_object_get_double(json_object_object_get(o, key));
}

static int
get_choice(json_object *o, const char *key, const char *const *names)
{
	const char *s = get_text(o, key);

	for (int i = 0; s != NULL && names[i] != NULL; i++) {
		if (strcmp(s, names[i]) == 0)
			return i;
	}
	return 0;
}

static void
get_counts(json_object *o, struct manifest *m)
{
	json_object *ports = json_object_object_get(o, "ports");
	struct manifest_counts *c = &m->counts;

	m->told = 0;
	for (size_t i = 0; i < NCOUNTS; i++) {
		uint64_t v = get_uint(o, count_rows[i].name);

		memcpy((char *)c + count_rows[i].at, &v, sizeof(v));
		if (json_object_object_get_ex(o, count_rows[i].name, NULL))
			m->told |= UINT64_C(1) << i;
	}
	c->targets_v6 = get_double(o, "targets_v6");
	for (int row = 0; row < NPORTS; row++) {
		json_object *p = json_object_object_get(ports, port_table[row].name);

		for (int end = 0; p != NULL && end < GRAB_NENDS; end++)
			c->ports[row][end] = get_uint(p, grab_end_name[end]);
	}
}

static struct ip
get_source(json_object *o)
{
	const char *s = get_text(o, "source_ip");
	struct ip ip;

	return s != NULL && ip_parse(s, strlen(s), &ip) ? ip : (struct ip){ .family = 0 };
}

static void
get_attempts(json_object *o, struct manifest *m)
{
	json_object *list = get_array(o, "attempts", &m->nattempts);

	m->attempts = xcalloc(m->nattempts + 1, sizeof(*m->attempts));
	for (size_t i = 0; i < m->nattempts; i++) {
		json_object *a = json_object_array_get_idx(list, i);

		m->attempts[i] = (struct manifest_attempt){ .shard = (unsigned)get_uint(a, "shard"),
			.started = get_time(a, "started"),
			.ended = get_time(a, "ended"),
			.sent = get_uint(a, "sent"),
			.rate_pps = get_double(a, "rate_pps"),
			.source = get_source(a) };
	}
}

static void
get_progress(json_object *o, struct manifest_progress *p)
{
	p->percent = get_double(o, "percent");
	p->left_s = get_double(o, "left_s");
	p->scan_rate = get_double(o, "scan_rate");
	p->grab_rate = get_double(o, "grab_rate");
}

static void
get_canaries(json_object *o, struct manifest_canaries *c)
{
	c->configured = (unsigned)get_uint(o, "configured");
	c->answering = (unsigned)get_uint(o, "answering");
	c->asked = get_time(o, "asked");
	c->answered = get_time(o, "answered");
	c->rounds = get_uint(o, "rounds");
	c->failed = get_uint(o, "failed");
	c->pauses = get_uint(o, "pauses");
	c->paused_since = get_time(o, "paused_since");
}

static void
get_scan(json_object *o, struct manifest *m)
{
	size_t n;
	json_object *shards = get_array(o, "shards", &n);

	m->has_scan = o != NULL;

	m->seed = get_uint(o, "seed");
	m->machine = (unsigned)get_uint(o, "machine");
	m->machines = (unsigned)get_uint(o, "machines");
	m->shards_total = (unsigned)get_uint(o, "shards_total");
	m->rate_pps = get_double(o, "rate_pps");
	m->rate_hosts = get_double(o, "rate_hosts");
	manifest_set(&m->interface, get_text(o, "interface"));
	manifest_set(&m->source_ip, get_text(o, "source_ip"));
	manifest_set(&m->gateway_ip, get_text(o, "gateway_ip"));
	manifest_set(&m->gateway_mac, get_text(o, "gateway_mac"));
	manifest_set(&m->lists_digest, get_text(o, "lists_sha256"));
	m->nshards = n;
	m->shards = xcalloc(n + 1, sizeof(*m->shards));
	for (size_t i = 0; i < n; i++) {
		json_object *s = json_object_array_get_idx(shards, i);
		struct scan_shard *to = &m->shards[i];

		to->number = (unsigned)get_uint(s, "number");
		to->state = (enum shard_state)get_choice(s, "state", shard_state_name);
		to->attempts = (unsigned)get_uint(s, "attempts");
		to->started = get_time(s, "started");
		to->ended = get_time(s, "ended");
		to->sent = get_uint(s, "sent");
		to->received = get_uint(s, "received");
		to->hits = get_uint(s, "hits");
		to->rate_pps = get_double(s, "rate_pps");
		to->source = get_source(s);
	}
	get_attempts(o, m);
	get_canaries(json_object_object_get(o, "canaries"), &m->canaries);
	get_progress(json_object_object_get(o, "progress"), &m->progress);
}

static void
get_stages(json_object *o, struct manifest *m)
{
	for (int i = 0; i < NSTAGES; i++) {
		json_object *s = json_object_object_get(o, survey_stage_names[i]);
		struct stage_record *to = &m->stages[i];

		to->told = s != NULL;
		to->state = (enum stage_state)get_choice(s, "state", stage_state_name);
		to->started = get_time(s, "started");
		to->ended = get_time(s, "ended");
		to->wall_s = get_double(s, "wall_s");
		to->cpu_s = get_double(s, "cpu_s");
		to->maxrss_kb = (long)get_uint(s, "maxrss_kb");
	}
}

static void
get_versions(json_object *root, struct manifest *m)
{
	json_object *versions = json_object_object_get(root, "versions"), *list;
	size_t n;

	if (json_object_is_type(versions, json_type_object)) {
		json_object_object_foreach(versions, name, version)
		{
			if (!json_object_is_type(version, json_type_string))
				continue;
			if (strcmp(name, "survey") == 0)
				manifest_set(&m->version, json_object_get_string(version));
			else
				manifest_add_tool(m, name, json_object_get_string(version));
		}
	}
	list = get_array(root, "databases", &n);
	for (size_t i = 0; i < n && i < 2; i++) {
		json_object *d = json_object_array_get_idx(list, i);

		manifest_set(&m->databases[i].path, get_text(d, "path"));
		manifest_set(&m->databases[i].type, get_text(d, "type"));
		m->databases[i].built = get_time(d, "built");
	}
}

static void
get_sessions(json_object *root, struct manifest *m)
{
	size_t n;
	json_object *list = get_array(root, "sessions", &n);

	for (size_t i = 0; i < n; i++) {
		json_object *s = json_object_array_get_idx(list, i);
		json_object *status = json_object_object_get(s, "exit_status");

		manifest_add_session(m, get_time(s, "started"), get_text(s, "source_ip"));
		m->sessions[i].ended = get_time(s, "ended");
		m->sessions[i].last_seen = get_time(s, "last_seen");
		m->sessions[i].exit_status = status != NULL ? json_object_get_int(status) : -1;
	}
}

/* A count that may be missing. */
static uint64_t
get_found(json_object *o, const char *key)
{
	return json_object_object_get_ex(o, key, NULL) ? get_uint(o, key) : MANIFEST_UNKNOWN;
}

static void
get_analysis(json_object *o, struct manifest_analysis *a)
{
	json_object *out = json_object_object_get(o, "hosts_out");
	json_object *refused = json_object_object_get(o, "refused"), *list;
	const char *date = get_text(o, "scan_date");
	size_t n;

	a->there = json_object_is_type(o, json_type_object);
	manifest_set(&a->source, get_text(o, "source"));
	manifest_set(&a->dns, get_text(o, "dns"));
	a->at = get_time(o, "at");
	a->scan_date = date != NULL ? time_parse(date, strlen(date)) : TIME_UNKNOWN;
	list = get_array(o, "countries", &n);
	a->countries = xcalloc(n + 1, sizeof(*a->countries));
	for (size_t i = 0; i < n; i++) {
		json_object *cc = json_object_array_get_idx(list, i);

		if (json_object_is_type(cc, json_type_string) &&
		    json_object_get_string_len(cc) == 2)
			a->countries[a->ncountries++] = xstrdup(json_object_get_string(cc));
	}
	a->lines = get_uint(o, "lines");
	a->blank_lines = get_uint(o, "blank_lines");
	a->incomplete = json_object_get_boolean(json_object_object_get(o, "incomplete"));
	a->hosts = get_found(o, "hosts");
	a->hosts_in = get_found(o, "hosts_in");
	a->keys = get_found(o, "keys");
	a->clusters = get_found(o, "clusters");
	a->hosts_in_clusters = get_found(o, "hosts_in_clusters");
	a->largest_cluster = get_found(o, "largest_cluster");
	for (int i = OUT_NO_KEY; i < HOST_NOUTS; i++)
		a->hosts_out[i] = get_found(out, host_out_name((enum host_out)i));
	if (!json_object_is_type(refused, json_type_object))
		return;
	a->refused = xcalloc((size_t)json_object_object_length(refused) + 1, sizeof(*a->refused));
	json_object_object_foreach(refused, reason, count)
	{
		if (json_object_is_type(count, json_type_int))
			a->refused[a->nrefused++] = (struct manifest_reason){ xstrdup(reason),
				get_uint(refused, reason) };
	}
}

void
manifest_take_analysis(struct manifest *m, char *text)
{
	json_object *o = text != NULL ? json_tokener_parse(text) : NULL;

	free(m->analysis);
	m->analysis = text;
	found_fini(&m->found);
	if (o != NULL)
		get_analysis(o, &m->found);
	json_object_put(o);
}

/* What a later version, or somebody else, has put there stays there. */
static void
get_more(json_object *root, struct manifest *m)
{
	static const char *const ours[] = { "writer", "version", "anonymised", "name", "state",
		"state_text", "sandbox", "config_path", "config_sha256", "created", "updated",
		"ended", "pid", "own_cpu_s", "own_maxrss_kb", "versions", "databases", "counts",
		"stages", "scan", "sessions", "dns", "analysis", "merged", "merged_records",
		"derived", "purged" };
	struct buf b;

	buf_init(&b);
	json_object_object_foreach(root, key, value)
	{
		bool known = false;

		for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
			known |= strcmp(key, ours[i]) == 0;
		if (known)
			continue;
		buf_adds(&b, ",\"");
		escape_json(&b, key, strlen(key));
		buf_printf(&b, "\":%s",
		    json_object_to_json_string_ext(
			value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	if (b.len > 0)
		manifest_set(&m->more, b.data);
	buf_fini(&b);
}

int
manifest_parse(struct manifest *m, const char *text)
{
	json_object *root = json_tokener_parse(text), *analysis, *dns;

	if (!json_object_is_type(root, json_type_object) || get_text(root, "state") == NULL) {
		json_object_put(root);
		errno = EINVAL;
		return -1;
	}
	manifest_init(m);
	manifest_set(&m->name, get_text(root, "name"));
	m->state = (enum run_state)get_choice(root, "state", run_state_name);
	manifest_set(&m->state_text, get_text(root, "state_text"));
	manifest_set(&m->sandbox, get_text(root, "sandbox"));
	manifest_set(&m->config_path, get_text(root, "config_path"));
	manifest_set(&m->config_digest, get_text(root, "config_sha256"));
	m->created = get_time(root, "created");
	m->updated = get_time(root, "updated");
	m->ended = get_time(root, "ended");
	m->pid = (int)get_uint(root, "pid");
	m->own_cpu_s = get_double(root, "own_cpu_s");
	m->own_maxrss_kb = (long)get_uint(root, "own_maxrss_kb");
	get_versions(root, m);
	get_counts(json_object_object_get(root, "counts"), m);
	get_stages(json_object_object_get(root, "stages"), m);
	get_scan(json_object_object_get(root, "scan"), m);
	get_sessions(root, m);
	history_get(root, m);
	if ((dns = json_object_object_get(root, "dns")) != NULL)
		manifest_set(&m->dns, json_object_to_json_string_ext(dns, JSON_C_TO_STRING_PLAIN));
	if ((analysis = json_object_object_get(root, "analysis")) != NULL)
		manifest_set(
		    &m->analysis, json_object_to_json_string_ext(analysis, JSON_C_TO_STRING_PLAIN));
	m->anonymised = json_object_get_boolean(json_object_object_get(root, "anonymised"));
	get_analysis(analysis, &m->found);
	get_more(root, m);
	json_object_put(root);
	return 0;
}

bool
manifest_is_finished(const struct manifest *m)
{
	return m->state == RUN_COMPLETE ||
	       (m->state == RUN_STOPPED && m->stages[STAGE_GRAB].state == STAGE_DONE &&
		   m->stages[STAGE_DNS].state == STAGE_DONE &&
		   m->stages[STAGE_ANALYZE].state == STAGE_DONE);
}

int
manifest_read(struct manifest *m, const char *directory)
{
	char *path = path_join(directory, "run.json");
	char *text = file_read(path, MANIFEST_MAX, NULL);
	int rc;

	free(path);
	if (text == NULL)
		return -1;
	rc = manifest_parse(m, text);
	free(text);
	return rc;
}
