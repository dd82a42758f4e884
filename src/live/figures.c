/* How far a survey is: what is shown, and what run.json says. */
#include <stdio.h>
#include <string.h>

#include "survey/text.h"
#include "survey/supervisor.h"

#include "collect.h"

enum { SCAN, GRAB, DNS };
_Static_assert(DNS + 1 == PROGRESS_ROWS, "a row each");

/* Packets that this machine's shards take. */
static double
scan_total(const struct survey *s)
{
	return (double)s->m.counts.targets_v4 * (double)s->c->scan.probes * (double)s->m.nshards /
	       (double)s->m.shards_total;
}

static double
scan_sent(const struct collect *c)
{
	const struct manifest *m = &c->s->m;
	uint64_t sent = c->scan != NULL ? scan_progress(c->scan)->sent : 0;

	for (size_t i = 0; i < m->nshards; i++) {
		if (m->shards[i].state == SHARD_DONE || m->shards[i].state == SHARD_UNCONFIRMED)
			sent += m->shards[i].sent;
	}
	return (double)sent;
}

static void
scan_row(const struct collect *c, struct progress_row *r)
{
	const struct survey *s = c->s;
	const char *now = "";

	*r = (struct progress_row){
		.name = "scan", .unit = "probes", .done = scan_sent(c), .total = scan_total(s)
	};
	if (c->hold.watch.paused && s->m.canaries.paused_since != 0)
		now = ", paused: no canary answers";
	else if (c->is_quiet)
		now = ", paused: quiet hours";
	else if (c->scan != NULL && scan_progress(c->scan)->sent_all)
		now = ", waiting for late answers";
	snprintf(r->note, sizeof(r->note), "%llu %s%s", (unsigned long long)s->m.counts.hits,
	    text_noun(s->m.counts.hits, "hit", "hits"), now);
}

static void
grab_row(const struct collect *c, struct progress_row *r)
{
	const struct grab_stats *g = grab_stats(c->grab);
	uint64_t done = c->before.done + g->done, errors = 0;
	size_t n = 0;

	*r = (struct progress_row){ .name = "grab",
		.unit = "hosts",
		.done = (double)done,
		.total = (double)(done + g->queued + g->in_flight) };
	n += (size_t)snprintf(r->note, sizeof(r->note), "open:");
	for (int row = 0; row < NPORTS && n < sizeof(r->note) - 24; row++) {
		uint64_t open = c->before.ports[row][GRAB_SUCCESS] + g->ports[row][GRAB_SUCCESS];

		for (int end = GRAB_TIMEOUT; end < GRAB_NENDS; end++)
			errors += c->before.ports[row][end] + g->ports[row][end];
		if (c->s->c->grab.port[row])
			n += (size_t)snprintf(r->note + n, sizeof(r->note) - n, " %u=%llu",
			    port_table[row].port, (unsigned long long)open);
	}
	n += (size_t)snprintf(r->note + n, sizeof(r->note) - n, ", %llu %s",
	    (unsigned long long)errors, text_noun(errors, "error", "errors"));
	if (g->given_up > 0 && n < sizeof(r->note))
		snprintf(r->note + n, sizeof(r->note) - n, ", %llu given up",
		    (unsigned long long)g->given_up);
}

static void
dns_row(const struct collect *c, struct progress_row *r)
{
	uint64_t asked, answered, failed;

	resolve_counts(c->resolve, &asked, &answered, &failed);
	*r = (struct progress_row){
		.name = "dns", .unit = "answers", .done = (double)answered, .total = (double)asked
	};
	snprintf(r->note, sizeof(r->note), "%llu without one", (unsigned long long)failed);
}

static double
left(const struct progress_row *r, double total)
{
	return total > r->done && r->rate > 0.01 ? (total - r->done) / r->rate : 0;
}

void
collect_figures(struct collect *c, struct progress_row rows[PROGRESS_ROWS])
{
	const struct survey *s = c->s;
	const double limit[PROGRESS_ROWS] = { [SCAN] = s->m.rate_pps, [GRAB] = s->m.rate_hosts };
	double hosts;

	memset(rows, 0, PROGRESS_ROWS * sizeof(*rows));
	if (survey_scans(s))
		scan_row(c, &rows[SCAN]);
	if (c->grab != NULL)
		grab_row(c, &rows[GRAB]);
	if (c->resolve != NULL)
		dns_row(c, &rows[DNS]);
	for (int i = 0; i < PROGRESS_ROWS; i++) {
		if (rows[i].name == NULL)
			continue;
		pace_add(&c->pace[i], uv_now(&c->s->loop), rows[i].done);
		rows[i].rate = pace_rate(&c->pace[i], limit[i]);
		rows[i].left_s = left(&rows[i], rows[i].total);
	}
	/* While the scan goes on, more hosts will come, as many as so far. */
	hosts = rows[GRAB].total;
	if (c->scan != NULL && !c->scan_done && rows[SCAN].done > 0 &&
	    rows[SCAN].total > rows[SCAN].done)
		hosts *= rows[SCAN].total / rows[SCAN].done;
	rows[GRAB].left_s = left(&rows[GRAB], hosts);
}

void
collect_note_progress(struct collect *c)
{
	struct manifest_progress *p = &c->s->m.progress;
	struct progress_row rows[PROGRESS_ROWS];
	const struct progress_row *main = &rows[SCAN];
	char text[128], time[32];

	collect_figures(c, rows);
	if (rows[SCAN].name == NULL || (c->scan_done && rows[GRAB].name != NULL))
		main = &rows[GRAB];
	if (main->name == NULL)
		return;
	p->percent = main->total > 0 ? 100 * main->done / main->total : 0;
	if (p->percent > 100)
		p->percent = 100;
	p->scan_rate = rows[SCAN].rate;
	p->grab_rate = rows[GRAB].rate;
	p->left_s = rows[SCAN].left_s;
	for (int i = GRAB; i < PROGRESS_ROWS; i++) {
		if (rows[i].left_s > p->left_s)
			p->left_s = rows[i].left_s;
	}
	if (c->s->m.canaries.paused_since != 0)
		return; /* that is the more important news */
	snprintf(text, sizeof(text), "%s: %.0f %%%s%s", main->name, p->percent,
	    p->left_s > 0 ? "; left: " : "",
	    p->left_s > 0 ? text_duration(p->left_s, time, sizeof(time)) : "");
	supervisor_status(c->s->supervisor, text);
}
