/* run.json read: ours, that of an earlier or later version, or what somebody made of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/escape.h"
#include "survey/file.h"
#include "survey/mem.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"

#include "runjson.h"

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
	size_t n;
	json_object *list = get_array(o, "unheard", &n);

	c->configured = (unsigned)get_uint(o, "configured");
	c->answering = (unsigned)get_uint(o, "answering");
	c->asked = get_time(o, "asked");
	c->answered = get_time(o, "answered");
	c->rounds = get_uint(o, "rounds");
	c->failed = get_uint(o, "failed");
	c->pauses = get_uint(o, "pauses");
	c->paused_since = get_time(o, "paused_since");
	for (size_t i = 0; i < n && c->nunheard < UNHEARD_MAX; i++) {
		json_object *span = json_object_array_get_idx(list, i);

		c->unheard[c->nunheard++] = (struct manifest_span){ get_time(span, "from"),
			get_time(span, "to") };
	}
}

static void
get_earlier(json_object *o, struct manifest_earlier *e)
{
	manifest_set(&e->run, get_text(o, "run"));
	e->targets = get_uint(o, "targets");
	e->probed = get_uint(o, "probed");
	e->hits = get_uint(o, "hits");
}

static void
get_scan(json_object *o, struct manifest *m)
{
	size_t n;
	json_object *shards = get_array(o, "shards", &n);

	m->has_scan = o != NULL;

	m->seed = get_uint(o, "seed");
	m->port = (unsigned)get_uint(o, "port");
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
	get_earlier(json_object_object_get(o, "earlier"), &m->earlier);
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
