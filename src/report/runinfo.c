#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "survey/log.h"
#include "survey/mem.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"

#include "runinfo.h"

static void
add_pair(struct runinfo_pair **v, size_t *n, const char *name, char *value)
{
	*v = xreallocarray(*v, *n + 1, sizeof(**v));
	(*v)[(*n)++] = (struct runinfo_pair){ xstrdup(name), value };
}

static void
take_pairs(struct runinfo *r, const struct manifest *m)
{
	if (m->version != NULL)
		add_pair(&r->versions, &r->nversions, "survey", xstrdup(m->version));
	for (size_t i = 0; i < m->ntools; i++)
		add_pair(
		    &r->versions, &r->nversions, m->tools[i].name, xstrdup(m->tools[i].version));
	for (int i = 0; i < NSTAGES; i++) {
		const struct stage_record *s = &m->stages[i];
		const char *state = stage_state_name[s->state];

		if (s->told)
			add_pair(&r->stages, &r->nstages, survey_stage_names[i],
			    s->wall_s > 0 ? xasprintf("%s in %.1f s", state, s->wall_s)
					  : xstrdup(state));
	}
}

/* Of each port: how many hosts were asked, and how many spoke its protocol ("success"). */
static void
take_ports(struct runinfo *r, const struct manifest_counts *c)
{
	for (int row = 0; row < NPORTS; row++) {
		uint64_t asked = 0;

		for (int end = 0; end < GRAB_NENDS; end++)
			asked += c->ports[row][end];
		r->asked[row] = asked > 0 ? asked : RUNINFO_UNKNOWN;
		r->answered[row] = asked > 0 ? c->ports[row][GRAB_SUCCESS] : RUNINFO_UNKNOWN;
	}
}

/* What the last analysis of the records counted. */
static void
take_analysis(struct runinfo *r, const struct manifest_analysis *a)
{
	char when[TIME_SIZE];

	if (!a->there)
		return;
	if (a->scan_date != TIME_UNKNOWN)
		r->scan_date = xstrdup(time_format(a->scan_date, when));
	r->dns = a->dns != NULL ? xstrdup(a->dns) : NULL;
	r->records = a->hosts;
	r->no_key = a->hosts_out[OUT_NO_KEY];
	r->wrong_country = a->hosts_out[OUT_WRONG_COUNTRY];
	r->no_country = a->hosts_out[OUT_NO_COUNTRY];
	r->lines_refused = 0;
	for (size_t i = 0; i < a->nrefused; i++)
		r->lines_refused += a->refused[i].n;
}

static char *
time_text(int64_t t)
{
	char when[TIME_SIZE];

	return t != 0 ? xstrdup(time_format(t, when)) : NULL;
}

#define COUNT(m, field) manifest_count(m, offsetof(struct manifest_counts, field))

static void
take_manifest(struct runinfo *r, const struct manifest *m)
{
	r->there = true;
	r->anonymised = m->anonymised;
	r->name = m->name != NULL ? xstrdup(m->name) : NULL;
	r->state = xstrdup(run_state_name[m->state]);
	r->why = m->state_text != NULL ? xstrdup(m->state_text) : NULL;
	r->created = time_text(m->created);
	r->ended = time_text(m->ended);
	r->targets = COUNT(m, targets_v4);
	r->probed = COUNT(m, probed);
	r->hits = COUNT(m, hits);
	r->out_of_country = COUNT(m, out_of_country);
	r->refused = COUNT(m, refused);
	r->opted_out = COUNT(m, opted_out);
	r->records = COUNT(m, records);
	r->given_up = COUNT(m, given_up);
	r->rate_pps = m->rate_pps;
	r->rate_hosts = m->rate_hosts;
	take_ports(r, &m->counts);
	take_pairs(r, m);
	take_analysis(r, &m->found);
}

void
runinfo_read(struct runinfo *r, const char *dir)
{
	struct manifest m;

	*r = (struct runinfo){ .there = false };
	if (manifest_read(&m, dir) == -1) {
		if (errno == EINVAL)
			log_warn(
			    "%s/run.json is not understood: what was scanned stays unknown", dir);
		manifest_init_results(&m);
		take_manifest(r, &m);
		r->there = false;
		free(r->state);
		r->state = NULL;
	} else {
		take_manifest(r, &m);
	}
	if (!m.found.there)
		r->no_key = r->wrong_country = r->no_country = r->lines_refused = RUNINFO_UNKNOWN;
	manifest_fini(&m);
}

bool
runinfo_tells_scan(const struct runinfo *r)
{
	return r->nstages > 0 || r->probed != RUNINFO_UNKNOWN || r->hits != RUNINFO_UNKNOWN ||
	       r->rate_pps > 0;
}

void
runinfo_drop_stage(struct runinfo *r, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < r->nstages; i++) {
		if (strcmp(r->stages[i].name, name) != 0) {
			r->stages[n++] = r->stages[i];
			continue;
		}
		free(r->stages[i].name);
		free(r->stages[i].value);
	}
	r->nstages = n;
}

void
runinfo_fini(struct runinfo *r)
{
	for (size_t i = 0; i < r->nversions; i++) {
		free(r->versions[i].name);
		free(r->versions[i].value);
	}
	for (size_t i = 0; i < r->nstages; i++) {
		free(r->stages[i].name);
		free(r->stages[i].value);
	}
	free(r->versions);
	free(r->stages);
	free(r->name);
	free(r->state);
	free(r->why);
	free(r->created);
	free(r->ended);
	free(r->scan_date);
	free(r->dns);
}
