/* Into which parts a scan is cut. */
#include <stdlib.h>
#include <sys/random.h>

#include "survey/command.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/text.h"

#include "live.h"

static void
make_shards(struct survey *s)
{
	const struct config *c = s->c;
	unsigned machines = s->o->machines, per_machine;

	per_machine = zmap_shards(c, s->m.counts.targets_v4, machines);
	s->m.seed = (uint64_t)c->scan.seed;
	while (s->m.seed == 0) {
		uint32_t r = 0;

		if (getrandom(&r, sizeof(r), 0) == sizeof(r))
			s->m.seed = r & 0x7fffffff;
	}
	s->m.machine = s->o->machine;
	s->m.machines = machines;
	s->m.shards_total = per_machine * machines;
	s->m.nshards = per_machine;
	s->m.shards = xcalloc(per_machine, sizeof(*s->m.shards));
	for (unsigned i = 0; i < per_machine; i++)
		s->m.shards[i].number = s->o->machine * per_machine + i;
}

/* A shard that is longer than the time between quiet hours would be begun every day and never end. */
static int
check_window(const struct survey *s)
{
	double window = zmap_window_seconds(s->c);
	double takes = zmap_shard_seconds(
	    s->c, s->m.counts.targets_v4, (unsigned)(s->m.shards_total / s->m.machines));
	char text[2][32];

	if (takes <= window)
		return 0;
	log_error("scan.quiet_hours = \"%s\" leaves %s a day, and one of %zu shards takes %s: "
		  "%llu addresses x %ld probes / %ld packets a second / %zu, and "
		  "scan.cooldown_s = %ld; %s",
	    s->c->scan.quiet_hours, text_duration(window, text[0], sizeof(text[0])), s->m.nshards,
	    text_duration(takes, text[1], sizeof(text[1])),
	    (unsigned long long)s->m.counts.targets_v4, s->c->scan.probes, s->c->scan.rate_pps,
	    s->m.nshards, s->c->scan.cooldown_s,
	    s->m.stages[STAGE_SCAN].started != 0
		? "this run keeps its shards: survey run --new makes new ones"
		: "scan faster, on fewer machines with --shard, or in longer hours");
	return EXIT_USAGE;
}

int
plan_shards(struct survey *s)
{
	if (s->m.nshards == 0)
		make_shards(s);
	s->m.port = (unsigned)s->c->scan.port;
	return check_window(s);
}
