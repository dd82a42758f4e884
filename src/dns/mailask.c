#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "survey/command.h"
#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mailask.h"
#include "survey/mem.h"

/* Questions on their way before no more are asked, and when asking goes on. */
#define PENDING_HIGH 6000
#define PENDING_LOW 5000
#define NSIGNALS 3

struct asking {
	struct mail *m;
	const struct mailask_options *o;
	uv_loop_t loop;
	uv_signal_t signals[NSIGNALS];
	struct dns *dns;
	uint32_t domain; /* to ask about next */
	uint32_t *queue; /* hosts to ask about; those before `queued` were */
	size_t nqueue, queue_cap, queued;
	bool *asked; /* by host: in the queue, or further */
	size_t asked_n, asked_cap;
	bool feeding, closing, stopped, failed;
};

static void
ask(const char *name, enum dns_type type, void *arg)
{
	const struct asking *k = arg;

	dns_ask(k->dns, name, type);
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
write_stats(struct asking *k)
{
	struct jsonw w;

	jsonw_init(&w, NULL);
	dns_summary_json(k->dns, &w);
	jsonw_newline(&w);
	if (file_write_named(k->o->stats, w.out.data, w.out.len) == -1) {
		log_error("%s: %m", k->o->stats);
		k->failed = true;
	}
	jsonw_fini(&w);
}

static void
finish(struct asking *k)
{
	if (k->closing)
		return;
	k->closing = true;
	dns_summary_log(k->dns);
	if (k->o->stats != NULL)
		write_stats(k);
	k->failed |= dns_gave_up(k->dns);
	dns_close(k->dns, NULL, NULL);
	for (size_t i = 0; i < NSIGNALS; i++)
		uv_close((uv_handle_t *)&k->signals[i], NULL);
}

/* Hosts before domains, so that few of them wait. */
static void
feed(struct asking *k)
{
	if (k->feeding || k->closing)
		return; /* an answer may come before dns_ask() returns */
	k->feeding = true;
	while (dns_pending(k->dns) < PENDING_HIGH) {
		if (k->queued < k->nqueue)
			mail_ask_host(k->m, k->queue[k->queued++], false, ask, k);
		else if (k->domain < k->m->ndomains)
			mail_ask_domain(k->m, k->domain++, false, ask, k);
		else
			break;
	}
	if (k->queued == k->nqueue)
		k->queued = k->nqueue = 0;
	k->feeding = false;
	if (dns_pending(k->dns) == 0 && k->queued == k->nqueue && k->domain == k->m->ndomains)
		finish(k);
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
	if (dns_pending(k->dns) < PENDING_LOW)
		feed(k);
}

static void
on_idle(void *arg)
{
	feed(arg);
}

static void
on_failed(void *arg)
{
	struct asking *k = arg;

	k->failed = true;
	finish(k);
}

static void
on_signal(uv_signal_t *h, int number)
{
	struct asking *k = h->data;

	(void)number;
	k->stopped = true;
	finish(k);
}

/* A signal that was ignored stays so: nohup, and the background jobs of a script. */
static void
catch_signals(struct asking *k)
{
	static const int numbers[NSIGNALS] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction before;

	for (size_t i = 0; i < NSIGNALS; i++) {
		uv_signal_init(&k->loop, &k->signals[i]);
		k->signals[i].data = k;
		if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			uv_signal_start(&k->signals[i], on_signal, numbers[i]);
	}
}

int
mailask(struct mail *m, const struct mailask_options *o)
{
	struct asking k = { .m = m, .o = o };
	struct dns_options options = { .resolver = o->resolver,
		.outside = o->outside,
		.file = o->file,
		.impatient = true,
		.on_answer = on_answer,
		.on_idle = on_idle,
		.on_failed = on_failed,
		.arg = &k };

	if (uv_loop_init(&k.loop) != 0)
		abort();
	if ((k.dns = dns_new(&k.loop, &options)) != NULL) {
		catch_signals(&k);
		for (uint32_t i = 0; i < m->nhosts; i++)
			put_host(&k, i);
		feed(&k);
	}
	uv_run(&k.loop, UV_RUN_DEFAULT);
	uv_loop_close(&k.loop);
	free(k.queue);
	free(k.asked);
	if (k.dns == NULL)
		return EXIT_USAGE;
	if (k.stopped)
		return EXIT_STOPPED;
	return k.failed ? EXIT_INCOMPLETE : EXIT_COMPLETE;
}
