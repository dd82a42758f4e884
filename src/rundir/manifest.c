/* What run.json says, in memory. */
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/rundir.h"

#include "runjson.h"

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

void
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
		&m->dns, &m->lists_digest, &m->version, &m->more, &m->sandbox, &m->earlier.run };

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

/* The counts by name, for writing and reading alike. */
const struct count_row count_rows[] = {
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
		&m->sandbox, &m->analysis, &m->earlier.run };
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

bool
manifest_is_finished(const struct manifest *m)
{
	return m->state == RUN_COMPLETE ||
	       (m->state == RUN_STOPPED && m->stages[STAGE_GRAB].state == STAGE_DONE &&
		   m->stages[STAGE_DNS].state == STAGE_DONE &&
		   m->stages[STAGE_ANALYZE].state == STAGE_DONE);
}
