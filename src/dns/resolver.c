#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "managed.h"
#include "resolver.h"
#include "survey/log.h"
#include "survey/mem.h"

#define RESOLV_CONF "/etc/resolv.conf"

struct resolver {
	struct managed *managed; /* NULL for one that exists already */
	struct dns_engine_config cfg;
	uv_timer_t timer; /* so that ready() comes from the loop */
	resolver_ready_fn ready;
	void *arg;
	void (*closed)(void *arg);
	void *closed_arg;
};

/* The first usable "nameserver" line. */
static int
read_resolv_conf(struct ip *ip)
{
	FILE *f = fopen(RESOLV_CONF, "re");
	char line[512], word[128];
	int rc = -1;

	if (f == NULL) {
		log_error("dns: " RESOLV_CONF ": %m");
		return -1;
	}
	while (rc == -1 && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, " nameserver %127s", word) == 1 &&
		    ip_parse(word, strlen(word), ip))
			rc = 0;
	fclose(f);
	if (rc == -1)
		log_error("dns: " RESOLV_CONF " names no resolver; set dns.mode to another one");
	return rc;
}

static void
apply_settings(struct dns_engine_config *c, const struct dns_settings *s)
{
	dns_engine_defaults(c);
	c->window = s->window;
	c->rcvbuf = s->rcvbuf;
	c->timeout_ms = s->timeout_ms;
	c->tries = s->tries;
}

static void
on_timer(uv_timer_t *t)
{
	struct resolver *r = t->data;

	r->ready(&r->cfg, r->arg);
}

static struct resolver *
existing(uv_loop_t *loop, const struct dns_settings *s, resolver_ready_fn ready, void *arg)
{
	struct resolver *r = xcalloc(1, sizeof(*r));

	apply_settings(&r->cfg, s);
	r->cfg.port = 53;
	if (s->mode == DNS_SYSTEM && read_resolv_conf(&r->cfg.ip) == -1) {
		free(r);
		return NULL;
	}
	if (s->mode == DNS_ADDRESS &&
	    !resolver_parse_address(s->address, 53, &r->cfg.ip, &r->cfg.port)) {
		log_error("dns: \"%s\" is no resolver address; expected one like 192.0.2.1#53",
		    s->address);
		free(r);
		return NULL;
	}
	r->ready = ready;
	r->arg = arg;
	uv_timer_init(loop, &r->timer);
	r->timer.data = r;
	uv_timer_start(&r->timer, on_timer, 0, 0);
	return r;
}

struct resolver *
resolver_start(uv_loop_t *loop, const struct dns_settings *s, const char *dir,
    resolver_ready_fn ready, resolver_failed_fn failed, void *arg)
{
	struct dns_engine_config cfg;
	struct resolver *r;
	struct managed *m;

	if (s->mode == DNS_ADDRESS || s->mode == DNS_SYSTEM)
		return existing(loop, s, ready, arg);
	apply_settings(&cfg, s);
	if ((m = managed_start(loop, s, &cfg, dir, ready, failed, arg)) == NULL)
		return NULL;
	r = xcalloc(1, sizeof(*r));
	r->managed = m;
	return r;
}

static void
finish(struct resolver *r)
{
	void (*closed)(void *) = r->closed;
	void *arg = r->closed_arg;

	free(r);
	closed(arg);
}

static void
on_timer_closed(uv_handle_t *h)
{
	finish(h->data);
}

static void
on_managed_closed(void *arg)
{
	finish(arg);
}

void
resolver_stop(struct resolver *r, void (*closed)(void *arg), void *arg)
{
	r->closed = closed;
	r->closed_arg = arg;
	if (r->managed != NULL)
		managed_stop(r->managed, on_managed_closed, r);
	else
		uv_close((uv_handle_t *)&r->timer, on_timer_closed);
}
