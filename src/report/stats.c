/* Pure: all tables of a study, and what they are of. */
#include <string.h>

#include "survey/buf.h"
#include "survey/rfc3339.h"

#include "stats.h"
#include "stats_tables.h"

static void
maybe_count(struct table *t, const char *label, uint64_t n)
{
	struct row *r = table_row(t, "%s", label);

	if (n != RUNINFO_UNKNOWN)
		row_count(r, 0, n);
}

/* Of hosts that take part. */
struct totals {
	uint64_t hosts, host_ports, keys;
	uint64_t reused; /* host/ports with a key that another host shows, too */
};

static struct totals
count_totals(const struct study *st)
{
	struct totals n = { .hosts = 0 };

	for (uint32_t i = 0; i < st->nhosts; i++)
		n.hosts += st->hosts[i].out == OUT_NONE;
	for (uint32_t i = 0; i < st->nkeys; i++)
		n.keys += st->keys[i].nhosts > 0;
	for (uint32_t i = 0; stats_next_port(st, &i); i++) {
		n.host_ports++;
		n.reused += stats_port_is_reused(st, i);
	}
	return n;
}

static void
overview(struct tables *ts, const struct study *st, const struct runinfo *run)
{
	static const char *const columns[] = { "value", NULL };
	struct table *t = tables_add(ts, "overview", "Overview", "figure", columns);
	uint64_t clustered = 0, shared = 0, largest = 0, multi = 0, in_as = 0;
	struct totals all = count_totals(st);

	for (uint32_t i = 0; i < st->nclusters; i++) {
		const struct study_cluster *c = &st->clusters[i];

		clustered += c->hosts.n;
		if (c->hosts.n > largest)
			largest = c->hosts.n;
		multi += c->nases > 1;
		in_as += c->nases > 0;
	}
	for (uint32_t i = 0; i < st->nkeys; i++)
		shared += study_key_shared(&st->keys[i]);
	maybe_count(t, "addresses to probe", run->targets);
	maybe_count(t, "addresses probed", run->probed);
	maybe_count(t, "listeners on port 25", run->hits);
	maybe_count(t, "listeners in the country",
	    run->hits != RUNINFO_UNKNOWN && run->out_of_country != RUNINFO_UNKNOWN &&
		    run->hits >= run->out_of_country
		? run->hits - run->out_of_country
		: RUNINFO_UNKNOWN);
	maybe_count(t, "hosts grabbed", run->records);
	maybe_count(t, "hosts without a key", run->no_key);
	maybe_count(t, "hosts left out: another country", run->wrong_country);
	maybe_count(t, "hosts left out: country not known", run->no_country);
	maybe_count(t, "hosts with keys", stats_has_outside(st) ? all.hosts : RUNINFO_UNKNOWN);
	maybe_count(
	    t, "host/ports with keys", stats_has_outside(st) ? all.host_ports : RUNINFO_UNKNOWN);
	maybe_count(t, "distinct keys", stats_has_outside(st) ? all.keys : RUNINFO_UNKNOWN);
	maybe_count(t, "keys on two or more hosts", shared);
	maybe_count(t, "host/ports with such a key", all.reused);
	if (stats_has_outside(st))
		row_share(table_row(t, "share of host/ports with such a key"), 0, all.reused,
		    all.host_ports);
	else
		table_row(t, "share of host/ports with such a key");
	maybe_count(t, "clusters", st->nclusters);
	maybe_count(t, "clusters over two or more ASes",
	    in_as > 0 || st->nclusters == 0 ? multi : RUNINFO_UNKNOWN);
	maybe_count(t, "hosts in clusters", clustered);
	if (stats_has_outside(st))
		row_share(table_row(t, "share of hosts in clusters"), 0, clustered, all.hosts);
	else
		table_row(t, "share of hosts in clusters");
	maybe_count(t, "hosts in the largest cluster", largest);
}

/* A list of texts, each once, in order of the runs that a study is merged of. */
static void
add_once(struct buf *b, const char *s)
{
	if (s == NULL || *s == '\0' || (b->len > 0 && strstr(b->data, s) != NULL))
		return;
	buf_printf(b, b->len > 0 ? ", %s" : "%s", s);
}

static int64_t
first_grab(const struct study *st)
{
	int64_t first = TIME_UNKNOWN;

	for (uint32_t i = 0; i < st->nhosts; i++) {
		int64_t at = st->hosts[i].time;

		if (at != TIME_UNKNOWN && (first == TIME_UNKNOWN || at < first))
			first = at;
	}
	for (uint32_t i = 0; i < st->ngrabs; i++) {
		int64_t at = st->grabs[i].at;

		if (at != TIME_UNKNOWN && (first == TIME_UNKNOWN || at < first))
			first = at;
	}
	return first;
}

/* What the values are of: as the study tells, else as run.json does. */
static void
take_run(struct tables *ts, const struct study *st, const struct runinfo *run)
{
	struct buf name, date, countries, versions;
	char when[TIME_SIZE];
	int64_t at;

	buf_init(&name);
	buf_init(&date);
	buf_init(&countries);
	buf_init(&versions);
	for (size_t i = 0; i < run->nversions; i++)
		buf_printf(&versions, "%s%s %s", versions.len > 0 ? ", " : "",
		    run->versions[i].name, run->versions[i].value);
	for (uint32_t i = 0; i < st->nruns; i++) {
		const struct study_run *r = &st->runs[i];

		at = r->began != TIME_UNKNOWN ? r->began : r->scan_date;
		add_once(&countries, study_text(st, r->countries));
		add_once(&name, study_text(st, r->name));
		if (at != TIME_UNKNOWN)
			add_once(&date, time_format(at, when));
		if (run->nversions == 0) {
			add_once(&versions, study_text(st, r->program));
			add_once(&versions, study_text(st, r->tools));
		}
	}
	/* run.json of an analysis alone is called by its file, and of the day when it was made. */
	if (runinfo_tells_scan(run)) {
		if (name.len == 0)
			add_once(&name, run->name);
		if (date.len == 0)
			add_once(&date, run->created);
	}
	if (date.len == 0 && (at = first_grab(st)) != TIME_UNKNOWN)
		add_once(&date, time_format(at, when));
	tables_run(ts, &(struct table_run){ .name = name.len > 0 ? name.data : NULL,
			   .date = date.len > 0 ? date.data : NULL,
			   .countries = countries.len > 0 ? countries.data : NULL,
			   .versions = versions.len > 0 ? versions.data : NULL });
	buf_fini(&name);
	buf_fini(&date);
	buf_fini(&countries);
	buf_fini(&versions);
}

void
stats_tables(struct tables *ts, const struct study *st, const struct runinfo *run, bool all)
{
	take_run(ts, st, run);
	overview(ts, st, run);
	stats_ports(ts, st, run);
	stats_versions(ts, st, all);
	stats_software(ts, st, all);
	stats_key_types(ts, st, all);
	stats_suites(ts, st, all);
	stats_certificates(ts, st);
	stats_names(ts, st);
	stats_sizes(ts, st);
	stats_one_host(ts, st);
	stats_port_by_port(ts, st);
	stats_top_ases(ts, st, all);
	stats_top_clusters(ts, st, all);
	stats_top_keys(ts, st, all);
	stats_weak_keys(ts, st);
	stats_weak_checks(ts, st);
}
