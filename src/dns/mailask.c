#include <stdlib.h>
#include <string.h>

#include "survey/command.h"
#include "survey/dns_job.h"
#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mailask.h"
#include "survey/mem.h"

/* Questions on their way before no more are asked, and when asking goes on. */
#define PENDING_HIGH 6000
#define PENDING_LOW 5000

struct asking {
	struct mail *m;
	const struct mailask_options *o;
	struct dns_job job;
	uint32_t domain; /* to ask about next */
	uint32_t *queue; /* hosts to ask about; those before `queued` were */
	size_t nqueue, queue_cap, queued;
	bool *asked; /* by host: in the queue, or further */
	size_t asked_n, asked_cap;
	bool unwritable; /* the totals */
};

static void
ask(const char *name, enum dns_type type, void *arg)
{
	const struct asking *k = arg;

	dns_ask(k->job.dns, name, type);
}

static void
put_host(struct asking *k, uint32_t host)
{
	if (host >= k->asked_n) {
		mem_grow(&k->asked, &k->asked_cap, k->m->nhosts, sizeof(*k->asked));
		memset(k->asked + k->asked_n, 0, k->m->nhosts - k->asked_n);
		k->asked_n = k->m->nhosts;
	}
	if (k->asked[host] || k->m->hosts[host].domains == 0)
		return;
	k->asked[host] = true;
	mem_grow(&k->queue, &k->queue_cap, k->nqueue + 1, sizeof(*k->queue));
	k->queue[k->nqueue++] = host;
}

static void
write_stats(void *arg)
{
	struct asking *k = arg;
	struct jsonw w;

	if (k->o->stats == NULL)
		return;
	jsonw_init(&w, NULL);
	dns_summary_json(k->job.dns, &w);
	jsonw_newline(&w);
	if (file_write_named(k->o->stats, w.out.data, w.out.len) == -1) {
		log_error("%s: %m", k->o->stats);
		k->unwritable = true;
	}
	jsonw_fini(&w);
}

/* Hosts before domains, so that few of them wait. */
static bool
ask_next(void *arg)
{
	struct asking *k = arg;

	if (k->queued < k->nqueue) {
		mail_ask_host(k->m, k->queue[k->queued++], false, ask, k);
		return true;
	}
	k->queued = k->nqueue = 0;
	if (k->domain == k->m->ndomains)
		return false;
	mail_ask_domain(k->m, k->domain++, false, ask, k);
	return true;
}

static void
on_answer(const struct answer *a, void *arg)
{
	struct asking *k = arg;
	uint32_t number = mail_take(k->m, a);

	if (number != MAIL_NONE && a->type == DNS_MX) {
		const struct mail_span *mx = &k->m->domains[number].mx;

		for (uint32_t i = mx->at; i < mx->at + mx->n; i++)
			put_host(k, k->m->mx[i].host);
		mail_ask_domain(k->m, number, true, ask, k);
	} else if (number != MAIL_NONE && a->type == DNS_A) {
		mail_ask_host(k->m, number, true, ask, k);
	}
}

int
mailask(struct mail *m, const struct mailask_options *o)
{
	struct asking k = { .m = m, .o = o };
	const struct dns_options dns = {
		.resolver = o->resolver, .outside = o->outside, .file = o->file
	};
	const struct dns_job_options job = { .ask = ask_next,
		.on_answer = on_answer,
		.on_end = write_stats,
		.arg = &k,
		.low = PENDING_LOW,
		.high = PENDING_HIGH };
	int rc;

	for (uint32_t i = 0; i < m->nhosts; i++)
		put_host(&k, i);
	rc = dns_job_run(&k.job, &dns, &job);
	free(k.queue);
	free(k.asked);
	if (rc == -1)
		return EXIT_USAGE;
	if (k.job.stopped)
		return EXIT_STOPPED;
	return k.job.failed || k.unwritable ? EXIT_INCOMPLETE : EXIT_COMPLETE;
}
