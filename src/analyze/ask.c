/* Questions that dns.ndjson does not answer, put to a resolver. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "survey/command.h"
#include "survey/dns.h"
#include "survey/dns_job.h"
#include "survey/dnsfile.h"
#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"

#include "analysis.h"

#define PENDING_LOW 10000
#define PENDING_HIGH 20000

struct asking {
	struct analysis *a;
	struct dns_job job;
	size_t next; /* host to ask about */
	uint64_t forward, reverse; /* answers */
};

static void
ask_host(struct asking *k, const struct host *h)
{
	char(*keys)[HOST_KEY_SIZE] = xcalloc(h->nnames + 1, sizeof(*keys));
	struct name_ref *refs = xcalloc(h->nnames + 1, sizeof(*refs));

	for (uint32_t i = 0; i < h->nnames; i++) {
		refs[i].key = host_name_key(&h->names[i], keys[i]);
		refs[i].text = h->names[i].text;
		refs[i].len = strlen(h->names[i].text);
	}
	dns_host(k->job.dns, &h->ip, refs, h->nnames);
	free(keys);
	free(refs);
}

/* Only of hosts that take part. */
static bool
ask_next(void *arg)
{
	struct asking *k = arg;
	struct study_builder *b = k->a->in.builder;
	const struct host *h;

	if (k->next == study_builder_nhosts(b))
		return false;
	h = study_builder_merged(b, (uint32_t)k->next++);
	if (h->out == OUT_NONE)
		ask_host(k, h);
	return true;
}

static void
on_answer(const struct answer *answer, void *arg)
{
	struct asking *k = arg;

	if (answer->type == DNS_PTR)
		k->reverse++;
	else
		k->forward++;
}

static void
keep_summary(void *arg)
{
	struct asking *k = arg;
	struct jsonw w;

	jsonw_init(&w, NULL);
	dns_summary_json(k->job.dns, &w);
	k->a->dns_summary = buf_steal(&w.out);
}

/* Answers from elsewhere stand in the results' own dns.ndjson too, before new ones are added. */
static int
adopt_answers(const struct analysis *a, const char *path)
{
	if (a->o->dns == ANALYZE_DNS_REFRESH || a->dns_file == NULL ||
	    strcmp(a->dns_file, path) == 0)
		return 0;
	if (dnsfile_compact(path, a->answers) == 0)
		return 0;
	log_error("%s: %s", path, strerror(errno));
	return EXIT_FAILED;
}

int
analysis_make_resolver(struct analysis *a)
{
	const char *address = a->o->resolver, *hash;
	struct dns_settings settings;
	struct ip ip;

	if (a->o->dns == ANALYZE_DNS_CACHED)
		return 0;
	dns_settings_default(&settings);
	if (a->o->settings != NULL)
		settings = *a->o->settings;
	if (address != NULL) {
		hash = strchr(address, '#');
		if (!ip_parse(
			address, hash != NULL ? (size_t)(hash - address) : strlen(address), &ip)) {
			log_error(
			    "--resolver %s: an address, or address#port, as 127.0.0.1#53", address);
			return EXIT_USAGE;
		}
		settings.mode = DNS_ADDRESS;
		settings.address = address;
	}
	a->resolver = resolver_new(&settings, NULL);
	return a->resolver != NULL ? 0 : EXIT_USAGE;
}

static int
ask_all(struct asking *k, const char *path)
{
	struct analysis *a = k->a;
	const struct dns_options dns = { .resolver = a->resolver,
		.outside = a->outside.broker.fd != -1 ? &a->outside : NULL,
		.file = path,
		.answers = a->answers };
	const struct dns_job_options job = { .ask = ask_next,
		.on_answer = on_answer,
		.on_end = keep_summary,
		.arg = k,
		.low = PENDING_LOW,
		.high = PENDING_HIGH };

	a->resolver = NULL;
	return dns_job_run(&k->job, &dns, &job) == 0 ? 0 : EXIT_USAGE;
}

/* A question that was asked again stands in the file twice until now. */
static int
compact(const char *path)
{
	struct answers *all = answers_new();
	struct dnsfile_counts counts;
	int rc = dnsfile_read(path, DNSFILE_ALL, all, &counts);

	if (rc == 0)
		rc = dnsfile_compact(path, all);
	if (rc != 0)
		log_error("%s: %s", path, strerror(errno));
	answers_free(all);
	return rc == 0 ? 0 : EXIT_FAILED;
}

int
analysis_resolve(struct analysis *a)
{
	char *path = path_join(a->dir, "dns.ndjson");
	struct asking k = { .a = a };
	struct cost both = { 0 }, *row;
	struct cost_watch watch;
	uint64_t all;
	int rc;

	cost_start(&watch);
	if ((rc = adopt_answers(a, path)) == 0)
		rc = ask_all(&k, path);
	cost_stop(&watch, &both, 0);
	/* Both kinds are asked at the same time: one clock, and each its share of the work. */
	all = k.forward + k.reverse > 0 ? k.forward + k.reverse : 1;
	for (int reverse = 0; reverse < 2; reverse++) {
		row = analysis_cost(a, reverse ? "reverse DNS" : "forward DNS");
		row->calls = reverse ? k.reverse : k.forward;
		row->wall_ns = both.wall_ns;
		row->cpu_ns = (uint64_t)((double)both.cpu_ns * (double)row->calls / (double)all);
		row->peak_kb = cost_peak_kb();
	}
	if (rc == 0 && !k.job.stopped)
		rc = compact(path);
	free(path);
	if (k.job.stopped) {
		log_warn("stopped; the answers so far are in %s/dns.ndjson, --dns fill goes on "
			 "from there",
		    a->dir);
		return EXIT_STOPPED;
	}
	if (k.job.failed && rc == 0) {
		log_warn("not all names could be asked; they count as unknown, --dns fill asks "
			 "them again");
		a->incomplete = true;
	}
	return rc;
}
