#include <signal.h>
#include <uv.h>

#include "survey/dns_job.h"
#include "survey/loop.h"

static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

#define NSIGNALS (sizeof(numbers) / sizeof(numbers[0]))

struct running {
	struct dns_job *job;
	const struct dns_job_options *o;
	uv_loop_t loop;
	uv_signal_t signals[NSIGNALS];
	bool asking, closing;
};

static void
finish(struct running *r)
{
	if (r->closing)
		return;
	r->closing = true;
	dns_summary_log(r->job->dns);
	if (r->o->on_end != NULL)
		r->o->on_end(r->o->arg);
	r->job->failed |= dns_gave_up(r->job->dns);
	dns_close(r->job->dns, NULL, NULL);
	r->job->dns = NULL;
	for (size_t i = 0; i < NSIGNALS; i++)
		uv_close((uv_handle_t *)&r->signals[i], NULL);
}

static void
ask_more(struct running *r)
{
	bool more = true;

	if (r->asking || r->closing)
		return; /* an answer may come before the question has returned */
	r->asking = true;
	while (more && dns_pending(r->job->dns) < r->o->high)
		more = r->o->ask(r->o->arg);
	r->asking = false;
	if (!more && dns_pending(r->job->dns) == 0)
		finish(r);
}

static void
on_answer(const struct answer *a, void *arg)
{
	struct running *r = arg;

	r->o->on_answer(a, r->o->arg);
	if (dns_pending(r->job->dns) < r->o->low)
		ask_more(r);
}

static void
on_idle(void *arg)
{
	ask_more(arg);
}

static void
on_failed(void *arg)
{
	struct running *r = arg;

	r->job->failed = true;
	finish(r);
}

static void
on_signal(uv_signal_t *h, int number)
{
	struct running *r = h->data;

	(void)number;
	r->job->stopped = true;
	finish(r);
}

/* One that was ignored stays so: nohup, and the background jobs of a script. */
static void
catch_signals(struct running *r)
{
	struct sigaction before;

	for (size_t i = 0; i < NSIGNALS; i++) {
		uv_signal_init(&r->loop, &r->signals[i]);
		r->signals[i].data = r;
		if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			uv_signal_start(&r->signals[i], on_signal, numbers[i]);
	}
}

int
dns_job_run(struct dns_job *job, const struct dns_options *dns, const struct dns_job_options *o)
{
	struct running r = { .job = job, .o = o };
	struct dns_options options = *dns;
	int rc = -1;

	options.impatient = true;
	options.on_answer = on_answer;
	options.on_idle = on_idle;
	options.on_failed = on_failed;
	options.arg = &r;
	*job = (struct dns_job){ .dns = NULL };
	if (loop_open(&r.loop) == -1) {
		resolver_free(dns->resolver);
		return -1;
	}
	if ((job->dns = dns_new(&r.loop, &options)) != NULL) {
		rc = 0;
		catch_signals(&r);
		ask_more(&r);
	}
	uv_run(&r.loop, UV_RUN_DEFAULT);
	uv_loop_close(&r.loop);
	return rc;
}
