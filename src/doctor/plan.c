/* What a run of this config would do: how many addresses, hours and gigabytes, and whether it would begin. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/log.h"
#include "survey/text.h"
#include "survey/zmap.h"

#include "doctor.h"

#define LISTENERS_PERCENT 1 /* of addresses, that listen on port 25: studies saw well below it */

static void
keep_message(const char *line, void *arg)
{
	struct buf *b = arg;
	const char *text = strstr(line, "error: ");

	if (text != NULL && b->len == 0)
		buf_adds(b, text + strlen("error: "));
}

/* Whoever would refuse: the same as in a run. */
static void
say_limits(struct doctor *d, struct survey *s)
{
	const struct config *c = d->c;
	bool lab = survey_is_lab(s);
	const char *name;
	size_t len;

	if ((name = config_placeholder(c, &len)) != NULL && !lab)
		doctor_say(d, FINDING_FAIL, "contact", "name a page of yours in grab.user_agent",
		    "%.*s is nobody's site", (int)len, name);
	else
		doctor_say(d, FINDING_OK, "contact", NULL, "%s", c->grab.user_agent);
	if (config_is_fast(c) && !lab)
		doctor_say(d, FINDING_WARN, "rates",
		    "studies of whole countries took 150 and 10; survey run wants --yes-fast",
		    "%ld %s and %g %s a second", c->scan.rate_pps,
		    text_noun((unsigned long long)c->scan.rate_pps, "packet", "packets"),
		    c->grab.rate_hosts, c->grab.rate_hosts == 1.0 ? "host" : "hosts");
}

static void
say_window(struct doctor *d, uint64_t n)
{
	const struct config *c = d->c;
	double window = zmap_window_seconds(c);
	unsigned shards = zmap_shards(c, n, 1);
	double takes = zmap_shard_seconds(c, n, shards);
	char left[32], one[32];

	if (takes > window)
		doctor_say(d, FINDING_FAIL, "quiet hours",
		    "scan faster, on several machines, or in longer hours",
		    "they leave %s a day, and one of %u shards takes %s",
		    text_duration(window, left, sizeof(left)), shards,
		    text_duration(takes, one, sizeof(one)));
}

static void
say_effort(struct doctor *d, double n)
{
	const struct config *c = d->c;
	double hosts = ceil(n * LISTENERS_PERCENT / 100), day = 24 * 3600;
	double window = zmap_window_seconds(c), share = window < day ? window / day : 1;
	double scan = n * (double)c->scan.probes / (double)c->scan.rate_pps / share;
	double grab = hosts / c->grab.rate_hosts / share;
	double bytes = hosts * RECORD_BYTES(c);
	char text[2][32];

	doctor_say(d, bytes > d->free_bytes && d->free_bytes > 0 ? FINDING_WARN : FINDING_OK,
	    "effort", "make room, or choose another run.directory",
	    "%s of scan at %ld %s a second; up to %.0f hosts (one address in %d), %s at %g a "
	    "second, %.1f GB of records",
	    text_duration(scan, text[0], sizeof(text[0])), c->scan.rate_pps,
	    text_noun((unsigned long long)c->scan.rate_pps, "packet", "packets"), hosts,
	    100 / LISTENERS_PERCENT, text_duration(grab, text[1], sizeof(text[1])),
	    c->grab.rate_hosts, bytes / 1e9);
}

static void
say_range(struct doctor *d, struct survey *s, const char *error)
{
	double left = ipset_count(&s->allow, 4), before = s->targets_before;
	struct buf n[2];

	if (before < 1 && error[0] != '\0') {
		doctor_say(d, FINDING_FAIL, "range", "see run.countries, run.targets and run.asns",
		    "%s", error);
		return;
	}
	for (int i = 0; i < 2; i++)
		buf_init(&n[i]);
	text_counted(&n[0], (unsigned long long)before, "address", "addresses");
	text_count(&n[1], (unsigned long long)left);
	doctor_say(d, left < 1 ? FINDING_FAIL : FINDING_OK, "range",
	    "scan.block_files, the opt-outs and reserved ranges take all of it away",
	    "%s, %s of them not blocked", n[0].data, n[1].data);
	for (int i = 0; i < 2; i++)
		buf_fini(&n[i]);
	if (left >= 1) {
		say_effort(d, left);
		say_window(d, (uint64_t)left);
	}
}

void
doctor_plan(struct doctor *d)
{
	const struct run_options o = { .machines = 1 };
	struct survey s = { .c = d->c, .o = &o, .id = d->id };
	struct buf error;
	int rc;

	buf_init(&error);
	ipset_init(&s.allow);
	ipset_init(&s.block);
	ipset_init(&s.opt_out);
	databases_init(&s.databases);
	lists_init(&s.lists);
	s.any_country = config_any_country(d->c);
	log_set_sink(keep_message, &error);
	if ((rc = targets_read_lists(&s)) == 0)
		(void)targets_make(&s); /* check_databases() tells of databases */
	log_set_sink(NULL, NULL);
	buf_adds(&error, "");
	if (d->c->scan.mode == SCAN_ZMAP)
		say_range(d, &s, error.data);
	else if (rc != 0)
		doctor_say(d, FINDING_FAIL, "lists", "a run would not begin", "%s", error.data);
	say_limits(d, &s);
	lists_fini(&s.lists);
	databases_fini(&s.databases);
	ipset_fini(&s.allow);
	ipset_fini(&s.block);
	ipset_fini(&s.opt_out);
	buf_fini(&error);
}
