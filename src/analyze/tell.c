/* What an analysis found, what was wrong with its input and what it cost. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/rfc3339.h"
#include "survey/text.h"

#include "analysis.h"

struct cost *
analysis_cost(struct analysis *a, const char *name)
{
	struct cost *row = &a->costs[a->ncosts < COSTS_MAX - 1 ? a->ncosts++ : COSTS_MAX - 1];

	memset(row, 0, sizeof(*row));
	row->name = name;
	return row;
}

void
analysis_cost_reading(struct analysis *a)
{
	const struct record_reading *in = &a->in;
	struct cost *row;

	row = analysis_cost(a, "unpacking and cutting lines");
	row->calls = in->counts.lines;
	row->cpu_ns = in->counts.read_cpu_ns;
	row->bytes = in->counts.bytes;
	row = analysis_cost(a, "parsing");
	row->calls = in->counts.lines;
	row->cpu_ns = in->counts.parse_cpu_ns;
	row->bytes = in->counts.bytes;
	*analysis_cost(a, in->lookups.name) = in->lookups;
	row = analysis_cost(a, in->merging.name);
	*row = in->merging;
	row->cpu_ns -= in->lookups.cpu_ns < row->cpu_ns ? in->lookups.cpu_ns : row->cpu_ns;
	/* The wall clock of the three is one: they run side by side. */
	for (size_t i = 0; i < a->ncosts; i++) {
		if (a->costs[i].peak_kb == 0)
			a->costs[i].peak_kb = in->merging.peak_kb;
		if (a->costs[i].wall_ns == 0)
			a->costs[i].wall_ns = in->merging.wall_ns;
	}
}

void
analysis_add_country(struct analysis *a, const char *cc)
{
	if (strcmp(cc, "XX") == 0) {
		a->any_country = true;
		return;
	}
	a->countries = xreallocarray(a->countries, a->ncountries + 1, sizeof(*a->countries));
	a->countries[a->ncountries++] = xstrdup(cc);
}

char *
analysis_countries_text(const struct analysis *a)
{
	struct buf b;

	if (a->any_country || a->ncountries == 0)
		return xstrdup("XX");
	buf_init(&b);
	for (size_t i = 0; i < a->ncountries; i++)
		buf_printf(&b, "%s%s", i > 0 ? "," : "", a->countries[i]);
	return buf_steal(&b);
}

void
analysis_recall_countries(struct analysis *a)
{
	struct manifest m;

	if (manifest_read(&m, a->rundir) == -1)
		return;
	for (size_t i = 0; i < m.found.ncountries; i++)
		analysis_add_country(a, m.found.countries[i]);
	manifest_fini(&m);
}

void
analysis_run_facts(struct analysis *a, struct study_run_facts *f)
{
	struct manifest *m = &a->run;
	struct buf tools;

	if (a->rundir == NULL || manifest_read(m, a->rundir) == -1)
		return;
	f->name = m->name;
	f->config_sha256 = m->config_digest;
	if (m->nsessions > 0)
		f->began = m->created;
	f->ended = m->ended != 0 ? m->ended : TIME_UNKNOWN;
	f->seed = m->seed;
	f->shard = m->machine;
	f->shards = m->nshards > 0 ? m->machines : 0;
	buf_init(&tools);
	for (size_t i = 0; i < m->ntools; i++)
		buf_printf(
		    &tools, "%s%s %s", i > 0 ? ", " : "", m->tools[i].name, m->tools[i].version);
	free(a->tools);
	f->tools = a->tools = buf_steal(&tools);
	buf_fini(&tools);
}

static void
report_refused(const struct analysis *a)
{
	const struct record_counts *c = &a->in.counts;
	uint64_t refused = 0;
	struct buf reasons;

	buf_init(&reasons);
	for (int i = 0; i < RECORD_NREFUSALS; i++) {
		if (c->refused[i] == 0)
			continue;
		buf_printf(&reasons, "%s%s: %llu", refused > 0 ? ", " : "",
		    record_refusal_name((enum record_refusal)i), (unsigned long long)c->refused[i]);
		refused += c->refused[i];
	}
	if (refused > 0)
		log_warn("%llu of %llu lines could not be read and %s left out (%s); %s in "
			 "%s/records.bad with %s",
		    (unsigned long long)refused, (unsigned long long)c->lines,
		    text_noun(refused, "is", "are"), reasons.data,
		    text_noun(refused, "it is", "they are"), a->dir,
		    text_noun(refused, "its place", "their places"));
	if (a->in.bad.over > 0)
		log_warn("records.bad holds no more than 64 MB of them; %llu %s only counted",
		    (unsigned long long)a->in.bad.over,
		    text_noun(a->in.bad.over, "line is", "lines are"));
	buf_fini(&reasons);
}

static void
report_notes(const struct analysis *a)
{
	const struct record_counts *c = &a->in.counts;
	struct buf parts;

	buf_init(&parts);
	for (int i = 0; i < RECORD_NNOTES; i++) {
		if (c->note[i] > 0)
			buf_printf(&parts, "%s%s: %llu", parts.len > 0 ? ", " : "",
			    record_note_name((enum record_note)i), (unsigned long long)c->note[i]);
	}
	if (parts.len > 0)
		log_info("parts of records were left out, or are unusual (%s)", parts.data);
	buf_fini(&parts);
}

static void
report_form(const struct analysis *a)
{
	const char *name = strcmp(a->in.source, "-") == 0 ? "standard input" : a->in.source;

	if (a->in.counts.form == RECORD_ARRAY)
		log_info("%s is a JSON array: each element of it was read as a record", name);
	if (a->in.counts.form == RECORD_TEXTS)
		log_info("%s is JSON over several lines: each object in it was read as a record "
			 "(jq -c . puts one on a line, which is faster)",
		    name);
}

static void
report_layouts(const struct analysis *a)
{
	const struct record_counts *c = &a->in.counts;

	for (int row = 0; row < NPORTS; row++) {
		if (c->unknown_layout[row] == 0)
			continue;
		if (!record_layout_unknown(c, row)) {
			log_warn(
			    "%s: %llu of %llu answers %s a key where survey does not look, for "
			    "example at %s",
			    port_table[row].name, (unsigned long long)c->unknown_layout[row],
			    (unsigned long long)c->success[row],
			    text_noun(c->unknown_layout[row], "holds", "hold"),
			    c->unknown_example[row]);
			continue;
		}
		log_error(
		    "%s: %llu %s missing from the results, because survey does not know "
		    "the layout of these records: one key stands at %s. docs/formats.md lists "
		    "what is read; please report this layout with one of these lines "
		    "(docs/CONTRIBUTING.md says how)",
		    port_table[row].name, (unsigned long long)c->unknown_layout[row],
		    text_noun(c->unknown_layout[row], "key is", "keys are"),
		    c->unknown_example[row]);
	}
	if (record_layout_unknown(c, NPORTS)) {
		log_error(
		    "%llu %s not say on which port, so these are missing "
		    "from the results: one key stands at %s. If this is the output of one "
		    "ZGrab2 module, name its port with --port N; else please report the layout "
		    "(docs/CONTRIBUTING.md says how)",
		    (unsigned long long)c->unknown_layout[NPORTS],
		    text_noun(c->unknown_layout[NPORTS], "record holds keys but does",
			"records hold keys but do"),
		    c->unknown_example[NPORTS]);
	}
}

/* Not an incomplete result: these ports are not asked for. */
static void
report_other_ports(const struct analysis *a)
{
	const struct record_counts *c = &a->in.counts;
	struct buf ports;

	if (c->nother == 0)
		return;
	buf_init(&ports);
	for (size_t i = 0; i < c->nother; i++)
		buf_printf(&ports, "%s%u (%llu)", i > 0 ? ", " : "", c->other[i].port,
		    (unsigned long long)c->other[i].n);
	if (c->other_more > 0)
		buf_printf(&ports, ", others (%llu)", (unsigned long long)c->other_more);
	log_info("keys on ports that survey does not look at are left out, port by port: %s",
	    ports.data);
	buf_fini(&ports);
}

static void
report_costs(const struct analysis *a)
{
	log_info("%-28s %10s %9s %9s %8s %9s", "cost", "calls", "wall s", "CPU s", "MB", "peak MB");
	for (size_t i = 0; i < a->ncosts; i++) {
		const struct cost *c = &a->costs[i];

		log_info("%-28s %10llu %9.3f %9.3f %8.1f %9.1f", c->name,
		    (unsigned long long)c->calls, (double)c->wall_ns / 1e9, (double)c->cpu_ns / 1e9,
		    (double)c->bytes / 1e6, (double)c->peak_kb / 1024);
	}
}

static void
put_count(struct jsonw *w, const char *key, uint64_t v)
{
	jsonw_key(w, key);
	jsonw_uint(w, v);
}

static void
put_seconds(struct jsonw *w, const char *key, uint64_t ns)
{
	jsonw_key(w, key);
	jsonw_double(w, (double)ns / 1e9, 6);
}

static void
summarise_input(struct jsonw *w, const struct analysis *a)
{
	const struct record_counts *c = &a->in.counts;

	put_count(w, "lines", c->lines);
	put_count(w, "blank_lines", c->blank);
	put_count(w, "bytes", c->bytes);
	jsonw_key(w, "refused");
	jsonw_object(w);
	for (int i = 0; i < RECORD_NREFUSALS; i++) {
		if (c->refused[i] > 0)
			put_count(w, record_refusal_name((enum record_refusal)i), c->refused[i]);
	}
	jsonw_end_object(w);
	jsonw_key(w, "left_out");
	jsonw_object(w);
	for (int i = 0; i < RECORD_NNOTES; i++) {
		if (c->note[i] > 0)
			put_count(w, record_note_name((enum record_note)i), c->note[i]);
	}
	jsonw_end_object(w);
	jsonw_key(w, "unknown_layout");
	jsonw_object(w);
	for (int row = 0; row <= NPORTS; row++) {
		if (c->unknown_layout[row] == 0)
			continue;
		jsonw_key(w, row < NPORTS ? port_table[row].name : "none");
		jsonw_object(w);
		put_count(w, "count", c->unknown_layout[row]);
		if (row < NPORTS)
			put_count(w, "of", c->success[row]);
		jsonw_key(w, "example");
		jsonw_string(w, c->unknown_example[row]);
		jsonw_end_object(w);
	}
	jsonw_end_object(w);
	jsonw_key(w, "other_ports");
	jsonw_object(w);
	for (size_t i = 0; i < c->nother; i++) {
		char port[8];

		snprintf(port, sizeof(port), "%u", c->other[i].port);
		put_count(w, port, c->other[i].n);
	}
	if (c->other_more > 0)
		put_count(w, "others", c->other_more);
	jsonw_end_object(w);
}

static void
summarise_costs(struct jsonw *w, const struct analysis *a)
{
	jsonw_key(w, "costs");
	jsonw_array(w);
	for (size_t i = 0; i < a->ncosts; i++) {
		const struct cost *c = &a->costs[i];

		jsonw_object(w);
		jsonw_key(w, "part");
		jsonw_string(w, c->name);
		put_count(w, "calls", c->calls);
		put_seconds(w, "wall_s", c->wall_ns);
		put_seconds(w, "cpu_s", c->cpu_ns);
		put_count(w, "bytes", c->bytes);
		put_count(w, "peak_kb", c->peak_kb);
		if (c->done_ns > 0)
			put_seconds(w, "done_s", c->done_ns);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static char *
summarise(const struct analysis *a)
{
	static const char *const dns[] = { "cached", "fill", "refresh" };
	struct output_counts counts;
	char time[TIME_SIZE], sandbox[SANDBOX_TEXT];
	struct jsonw w;

	jsonw_init(&w, NULL);
	jsonw_object(&w);
	jsonw_key(&w, "at");
	jsonw_string(&w, time_format((int64_t)(a->whole.started), time));
	jsonw_key(&w, "source");
	jsonw_string(&w, a->in.source);
	jsonw_key(&w, "dns");
	jsonw_string(&w, dns[a->o->dns]);
	jsonw_key(&w, "countries");
	jsonw_array(&w);
	for (size_t i = 0; i < a->ncountries && !a->any_country; i++)
		jsonw_string(&w, a->countries[i]);
	if (a->any_country || a->ncountries == 0)
		jsonw_string(&w, "XX");
	jsonw_end_array(&w);
	jsonw_key(&w, "scan_date");
	if (a->o->scan_date != TIME_UNKNOWN)
		jsonw_string(&w, time_format(a->o->scan_date, time));
	else
		jsonw_null(&w);
	put_count(&w, "pairs_up_to", a->o->pairs_up_to);
	jsonw_key(&w, "incomplete");
	jsonw_bool(&w, a->incomplete);
	if (a->sandbox.profile != NULL) {
		jsonw_key(&w, "sandbox");
		jsonw_string(&w, sandbox_text(&a->sandbox, sandbox));
	}
	if (a->dns_summary != NULL) {
		jsonw_key(&w, "asked");
		jsonw_raw(&w, a->dns_summary, strlen(a->dns_summary));
	}
	summarise_input(&w, a);
	output_count(a->study, &counts);
	output_counts_json(&w, a->study, &counts);
	put_count(&w, "bad_lines_not_kept", a->in.bad.over);
	summarise_costs(&w, a);
	jsonw_end_object(&w);
	return buf_steal(&w.out);
}

void
analysis_summarise(struct analysis *a)
{
	for (size_t i = 0; i < a->noutput_costs; i++)
		*analysis_cost(a, a->output_costs[i].name) = a->output_costs[i];
	cost_stop_process(&a->whole, analysis_cost(a, "all"), 1);
	for (int i = 0; i < RECORD_NREFUSALS; i++)
		a->incomplete |= a->in.counts.refused[i] > 0;
	for (int row = 0; row <= NPORTS; row++)
		a->incomplete |= record_layout_unknown(&a->in.counts, row);
	a->summary = summarise(a);
}

void
analysis_report(struct analysis *a)
{
	struct output_counts counts;

	report_refused(a);
	report_form(a);
	report_layouts(a);
	report_other_ports(a);
	report_notes(a);
	output_count(a->study, &counts);
	output_counts_log(a->study, &counts);
	if (counts.hosts[OUT_NO_COUNTRY] > 0 && a->geo == NULL)
		log_warn("the records do not tell the country of all hosts; --mmdb DIR does");
	if (a->o->costs)
		report_costs(a);
	log_info("results are in %s", a->dir);
}

int
analysis_run_json(struct analysis *a, struct outfile *out)
{
	struct manifest m;
	bool there = manifest_read(&m, a->dir) == 0;
	int rc, saved;

	/* Results elsewhere than in the run's own directory still tell of its scan. */
	if (!there && (a->rundir == NULL || manifest_read(&m, a->rundir) == -1)) {
		manifest_init_results(&m);
		manifest_set(&m.name, a->in.source);
		m.created = (int64_t)a->whole.started;
	}
	if (!there || m.config_digest == NULL) /* of a run it is the run's own */
		m.state = a->incomplete ? RUN_INCOMPLETE : RUN_COMPLETE;
	manifest_set(&m.analysis, a->summary);
	rc = manifest_prepare(&m, a->dir, out);
	saved = errno;
	manifest_fini(&m);
	errno = saved;
	return rc;
}
