/* survey notify: who is told together, and who is not told. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "survey/command.h"
#include "survey/iplist.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/name.h"
#include "survey/optout.h"

#include "notify.h"

#define FOLDER_MAX 60 /* characters of a domain in the name of its folder */

/* What a name of a directory may be made of, whoever chose the pattern. */
static char *
folder_of(const struct notifying *x, const char *pattern)
{
	char safe[FOLDER_MAX + 1], *folder;
	bool taken = true;
	size_t n = 0;

	for (const char *s = pattern; *s != '\0' && n < FOLDER_MAX; s++) {
		bool plain = (*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '-' ||
			     (*s == '.' && n > 0);

		safe[n++] = plain ? *s : '_';
	}
	safe[n] = '\0';
	folder = xasprintf("domain-%s", safe);
	for (unsigned number = 2; taken; number++) {
		taken = false;
		for (size_t i = 0; i < x->nv && !taken; i++)
			taken = strcmp(x->v[i].folder, folder) == 0;
		if (!taken)
			break;
		free(folder);
		folder = xasprintf("domain-%s-%u", safe, number);
	}
	return folder;
}

static struct constituency *
add(struct notifying *x, enum constituency_kind kind, char *name, char *folder)
{
	mem_grow(&x->v, &x->cap, x->nv + 1, sizeof(*x->v));
	x->v[x->nv] = (struct constituency){ .kind = kind, .name = name, .folder = folder };
	return &x->v[x->nv++];
}

static bool
is_wanted_as(const struct notify_options *o, uint32_t asn)
{
	bool wanted = o->nasns == 0;

	for (size_t i = 0; i < o->nasns && !wanted; i++)
		wanted = o->asns[i] == asn;
	return wanted;
}

static struct constituency *
of_as(struct notifying *x, uint32_t asn)
{
	uint32_t h = hashtab_hash(&x->by_as, &asn, sizeof(asn)), i;
	struct constituency *c;
	size_t at;

	for (i = hashtab_first(&x->by_as, h, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&x->by_as, h, &at)) {
		if (x->v[i].asn == asn)
			return &x->v[i];
	}
	if (!is_wanted_as(x->o, asn))
		return NULL;
	hashtab_put(&x->by_as, h, (uint32_t)x->nv);
	c = asn != 0 ? add(x, BY_AS, xasprintf("AS%u", asn), xasprintf("AS%u", asn))
		     : add(x, BY_AS, xstrdup("no-as"), xstrdup("no-as"));
	c->asn = asn;
	return c;
}

/* "example.ie" is that domain and all below it; what has a wildcard is a pattern. */
static bool
has_name(const struct study *st, const struct study_host *h, const char *pattern)
{
	char name[NAME_SIZE];

	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		const char *s = study_text_or_empty(st, st->names[i].text);

		if (st->names[i].verdict != NAME_GOOD ||
		    name_canonical(s, strlen(s), name) != NAME_OK)
			continue;
		if (strpbrk(pattern, "*?[") != NULL ? fnmatch(pattern, name, 0) == 0
						    : name_is_below(name, pattern))
			return true;
	}
	return false;
}

/* Call fn with each constituency that a host is in; asn: its AS, as the later of two runs has it. */
static void
each_constituency(struct notifying *x, const struct study *st, uint32_t host, uint32_t asn,
    void (*fn)(struct constituency *, const struct study *, uint32_t host))
{
	const struct study_host *h = &st->hosts[host];
	struct constituency *c;

	if (x->o->networks == NULL && x->o->ndomains == 0) {
		if ((c = of_as(x, asn)) != NULL)
			fn(c, st, host);
		return;
	}
	for (size_t i = 0; i < x->nv; i++) {
		c = &x->v[i];
		if (c->kind == BY_NETWORKS ? ipset_contains(&x->networks, &h->ip)
					   : has_name(st, h, c->name))
			fn(c, st, host);
	}
}

static void
put_host(struct constituency *c, const struct study *st, uint32_t host)
{
	(void)st;
	mem_grow(&c->hosts, &c->cap, c->nhosts + 1, sizeof(*c->hosts));
	c->hosts[c->nhosts++] = host;
}

static void
put_apart(struct constituency *c, const struct study *st, uint32_t host)
{
	(void)st;
	mem_grow(&c->apart, &c->cap_apart, c->napart + 1, sizeof(*c->apart));
	c->apart[c->napart++] = host;
}

static void
put_address(struct address_list *l, const struct ip *ip)
{
	mem_grow(&l->v, &l->cap, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = *ip;
}

static void
put_repaired(struct constituency *c, const struct study *st, uint32_t host)
{
	put_address(&c->repaired, &st->hosts[host].ip);
}

static void
put_silent(struct constituency *c, const struct study *st, uint32_t host)
{
	put_address(&c->silent, &st->hosts[host].ip);
}

static int
by_number(const void *pa, const void *pb)
{
	const struct constituency *a = pa, *b = pb;

	/* Those of unknown ASes are last. */
	return a->asn - 1 < b->asn - 1 ? -1 : a->asn != b->asn;
}

/* Who has asked to be left alone gets no letter either. */
static bool
leaves_alone(struct notifying *x, const struct ip *ip)
{
	bool found = ipset_contains(&x->opt_outs, ip);

	x->nleft_alone += found;
	return found;
}

static int
read_opt_outs(struct notifying *x)
{
	char *error;

	if (x->o->opt_outs == NULL || optout_read(x->o->opt_outs, &x->opt_outs, &error) == 0)
		return 0;
	log_error("%s", error);
	free(error);
	return EXIT_USAGE;
}

int
notify_constituencies(struct notifying *x)
{
	const struct notices *n = &x->n;
	struct refusals bad = { 0 };
	char *error = NULL;
	int rc;

	if ((rc = read_opt_outs(x)) != 0)
		return rc;
	if (x->o->networks != NULL) {
		rc = iplist_read_set(&x->networks, x->o->networks, &bad, &error);
		refusals_log(&bad, log_error);
		refusals_fini(&bad);
		if (rc == -1) {
			log_error("%s", error);
			free(error);
			return EXIT_USAGE;
		}
		add(x, BY_NETWORKS, xstrdup("networks"), xstrdup("networks"));
	}
	for (size_t i = 0; i < x->o->ndomains; i++) {
		char *pattern = xstrdup(x->o->domains[i]);

		for (char *c = pattern; *c != '\0'; c++)
			*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
		add(x, BY_DOMAIN, pattern, folder_of(x, pattern));
	}
	for (uint32_t i = 0; i < n->st->nhosts; i++) {
		if (n->of_host[i].n > 0)
			each_constituency(x, n->st, i, n->st->ases[n->st->hosts[i].as].asn,
			    leaves_alone(x, &n->st->hosts[i].ip) ? put_apart : put_host);
	}
	for (uint32_t i = 0; n->before != NULL && i < n->before->nhosts; i++) {
		uint32_t now = n->m.host_b[i];
		uint32_t asn = now != STUDY_NONE ? n->st->ases[n->st->hosts[now].as].asn
						 : n->before->ases[n->before->hosts[i].as].asn;

		if (n->aftermath[i] != AFTER_OPEN && !leaves_alone(x, &n->before->hosts[i].ip))
			each_constituency(x, n->before, i, asn,
			    n->aftermath[i] == AFTER_REPAIRED ? put_repaired : put_silent);
	}
	if (x->o->networks == NULL && x->o->ndomains == 0 && x->nv > 1)
		qsort(x->v, x->nv, sizeof(*x->v), by_number);
	return 0;
}

void
notify_free_constituencies(struct notifying *x)
{
	for (size_t i = 0; i < x->nv; i++) {
		free(x->v[i].name);
		free(x->v[i].folder);
		free(x->v[i].hosts);
		free(x->v[i].apart);
		free(x->v[i].repaired.v);
		free(x->v[i].silent.v);
		free(x->v[i].mails);
	}
	free(x->v);
}
