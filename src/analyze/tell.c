/* What an analysis found, what was wrong with its input and what it cost. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "survey/command.h"
#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/rfc3339.h"

#include "analysis.h"

#define ANALYZE_JSON_MAX ((size_t)64 << 20)

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
	const struct intake *in = &a->in;
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

/* run.json as an object, or NULL when there is none that can be read. */
static json_object *
read_run_json(const char *dir)
{
	char *path = path_join(dir, "run.json"), *text;
	json_object *root = NULL;
	size_t len;

	if ((text = file_read(path, ANALYZE_JSON_MAX, &len)) != NULL)
		root = json_tokener_parse(text);
	if (root != NULL && !json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		root = NULL;
	}
	free(text);
	free(path);
	return root;
}

void
analysis_recall_countries(struct analysis *a)
{
	json_object *root = read_run_json(a->rundir), *list, *cc;
	json_object *earlier = json_object_object_get(root, "analysis");

	list = json_object_object_get(earlier, "countries");
	if (json_object_is_type(list, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(list); i++) {
			cc = json_object_array_get_idx(list, i);
			if (json_object_is_type(cc, json_type_string) &&
			    json_object_get_string_len(cc) == 2)
				analysis_add_country(a, json_object_get_string(cc));
		}
	}
	json_object_put(root);
}

static uint64_t
count_hosts(const struct analysis *a, enum host_out out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < a->in.set.n; i++)
		n += a->in.set.hosts[i].out == out;
	return n;
}

/* Distinct keys of the hosts that take part. */
static uint64_t
count_keys(const struct analysis *a)
{
	const struct hostset *set = &a->in.set;
	bool *seen = xcalloc(set->nkeys + 1, sizeof(*seen));
	uint64_t n = 0;

	for (size_t i = 0; i < set->n; i++) {
		const struct host *h = &set->hosts[i];

		for (uint32_t g = 0; h->out == OUT_NONE && g < h->ngrabs; g++) {
			n += !seen[h->grabs[g].key];
			seen[h->grabs[g].key] = true;
		}
	}
	free(seen);
	return n;
}

static void
report_refused(struct analysis *a)
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
	if (refused > 0) {
		a->incomplete = true;
		log_warn("%llu of %llu lines could not be read and are left out (%s); they are in "
			 "%s/records.bad with their places",
		    (unsigned long long)refused, (unsigned long long)c->lines, reasons.data,
		    a->dir);
	}
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
		log_info("parts of records left out or unusual (%s)", parts.data);
	buf_fini(&parts);
}

static void
report_layouts(struct analysis *a)
{
	const struct record_counts *c = &a->in.counts;

	for (int row = 0; row <= NPORTS; row++) {
		const char *port = row < NPORTS ? port_table[row].name
						: "lines without a known port";

		if (c->unknown_layout[row] == 0)
			continue;
		log_warn(
		    "%s: %llu of %llu successful grabs hold a key where no row of the layout table "
		    "looks, for example at %s",
		    port, (unsigned long long)c->unknown_layout[row],
		    (unsigned long long)c->success[row], c->unknown_example[row]);
		if (record_layout_unknown(c, row)) {
			a->incomplete = true;
			log_error("%s: the layout table needs a row for these records "
				  "(src/record/layout.c); "
				  "their keys are missing from the results",
			    port);
		}
	}
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
		put_count(w, "of", c->success[row]);
		jsonw_key(w, "example");
		jsonw_string(w, c->unknown_example[row]);
		jsonw_end_object(w);
	}
	jsonw_end_object(w);
}

static void
summarise_results(struct jsonw *w, const struct analysis *a)
{
	uint32_t clustered = 0, largest = 0;

	for (uint32_t k = 1; k <= a->clusters.n; k++) {
		clustered += a->clusters.size[k];
		if (a->clusters.size[k] > largest)
			largest = a->clusters.size[k];
	}
	put_count(w, "hosts", a->in.set.n);
	put_count(w, "hosts_in", count_hosts(a, OUT_NONE));
	jsonw_key(w, "hosts_out");
	jsonw_object(w);
	for (int out = OUT_NO_KEY; out < HOST_NOUTS; out++)
		put_count(w, host_out_name((enum host_out)out), count_hosts(a, (enum host_out)out));
	jsonw_end_object(w);
	put_count(w, "keys", count_keys(a));
	put_count(w, "clusters", a->clusters.n);
	put_count(w, "hosts_in_clusters", clustered);
	put_count(w, "largest_cluster", largest);
	jsonw_key(w, "verdicts");
	jsonw_object(w);
	for (int v = 0; v < HOST_NVERDICTS; v++)
		put_count(w, host_verdict_name((enum host_verdict)v), a->totals.verdicts[v]);
	jsonw_end_object(w);
	jsonw_key(w, "names");
	jsonw_object(w);
	for (int v = 0; v < NAME_NVERDICTS; v++)
		put_count(w, name_verdict_name((enum name_verdict)v), a->totals.names[v]);
	put_count(w, "not_looked_up", a->totals.not_looked_up);
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
	char time[TIME_SIZE];
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
	if (a->dns_summary != NULL) {
		jsonw_key(&w, "asked");
		jsonw_raw(&w, a->dns_summary, strlen(a->dns_summary));
	}
	summarise_input(&w, a);
	summarise_results(&w, a);
	summarise_costs(&w, a);
	jsonw_end_object(&w);
	return buf_steal(&w.out);
}

void
analysis_report(struct analysis *a)
{
	struct cost *whole;
	uint32_t clustered = 0;

	report_refused(a);
	report_layouts(a);
	report_notes(a);
	for (uint32_t k = 1; k <= a->clusters.n; k++)
		clustered += a->clusters.size[k];
	log_info(
	    "%llu hosts: %llu take part, %llu without a key, %llu outside the country, %llu of "
	    "unknown country",
	    (unsigned long long)a->in.set.n, (unsigned long long)count_hosts(a, OUT_NONE),
	    (unsigned long long)count_hosts(a, OUT_NO_KEY),
	    (unsigned long long)count_hosts(a, OUT_WRONG_COUNTRY),
	    (unsigned long long)count_hosts(a, OUT_NO_COUNTRY));
	log_info(
	    "%llu keys; %u clusters with %u hosts; names: %llu hosts good, %llu bad, %llu unknown, "
	    "%llu without one",
	    (unsigned long long)count_keys(a), a->clusters.n, clustered,
	    (unsigned long long)a->totals.verdicts[HOST_GOOD],
	    (unsigned long long)a->totals.verdicts[HOST_BAD],
	    (unsigned long long)a->totals.verdicts[HOST_UNKNOWN],
	    (unsigned long long)a->totals.verdicts[HOST_NONE]);
	if (count_hosts(a, OUT_NO_COUNTRY) > 0 && a->geo == NULL)
		log_warn("the records do not tell the country of all hosts; --mmdb DIR does");
	whole = analysis_cost(a, "all");
	cost_stop_process(&a->whole, whole, 1);
	report_costs(a);
	log_info("results are in %s", a->dir);
	a->summary = summarise(a);
}

/* A run directory that only an analysis made: what others need to take it for one. */
static json_object *
new_run_json(const struct analysis *a)
{
	json_object *root = json_object_new_object();
	char time[TIME_SIZE];

	json_object_object_add(root, "writer", json_object_new_string("survey"));
	json_object_object_add(root, "version", json_object_new_int(1));
	json_object_object_add(root, "name", json_object_new_string(a->in.source));
	json_object_object_add(
	    root, "created", json_object_new_string(time_format((int64_t)a->whole.started, time)));
	return root;
}

int
analysis_keep(struct analysis *a)
{
	json_object *root = read_run_json(a->dir), *summary = json_tokener_parse(a->summary);
	bool ours = root == NULL || json_object_object_get(root, "config_sha256") == NULL;
	char *path;
	const char *text;
	int rc;

	if (a->o->locked) {
		/* The running survey owns run.json and puts the summary there. */
		json_object_put(root);
		json_object_put(summary);
		return 0;
	}
	/* Results elsewhere than in the run's own directory still tell of its scan. */
	if (root == NULL && a->rundir != NULL)
		root = read_run_json(a->rundir);
	if (root == NULL)
		root = new_run_json(a);
	if (ours)
		json_object_object_add(root, "state",
		    json_object_new_string(a->incomplete ? "incomplete" : "complete"));
	json_object_object_add(root, "analysis", summary);
	path = path_join(a->dir, "run.json");
	text = json_object_to_json_string_ext(
	    root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	rc = file_write(path, text, strlen(text));
	if (rc != 0)
		log_error("%s: %s", path, strerror(errno));
	json_object_put(root);
	free(path);
	return rc == 0 ? 0 : EXIT_FAILED;
}
