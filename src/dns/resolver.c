#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "address.h"
#include "managed.h"
#include "resolver.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/sandbox.h"

#define RESOLV_CONF "/etc/resolv.conf"

struct resolver {
	struct managed *managed; /* NULL for one that exists already */
	char *scratch; /* a directory that goes with it, or NULL */
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

/* Returns 0, or -1 after a message. */
static int
find_existing(struct resolver *r, const struct dns_settings *s)
{
	r->cfg.port = 53;
	if (s->mode == DNS_SYSTEM)
		return read_resolv_conf(&r->cfg.ip);
	if (resolver_parse_address(s->address, 53, &r->cfg.ip, &r->cfg.port))
		return 0;
	log_error("dns: \"%s\" is no resolver address; expected one like 192.0.2.1#53", s->address);
	return -1;
}

/* Returns 0, or -1 after a message. */
static int
make_scratch(struct resolver *r)
{
	const char *tmp = getenv("TMPDIR");

	r->scratch = xasprintf("%s/survey-dns-XXXXXX", tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");
	/* Started by root, resolvers become nobody and must be able to pass. */
	if (mkdtemp(r->scratch) != NULL && chmod(r->scratch, 0711) == 0)
		return 0;
	log_error("%s: %m", r->scratch);
	free(r->scratch);
	r->scratch = NULL;
	return -1;
}

static int
make_managed(struct resolver *r, const struct dns_settings *s, const char *dir)
{
	char *own = NULL;

	if (dir == NULL) {
		if (make_scratch(r) == -1)
			return -1;
		dir = own = path_join(r->scratch, "resolver");
	}
	r->managed = managed_new(s, &r->cfg, dir);
	free(own);
	return r->managed != NULL ? 0 : -1;
}

struct resolver *
resolver_new(const struct dns_settings *s, const char *dir)
{
	struct resolver *r = xcalloc(1, sizeof(*r));
	int rc;

	apply_settings(&r->cfg, s);
	if (s->mode == DNS_ADDRESS || s->mode == DNS_SYSTEM)
		rc = find_existing(r, s);
	else
		rc = make_managed(r, s, dir);
	if (rc == 0)
		return r;
	resolver_free(r);
	return NULL;
}

const char *
resolver_dir(const struct resolver *r)
{
	return r->scratch != NULL   ? r->scratch
	       : r->managed != NULL ? managed_dir(r->managed)
				    : NULL;
}

void
resolver_outside(const struct resolver *r, struct outside_options *o)
{
	if (r->managed != NULL)
		managed_outside(r->managed, o);
	else
		outside_allow(o, &r->cfg.ip, r->cfg.port, 0);
	o->scratch = r->scratch;
}

int
resolver_confine(const struct resolver *r, const struct sandbox_paths *paths,
    struct outside *outside, struct sandbox_state *state)
{
	struct sandbox_paths p = *paths;
	struct outside_options o = { .scratch = NULL };
	const char **all;
	size_t n = 0;
	int rc = -1;

	while (paths->write[n] != NULL)
		n++;
	all = xcalloc(n + 2, sizeof(*all));
	memcpy(all, paths->write, n * sizeof(*all));
	all[n] = resolver_dir(r);
	p.write = all;
	resolver_outside(r, &o);
	if (outside_start(outside, &o) == -1) {
		log_error("dns: the process that starts resolvers cannot be started: %m");
	} else if ((rc = sandbox_confine(SANDBOX_ONLINE, &p, state)) == -1) {
		outside_stop(outside);
	}
	free(all);
	return rc;
}

static void
on_timer(uv_timer_t *t)
{
	struct resolver *r = t->data;

	r->ready(&r->cfg, r->arg);
}

int
resolver_start(struct resolver *r, uv_loop_t *loop, const struct outside *outside,
    resolver_ready_fn ready, resolver_failed_fn failed, void *arg)
{
	r->cfg.outside = outside;
	if (r->managed != NULL)
		return managed_start(r->managed, loop, outside, ready, failed, arg);
	r->ready = ready;
	r->arg = arg;
	uv_timer_init(loop, &r->timer);
	r->timer.data = r;
	uv_timer_start(&r->timer, on_timer, 0, 0);
	return 0;
}

/* Frees what is not managed's; a process outside removes the scratch directory itself. */
static void
free_rest(struct resolver *r)
{
	if (r->scratch != NULL && r->cfg.outside == NULL && file_remove_tree(r->scratch) == -1)
		log_warn("%s: %m", r->scratch);
	free(r->scratch);
	free(r);
}

void
resolver_free(struct resolver *r)
{
	if (r == NULL)
		return;
	if (r->managed != NULL)
		managed_free(r->managed);
	free_rest(r);
}

static void
finish(struct resolver *r)
{
	void (*closed)(void *) = r->closed;
	void *arg = r->closed_arg;

	free_rest(r);
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
