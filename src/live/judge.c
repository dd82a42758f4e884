/* What a run has found, and whether that is believable. */
#include <stdlib.h>
#include <string.h>

#include "survey/log.h"

#include "live.h"
#include "yield.h"

/* Were whole countries scanned for mail servers?  Their usual rate is known; that of a few networks is not. */
static bool
has_usual_rate(const struct config *c)
{
	return c->scan.port == 25 && !config_any_country(c) && c->run.targets.n == 0 &&
	       c->run.target_files.n == 0;
}

/* The run before is a sample where it was given nearly as many addresses. */
static bool
is_like(const struct manifest_earlier *e, uint64_t targets)
{
	uint64_t more = e->targets > targets ? e->targets : targets,
		 less = e->targets > targets ? targets : e->targets;

	return e->run != NULL && more - less <= more / 10;
}

/* With other hosts than those that a run finds itself (recheck), none of this is asked. */
void
judge_found(struct survey *s, bool analyzed)
{
	struct manifest *m = &s->m;
	struct yield y = { .scanned = survey_scans(s),
		.least = s->c->scan.least_hits,
		.usual = has_usual_rate(s->c),
		.analyzed = analyzed && m->found.there,
		.port = s->c->scan.port,
		.probed = m->counts.probed / (uint64_t)s->c->scan.probes,
		.hits = m->counts.hits,
		.records = m->counts.records,
		.keys = m->found.keys };
	char *fault;

	if (is_like(&m->earlier, m->counts.targets_v4)) {
		y.earlier = m->earlier.run;
		y.earlier_probed = m->earlier.probed / (uint64_t)s->c->scan.probes;
		y.earlier_hits = m->earlier.hits;
	}
	if (s->o->nhosts > 0 || s->stopped || m->stages[STAGE_SCAN].state != STAGE_DONE)
		return;
	if ((fault = yield_fault(&y)) == NULL)
		return;
	if (m->state_text == NULL || strcmp(m->state_text, fault) != 0)
		log_error("%s", fault);
	/* A scan that found nothing is no scan: the next session does it again. */
	for (size_t i = 0; y.scanned && y.hits == 0 && i < m->nshards; i++)
		m->shards[i].state = SHARD_TODO;
	manifest_set(&m->state_text, fault);
	s->incomplete = true;
	free(fault);
}
