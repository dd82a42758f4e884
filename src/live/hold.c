#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "survey/buf.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/supervisor.h"
#include "survey/text.h"

#include "collect.h"
#include "unheard.h"

void
hold_apply(struct collect *c)
{
	bool deaf = c->hold.watch.paused;

	if (c->s->stopped || c->cut_short || c->error != 0)
		return; /* whatever may be sent now, nothing is begun any more */
	if (c->scan != NULL && !c->scan_done)
		scan_pause(c->scan, c->is_quiet || deaf);
	if (c->grab != NULL && !c->grab_done)
		grab_pause(c->grab, c->is_quiet || c->opt_out_unknown || deaf);
	if (c->resolve != NULL && !c->dns_done)
		resolve_hold(c->resolve, c->is_quiet || deaf);
	if (c->hold.canaries != NULL)
		canaries_pause(c->hold.canaries, c->is_quiet);
}

/* Say why nothing is sent, wherever somebody may look. */
static void
say_paused(struct collect *c, const char *why)
{
	struct survey *s = c->s;

	log_warn("paused: %s", why);
	manifest_set(&s->m.state_text, why);
	if (s->m.canaries.paused_since == 0)
		s->m.canaries.pauses++;
	s->m.canaries.paused_since = time(NULL);
	supervisor_status(s->supervisor, why);
	collect_save(c);
}

static void
say_resumed(struct collect *c, unsigned answered)
{
	struct survey *s = c->s;
	size_t n = 0;

	for (size_t i = 0; i < s->m.nshards; i++)
		n += s->m.shards[i].state == SHARD_TODO;
	if (s->m.canaries.paused_since == 0)
		log_info("%u of %u canaries answer", answered, s->m.canaries.configured);
	else
		log_info("%u of %u canaries answer: going on, %zu %s left", answered,
		    s->m.canaries.configured, n, text_noun(n, "shard is", "shards are"));
	s->m.canaries.paused_since = 0;
	manifest_set(&s->m.state_text, NULL);
	supervisor_status(s->supervisor, "");
	collect_save(c);
}

/* What zmap has finished since a canary last answered is done again. */
static size_t
repeat_unconfirmed(struct collect *c)
{
	struct manifest *m = &c->s->m;
	size_t n = 0;

	for (size_t i = 0; c->scan != NULL && i < m->nshards; i++) {
		if (m->shards[i].state != SHARD_UNCONFIRMED)
			continue;
		watch_forget(&c->hold.watch, i);
		scan_repeat(c->scan, i);
		n++;
	}
	return n;
}

static void
repeat_fallen(struct collect *c)
{
	struct watch *w = &c->hold.watch;
	size_t n = w->nfallen, at[WATCH_LAST];

	for (size_t i = 0; i < n; i++)
		at[i] = w->shards[w->n - 1 - i].at;
	for (size_t i = 0; i < n; i++) {
		watch_forget(w, at[i]);
		scan_repeat(c->scan, at[i]);
	}
}

static bool
grabbing(const struct collect *c)
{
	return c->grab != NULL && !c->grab_done;
}

/* Hosts whose ports may have seemed closed are asked once more, those in flight when they have landed. */
static size_t
ask_recent_again(struct collect *c)
{
	struct hold *h = &c->hold;
	size_t n = grabbing(c) ? h->nrecent : 0;

	unheard_until(&c->s->m.canaries, c->s->m.canaries.paused_since);
	h->nrecent = h->nasked = 0;
	if (!grabbing(c))
		return 0;
	h->asked_since = time(NULL);
	grab_repeat_flights(c->grab);
	grab_cut_second(c->grab, h->second); /* they may do better now */
	h->second_asked = h->second;
	for (size_t i = 0; i < n; i++)
		grab_add(c->grab, &c->hosts.ip[h->recent[i]]);
	return n;
}

static uint64_t
on_asking(void *arg)
{
	struct collect *c = arg;

	c->hold.nasked = c->hold.nrecent;
	c->s->m.canaries.asked = c->hold.asked_since = time(NULL);
	if (grabbing(c)) {
		c->hold.second_asked = grab_second(c->grab);
		if (grab_oldest(c->grab) != 0)
			c->hold.asked_since = grab_oldest(c->grab);
	}
	return c->scan != NULL ? scan_mark(c->scan) : 0;
}

static void
none_answered(struct collect *c, enum watch_advice advice)
{
	size_t n = repeat_unconfirmed(c);
	char *why;

	c->s->m.canaries.failed++;
	hold_apply(c);
	if (advice != WATCH_PAUSE && c->s->m.canaries.paused_since != 0)
		return; /* told already */
	why = xasprintf("none of %u canaries answers on port %ld: nothing is sent until one does; "
			"%zu %s repeated then",
	    c->s->m.canaries.configured, c->s->c->scan.port, n,
	    text_noun(n, "shard since the last answer is", "shards since the last answer are"));
	say_paused(c, why);
	free(why);
}

static void
on_asked(unsigned answered, uint64_t mark, void *arg)
{
	struct collect *c = arg;
	struct hold *h = &c->hold;
	struct manifest_canaries *m = &c->s->m.canaries;
	bool was_deaf = h->watch.paused && !h->watch.collapsed;
	enum watch_advice advice = watch_canaries_asked(&h->watch, answered);

	m->rounds++;
	m->answering = answered;
	h->confirming = false;
	if (answered == 0) {
		none_answered(c, advice);
		return;
	}
	m->answered = m->asked;
	if (advice == WATCH_RESUME && was_deaf && m->paused_since != 0) {
		size_t n = ask_recent_again(c);

		if (n > 0)
			log_info("%zu %s asked again", n,
			    text_noun((unsigned long long)n, "host is", "hosts are"));
	}
	/* Those that are left came after the round had begun. */
	h->nrecent -= h->nasked;
	if (h->nrecent > 0)
		memmove(h->recent, h->recent + h->nasked, h->nrecent * sizeof(*h->recent));
	h->nasked = 0;
	h->second = h->second_asked;
	if (grabbing(c))
		unheard_since(m, h->asked_since);
	if (advice == WATCH_RESUME)
		say_resumed(c, answered);
	if (c->scan != NULL && !c->scan_done)
		scan_confirm(c->scan, mark);
	hold_apply(c);
}

/* There is nobody to ask, or they see nothing wrong: it is for a person to find out. */
static void
stop_collapsed(struct collect *c, const char *why)
{
	log_error("stopping: %s", why);
	manifest_set(&c->s->m.state_text, why);
	c->s->incomplete = true;
	collect_cut_short(c);
}

static void
collapsed(struct collect *c, enum watch_advice advice)
{
	struct watch *w = &c->hold.watch;
	uint64_t sent = 0, hits = 0, last_sent = 0, last_hits = 0;
	struct buf why;

	for (size_t i = 0; i < w->n; i++) {
		bool last = i >= w->n - w->nfallen;

		*(last ? &last_sent : &sent) += w->shards[i].sent;
		*(last ? &last_hits : &hits) += w->shards[i].hits;
	}
	buf_init(&why);
	buf_printf(&why,
	    "the hit rate has collapsed: the last %zu shards found %llu hosts with %llu packets, "
	    "those before %llu with %llu (binomial, p = %.1e, less than %.0e); ",
	    w->nfallen, (unsigned long long)last_hits, (unsigned long long)last_sent,
	    (unsigned long long)hits, (unsigned long long)sent, w->p, WATCH_P);
	if (advice == WATCH_PAUSE)
		buf_adds(&why, "the canaries are asked, and these shards repeated");
	else
		buf_printf(&why,
		    "%s; is port %ld filtered by now, or are we blocked?  survey run repeats "
		    "these shards",
		    w->has_canaries ? "repeated they are as bad, though canaries answer"
				    : "there are no canaries to ask (scan.canaries)",
		    c->s->c->scan.port);
	repeat_fallen(c);
	if (advice == WATCH_PAUSE) {
		hold_apply(c);
		say_paused(c, why.data);
		canaries_ask(c->hold.canaries);
	} else {
		stop_collapsed(c, why.data);
	}
	buf_fini(&why);
}

void
hold_shard(struct collect *c, const struct scan_shard *shard)
{
	enum watch_advice advice;

	if (shard->state != SHARD_DONE && shard->state != SHARD_UNCONFIRMED)
		return;
	advice = watch_shard_ended(
	    &c->hold.watch, (size_t)(shard - c->s->m.shards), shard->sent, shard->hits);
	if (advice != WATCH_GO_ON)
		collapsed(c, advice);
}

void
hold_record(struct collect *c, uint32_t id)
{
	struct hold *h = &c->hold;

	if (h->canaries == NULL)
		return;
	mem_grow(&h->recent, &h->cap, h->nrecent + 1, sizeof(*h->recent));
	h->recent[h->nrecent++] = id;
}

void
hold_unconfirmed(void *arg)
{
	struct collect *c = arg;

	canaries_ask(c->hold.canaries);
}

bool
hold_confirmed(void *arg)
{
	struct collect *c = arg;
	struct hold *h = &c->hold;

	if (h->nrecent == 0)
		return true;
	if (!h->watch.paused && !h->confirming)
		canaries_ask(h->canaries);
	h->confirming = true;
	return false;
}

void
hold_know_unheard(struct collect *c)
{
	unheard_until(&c->s->m.canaries, time(NULL));
}

/* Shards of earlier sessions, in the order in which they ended. */
static void
know_shards(struct collect *c)
{
	const struct manifest *m = &c->s->m;
	bool *known = xcalloc(m->nshards + 1, sizeof(*known));

	for (size_t n = 0; n < m->nshards; n++) {
		size_t first = m->nshards;

		for (size_t i = 0; i < m->nshards; i++) {
			if (!known[i] && m->shards[i].state == SHARD_DONE &&
			    (first == m->nshards || m->shards[i].ended < m->shards[first].ended))
				first = i;
		}
		if (first == m->nshards)
			break;
		known[first] = true;
		watch_known(&c->hold.watch, first, m->shards[first].sent, m->shards[first].hits);
	}
	free(known);
}

void
hold_start(struct collect *c)
{
	struct survey *s = c->s;
	struct manifest_canaries *m = &s->m.canaries;

	watch_init(&c->hold.watch, s->ncanaries > 0);
	know_shards(c);
	m->configured = s->ncanaries;
	m->answering = 0;
	m->paused_since = 0;
	if (s->ncanaries == 0)
		return;
	if (grabbing(c)) {
		unheard_since(m, time(NULL));
		c->hold.second = grab_second(c->grab);
	}
	c->hold.canaries = canaries_new(
	    &s->loop, &(struct canaries_options){ .ip = s->canaries,
			  .n = s->ncanaries,
			  .port = (uint16_t)s->c->scan.port,
			  .source = survey_source(s),
			  .outside = s->outside,
			  .interval_ms = (uint64_t)s->c->scan.canary_interval_s * 1000,
			  .on_asking = on_asking,
			  .on_asked = on_asked,
			  .arg = c });
}

void
hold_end(struct collect *c)
{
	canaries_close(c->hold.canaries);
	c->hold.canaries = NULL;
	if (c->s->m.canaries.paused_since != 0)
		c->s->m.canaries.paused_since = 0;
}

void
hold_fini(struct collect *c)
{
	watch_fini(&c->hold.watch);
	free(c->hold.recent);
}
