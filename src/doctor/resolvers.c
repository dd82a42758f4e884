#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/dns.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/name.h"
#include "dns/anchors.h"
#include "dns/resolver.h"

#include "doctor.h"

#define START_TIMEOUT_MS 20000
#define ASK_TIMEOUT_S 5

struct trial {
	struct doctor *d;
	struct resolver *resolver;
	uv_timer_t timer;
	struct buf messages; /* what the resolver's start logged */
	bool ready, over;
};

static void
keep_message(const char *line, void *arg)
{
	struct buf *b = arg;

	static const char prefix[] = "survey: error: ";

	if (strncmp(line, prefix, sizeof(prefix) - 1) == 0)
		line += sizeof(prefix) - 1;
	buf_printf(b, "%s%s", b->len > 0 ? "; " : "", line);
}

/* The answer to a question with these flags; NULL when none came. */
static ldns_pkt *
query(const struct dns_engine_config *cfg, const char *name, ldns_rr_type type, uint16_t flags)
{
	char text[IP_STRLEN];
	ldns_resolver *r = ldns_resolver_new();
	ldns_rdf *dname = ldns_dname_new_frm_str(name), *server;
	ldns_pkt *pkt = NULL;

	ip_format(&cfg->ip, text);
	server = ldns_rdf_new_frm_str(
	    cfg->ip.family == 4 ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA, text);
	if (r != NULL && dname != NULL && server != NULL) {
		ldns_resolver_set_port(r, cfg->port);
		ldns_resolver_set_timeout(r, (struct timeval){ .tv_sec = ASK_TIMEOUT_S });
		ldns_resolver_set_retry(r, 2);
		ldns_resolver_push_nameserver(r, server);
		pkt = ldns_resolver_query(r, dname, type, LDNS_RR_CLASS_IN, flags);
	}
	ldns_rdf_deep_free(dname);
	ldns_rdf_deep_free(server);
	ldns_resolver_deep_free(r);
	return pkt;
}

/*
 * Append the text of the first record of a type at name to out, if there is
 * one.  False when no answer came.
 */
static bool
ask(const struct dns_engine_config *cfg, const char *name, ldns_rr_type type, struct buf *out)
{
	ldns_pkt *pkt = query(cfg, name, type, LDNS_RD);
	ldns_rr_list *list = pkt != NULL ? ldns_pkt_rr_list_by_type(pkt, type, LDNS_SECTION_ANSWER)
					 : NULL;

	if (list != NULL && ldns_rr_list_rr_count(list) > 0) {
		char *rdata = ldns_rdf2str(ldns_rr_rdf(ldns_rr_list_rr(list, 0), 0));

		buf_adds(out, rdata != NULL ? rdata : "");
		LDNS_FREE(rdata);
	}
	ldns_rr_list_deep_free(list);
	ldns_pkt_free(pkt);
	return pkt != NULL;
}

/* Do the keys of the zone, which is "" for the root, follow from the trust anchor of that file? */
static void
check_anchor(
    struct doctor *d, const struct dns_engine_config *cfg, const char *zone, const char *path)
{
	bool root = zone[0] == '\0';
	ldns_pkt *pkt = query(cfg, root ? "." : zone, LDNS_RR_TYPE_DNSKEY, LDNS_RD | LDNS_AD);

	if (pkt != NULL && ldns_pkt_ad(pkt))
		doctor_say(d, FINDING_OK, "DNSSEC", NULL, "%s is proved by %s",
		    root ? "the root" : zone, path);
	else
		doctor_say(d, FINDING_FAIL, "DNSSEC",
		    "names there fail: take its key as it is now, and look at the clock",
		    "%s is not proved by %s", root ? "the root" : zone, path);
	ldns_pkt_free(pkt);
}

/* Each zone that the file names; those with several keys once, for these stand together. */
static void
check_anchors(struct doctor *d, const struct dns_engine_config *cfg, const char *path)
{
	char *text = file_read(path, ANCHORS_MAX, NULL), *before = NULL, *zone;
	struct buf lines;

	buf_init(&lines);
	if (text != NULL)
		free(anchors_take(text, strlen(text), &lines)); /* it was well when it started */
	for (const char *line = lines.data; line != NULL && *line != '\0';) {
		zone = xstrndup(line, strcspn(line, "\t") - 1); /* without the last dot */
		if (before == NULL || strcmp(before, zone) != 0)
			check_anchor(d, cfg, zone, path);
		free(before);
		before = zone;
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	free(before);
	free(text);
	buf_fini(&lines);
}

static void
check_dnssec(struct doctor *d, const struct dns_engine_config *cfg)
{
	const struct config *c = d->c;
	bool ours = c->dns.mode != DNS_ADDRESS && c->dns.mode != DNS_SYSTEM;

	for (size_t i = 0; ours && c->dns.validate && i < c->dns.trust_anchors.n; i++)
		check_anchors(d, cfg, c->dns.trust_anchors.v[i]);
}

static void
check_probing(struct doctor *d, const struct dns_engine_config *cfg, const char *name)
{
	struct buf address;
	struct ip ip;

	buf_init(&address);
	ask(cfg, name, LDNS_RR_TYPE_A, &address);
	if (address.len > 0 && ip_parse(address.data, address.len, &ip))
		doctor_probing(d, name, &ip);
	else
		doctor_say(d, FINDING_WARN, "probing.txt", "give the name the scanning address",
		    "not asked for: %s has no IPv4 address", name);
	buf_fini(&address);
}

/* Whoever is scanned looks up the address first: its name should say what it is. */
static void
check_identity(struct doctor *d, const struct dns_engine_config *cfg)
{
	char text[IP_STRLEN], reverse[NAME_SIZE];
	struct buf name, txt;
	const struct ip_special *special;

	if (d->source.family == 0)
		return;
	ip_format(&d->source, text);
	if ((special = ip_special_find(&d->source)) != NULL && !d->check_probing) {
		doctor_say(d, FINDING_WARN, "reverse DNS",
		    "check the PTR record of the public address by hand",
		    "%s is no public address (%s)", text, special->purpose);
		return;
	}
	buf_init(&name);
	buf_init(&txt);
	name_reverse(&d->source, reverse);
	ask(cfg, reverse, LDNS_RR_TYPE_PTR, &name);
	if (name.len == 0)
		doctor_say(d, FINDING_WARN, "reverse DNS",
		    "have a PTR record made that shows what the address does, as in "
		    "scan.example.ie",
		    "%s has none", text);
	else
		doctor_say(d, FINDING_OK, "reverse DNS", NULL, "%s is %s", text, name.data);
	if (name.len > 0)
		ask(cfg, name.data, LDNS_RR_TYPE_TXT, &txt);
	if (name.len > 0 && txt.len == 0)
		doctor_say(d, FINDING_WARN, "contact record",
		    "make a TXT record there with an address to write to", "%s has no TXT record",
		    name.data);
	else if (name.len > 0)
		doctor_say(
		    d, FINDING_OK, "contact record", NULL, "%s says %s", name.data, txt.data);
	if (d->check_probing && name.len > 0)
		check_probing(d, cfg, name.data);
	else if (d->check_probing)
		doctor_say(d, FINDING_WARN, "probing.txt", "it stands on the site of that name",
		    "not asked for: the address has no name");
	buf_fini(&name);
	buf_fini(&txt);
}

static void
on_closed(void *arg)
{
	struct trial *t = arg;

	t->resolver = NULL;
}

static void
finish(struct trial *t)
{
	if (t->over)
		return;
	t->over = true;
	uv_close((uv_handle_t *)&t->timer, NULL);
	if (t->resolver != NULL)
		resolver_stop(t->resolver, on_closed, t);
}

static void
on_ready(const struct dns_engine_config *cfg, void *arg)
{
	struct trial *t = arg;
	char text[IP_STRLEN];
	struct buf root;

	buf_init(&root);
	ip_format(&cfg->ip, text);
	t->ready = true;
	if (ask(cfg, ".", LDNS_RR_TYPE_SOA, &root)) {
		doctor_say(t->d, FINDING_OK, "resolver", NULL, "%s#%u answers", text, cfg->port);
		check_dnssec(t->d, cfg);
		check_identity(t->d, cfg);
	} else {
		doctor_say(t->d, FINDING_FAIL, "resolver", "see survey.conf(5), section dns",
		    "%s#%u does not answer", text, cfg->port);
	}
	buf_fini(&root);
	finish(t);
}

static void
on_failed(void *arg)
{
	finish(arg);
}

static void
on_timeout(uv_timer_t *timer)
{
	struct trial *t = timer->data;

	bool tls = t->d->c->dns.mode == DNS_MANAGED || t->d->c->dns.mode == DNS_UNBOUND_DOT;

	/* A run waits longer before it says so. */
	keep_message(tls ? "no answer in 20 s: are the addresses of dns.upstream right, and may "
			   "port 853 leave?"
			 : "no answer in 20 s",
	    &t->messages);
	finish(t);
}

void
doctor_resolvers(struct doctor *d)
{
	struct dns_settings settings;
	struct trial t = { .d = d };

	if (!d->may_run) {
		doctor_say(d, FINDING_FAIL, "resolver", "see run.user above",
		    "not started: it would run as root");
		return;
	}
	buf_init(&t.messages);
	dns_settings_from(&settings, d->c);
	log_set_sink(keep_message, &t.messages);
	uv_timer_init(&d->loop, &t.timer);
	t.timer.data = &t;
	uv_timer_start(&t.timer, on_timeout, START_TIMEOUT_MS, 0);
	t.resolver = resolver_new(&settings, NULL);
	if (t.resolver == NULL ||
	    resolver_start(t.resolver, &d->loop, NULL, on_ready, on_failed, &t) == -1)
		finish(&t);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	log_set_sink(NULL, NULL);
	if (!t.ready)
		doctor_say(d, FINDING_FAIL, "resolver", "see survey.conf(5), section dns", "%s",
		    t.messages.len > 0 ? t.messages.data : "it did not start");
	buf_fini(&t.messages);
}
