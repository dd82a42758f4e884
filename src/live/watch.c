/* Pure: when a survey that finds less and less stops to ask whether anybody hears it. */
#include <stdlib.h>
#include <string.h>

#include "survey/binomial.h"
#include "survey/mem.h"

#include "watch.h"

void
watch_init(struct watch *w, bool has_canaries)
{
	memset(w, 0, sizeof(*w));
	w->has_canaries = w->paused = has_canaries;
	w->p = 1;
}

void
watch_fini(struct watch *w)
{
	free(w->shards);
	memset(w, 0, sizeof(*w));
}

void
watch_known(struct watch *w, size_t at, uint64_t sent, uint64_t hits)
{
	mem_grow(&w->shards, &w->cap, w->n + 1, sizeof(*w->shards));
	w->shards[w->n++] = (struct watch_shard){ at, sent, hits };
}

void
watch_forget(struct watch *w, size_t at)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++) {
		if (w->shards[i].at != at)
			w->shards[n++] = w->shards[i];
	}
	w->n = n;
}

/*
 * How many of the last shards have collapsed: the number for which their hits
 * are the least likely beside those of all before.
 */
static size_t
fallen(struct watch *w)
{
	uint64_t sent = 0, hits = 0, last_sent = 0, last_hits = 0;
	size_t n = 0;

	w->p = 1;
	for (size_t i = 0; i < w->n; i++) {
		sent += w->shards[i].sent;
		hits += w->shards[i].hits;
	}
	for (size_t k = 1; k <= WATCH_LAST && k < w->n; k++) {
		double p;

		last_sent += w->shards[w->n - k].sent;
		last_hits += w->shards[w->n - k].hits;
		if ((double)last_hits * (double)(sent - last_sent) >
		    WATCH_SHARE * (double)(hits - last_hits) * (double)last_sent)
			continue;
		p = binomial_fell(sent - last_sent, hits - last_hits, last_sent, last_hits);
		if (p < w->p) {
			w->p = p;
			n = k;
		}
	}
	return w->p < WATCH_P ? n : 0;
}

enum watch_advice
watch_shard_ended(struct watch *w, size_t at, uint64_t sent, uint64_t hits)
{
	bool on_trial = w->trial > 0;

	watch_forget(w, at);
	watch_known(w, at, sent, hits);
	if (w->trial > 0)
		w->trial--;
	if (w->paused)
		return WATCH_GO_ON; /* it ended in the moment in which it was to be ended */
	if ((w->nfallen = fallen(w)) == 0)
		return WATCH_GO_ON;
	if (!w->has_canaries || on_trial)
		return WATCH_STOP;
	w->paused = w->collapsed = true;
	return WATCH_PAUSE;
}

enum watch_advice
watch_canaries_asked(struct watch *w, unsigned answered)
{
	if (!w->has_canaries)
		return WATCH_GO_ON;
	if (answered == 0) {
		bool news = !w->paused || w->collapsed;

		w->paused = true;
		w->collapsed = false; /* it is explained */
		return news ? WATCH_PAUSE : WATCH_GO_ON;
	}
	if (!w->paused)
		return WATCH_GO_ON;
	/* The same once more, while canaries answer, is no fault of the way to them. */
	w->trial = w->collapsed ? w->nfallen : 0;
	w->paused = w->collapsed = false;
	return WATCH_RESUME;
}
