/* Is a resolver of ours ready, and does it still answer? */
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "managed_parts.h"
#include "survey/log.h"

#define START_MS 45000 /* to the first answer */
#define REFUSED_MS 8000 /* and once a certificate, or DNSSEC, refused it: another upstream may do */
#define PROBE_MS 700 /* between two questions about readiness */
#define WATCH_MS 20000 /* between two questions whether a resolver still answers */
#define HANGS_MS 15000 /* one that says nothing for so long hangs */

/* ---- readiness ---- */

static void ask_probe(struct managed *m);

static void
on_probe_closed(void *arg)
{
	managed_gone(arg);
}

void
managed_close_probe(struct managed *m)
{
	if (m->probe != NULL)
		dns_engine_free(m->probe, on_probe_closed, m);
	m->probe = NULL;
}

static void
on_probe_timer(uv_timer_t *t)
{
	ask_probe(t->data);
}

/* What may be in the way. */
static const char *
advice(const struct managed *m)
{
	return m->settings.mode == DNS_UNBOUND
		   ? "is there a way to the Internet's name servers (port 53)?"
		   : "are the addresses of dns.upstream right, and may port 853 leave?";
}

static void
give_up_start(struct managed *m)
{
	struct kid *front = &m->kids[m->probed];
	const char *said = front->child != NULL ? child_stderr(front->child) : "";
	char *words = managed_last_words(said);

	if (front->refusal != NULL)
		log_error("dns: %s refuses the upstream, whose certificate is not the one that "
			  "dns.upstream asks for: %s",
		    front->name, front->refusal);
	else
		log_error("dns: no answer through %s: %s; it says: %s; %s%s", front->name, m->why,
		    words, advice(m),
		    m->bogus ? " If so, are dns.trust_anchors and the clock right?" : "");
	free(words);
	managed_fail(m);
}

static void
on_probe_answer(const struct answer *a, void *arg)
{
	struct managed *m = arg;
	const struct kid *front = &m->kids[m->probed];

	if (m->stopping || m->told)
		return;
	if (dns_outcome_known(a->outcome)) {
		managed_close_probe(m);
		managed_start_next(m);
		return;
	}
	snprintf(m->why, sizeof(m->why), "%s for %s%s%.40s", dns_outcome_name(a->outcome), a->name,
	    a->ede_text != NULL ? ", " : "", a->ede_text != NULL ? a->ede_text : "");
	m->bogus = dns_is_bogus(a->outcome, a->ede);
	/* Unbound keeps what it says of a bogus trust anchor for a minute. */
	if ((front->refusal != NULL || m->bogus) && m->deadline_ms > uv_now(m->loop) + REFUSED_MS)
		m->deadline_ms = uv_now(m->loop) + REFUSED_MS;
	if (uv_now(m->loop) >= m->deadline_ms)
		give_up_start(m);
	else
		uv_timer_start(&m->timer, on_probe_timer, PROBE_MS, 0);
}

static void
ask_probe(struct managed *m)
{
	dns_engine_ask(m->probe, m->probe_name, m->probe_type, on_probe_answer, m);
}

/* Returns 0, or -1 after a message. */
static int
open_probe(struct managed *m, int kid, uint64_t silence_ms)
{
	struct dns_engine_config c;

	dns_engine_defaults(&c);
	ip_parse("127.0.0.1", 9, &c.ip);
	c.outside = m->cfg.outside;
	c.port = kid == STUBBY ? m->gen.stubby_port : m->gen.unbound_port;
	c.timeout_ms = 2000;
	c.tries = 3;
	c.failures = 0;
	c.silence_ms = silence_ms;
	m->probed = kid;
	m->asked_ms = uv_now(m->loop);
	if ((m->probe = dns_engine_new(m->loop, &c)) == NULL) {
		log_error("dns: cannot open sockets to %s: %m", m->kids[kid].name);
		return -1;
	}
	m->nopen++;
	return 0;
}

void
managed_probe(struct managed *m, int kid)
{
	m->deadline_ms = uv_now(m->loop) + START_MS;
	m->why[0] = '\0';
	if (open_probe(m, kid, 8000) == -1)
		managed_fail(m);
	else
		ask_probe(m);
}

/* A name that the upstreams' operators, or the root, have. */
void
managed_choose_probe(struct managed *m)
{
	const struct config_upstream *u = m->settings.upstreams;
	struct ip ip;
	uint16_t port;

	m->probe_type = DNS_A;
	if (m->settings.mode == DNS_UNBOUND) {
		snprintf(m->probe_name, NAME_SIZE, "a.root-servers.net");
	} else if (name_canonical(u->hostname, strlen(u->hostname), m->probe_name) != NAME_OK) {
		resolver_parse_address(u->address, 853, &ip, &port);
		name_reverse(&ip, m->probe_name);
		m->probe_type = DNS_PTR;
	}
}

/* ---- the watch over those that are up ---- */

static void on_watch(uv_timer_t *t);

/* Any answer is one; a failure is the upstream's affair, which a new start does not mend. */
static void
on_watch_answer(const struct answer *a, void *arg)
{
	struct managed *m = arg;
	struct kid *k = &m->kids[m->probed];

	if (m->stopping || m->told)
		return;
	managed_close_probe(m);
	if (a->outcome == DNS_TIMEOUT && k->child != NULL && k->started_ms < m->asked_ms) {
		log_warn("dns: %s runs, but answers no more; ending it", k->name);
		k->restarts = 0; /* it stayed up, for what that was worth */
		child_stop(k->child, MANAGED_GRACE_MS);
	}
	uv_timer_start(&m->timer, on_watch, WATCH_MS, 0);
}

static void
on_watch(uv_timer_t *t)
{
	struct managed *m = t->data;
	int kid = m->settings.mode == DNS_MANAGED && m->probed == UNBOUND ? STUBBY : UNBOUND;

	if (open_probe(m, kid, HANGS_MS) == 0)
		dns_engine_ask(m->probe, m->probe_name, m->probe_type, on_watch_answer, m);
	else
		uv_timer_start(&m->timer, on_watch, WATCH_MS, 0);
}

void
managed_watch(struct managed *m)
{
	uv_timer_start(&m->timer, on_watch, WATCH_MS, 0);
}
