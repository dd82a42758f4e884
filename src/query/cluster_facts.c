/* What is told of a cluster: counts over its hosts and keys, each linear in them. */
#include <stdlib.h>
#include <string.h>

#include "survey/domain.h"
#include "survey/mem.h"

#include "cluster.h"

#define DOMAINS_OF_HOST 64

void
tallies_init(struct tallies *t)
{
	*t = (struct tallies){ .n = 0 };
	hashtab_init(&t->table);
}

void
tallies_fini(struct tallies *t)
{
	free(t->v);
	hashtab_fini(&t->table);
}

size_t
tallies_find(struct tallies *t, const char *text, uint32_t number)
{
	struct {
		uintptr_t text;
		uint64_t number;
	} name = { (uintptr_t)text, number };
	uint32_t h = hashtab_hash(&t->table, &name, sizeof(name)), i;
	size_t at;

	for (i = hashtab_first(&t->table, h, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&t->table, h, &at)) {
		if (t->v[i].number == number && t->v[i].text == text)
			return i;
	}
	mem_grow(&t->v, &t->cap, t->n + 1, sizeof(*t->v));
	t->v[t->n] = (struct tally){ text, number, 0 };
	hashtab_put(&t->table, h, (uint32_t)t->n);
	return t->n++;
}

static int
by_hosts(const void *pa, const void *pb)
{
	const struct tally *a = pa, *b = pb;

	if (a->hosts != b->hosts)
		return a->hosts > b->hosts ? -1 : 1;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->text != NULL && b->text != NULL ? strcmp(a->text, b->text) : 0;
}

void
tallies_sort(struct tallies *t)
{
	if (t->n > 1)
		qsort(t->v, t->n, sizeof(*t->v), by_hosts);
}

static void
tally(struct tallies *t, const char *text, uint32_t number)
{
	size_t at = tallies_find(t, text, number);

	t->v[at].hosts++;
}

size_t
host_domains(struct asking *k, const struct study_host *h, const char **v, size_t max)
{
	char normal[NAME_SIZE];
	size_t n = 0;

	for (uint32_t i = h->names.at; i < h->names.at + h->names.n && n < max; i++) {
		const char *d = domain_of_name(
		    study_text_or_empty(k->st, k->st->names[i].text), normal);
		bool seen = d == NULL;

		if (d != NULL)
			d = strpool_put(&k->texts, d, strlen(d));
		for (size_t at = 0; at < n && !seen; at++)
			seen = v[at] == d;
		if (!seen)
			v[n++] = d;
	}
	return n;
}

uint32_t
count_ases(struct asking *k, uint32_t key)
{
	const struct study *st = k->st;
	const struct study_span *uses = &st->keys[key].uses;
	uint32_t n = 0;

	k->count++;
	for (uint32_t u = uses->at; u < uses->at + uses->n; u++) {
		uint32_t as = st->hosts[st->uses[u].host].as;

		n += study_as_known(st, as) && k->as_met[as] != k->count;
		k->as_met[as] = k->count;
	}
	return n;
}

uint32_t
count_certs(struct asking *k, uint32_t key)
{
	const struct study *st = k->st;
	const struct study_span *uses = &st->keys[key].uses;
	uint32_t n = 0;

	k->count++;
	for (uint32_t u = uses->at; u < uses->at + uses->n; u++) {
		const struct study_host *h = &st->hosts[st->uses[u].host];

		for (uint32_t g = h->grabs.at; g < h->grabs.at + h->grabs.n; g++) {
			uint32_t cert = st->grabs[g].cert;

			if (st->grabs[g].key != key || cert == STUDY_NONE)
				continue;
			n += k->cert_met[cert] != k->count;
			k->cert_met[cert] = k->count;
		}
	}
	return n;
}

const char *
key_kind(const struct study_key *k)
{
	if (k->ssh && k->tls)
		return "ssh+tls";
	return k->ssh ? "ssh" : "tls";
}

unsigned
ports_of_key(const struct study *st, uint32_t key)
{
	const struct study_span *u = &st->keys[key].uses;
	unsigned ports = 0;

	for (uint32_t i = u->at; i < u->at + u->n; i++)
		ports |= 1U << st->uses[i].port;
	return ports;
}

static void
count_certs_of_host(struct facts *f, const struct study *st, const struct study_host *h)
{
	bool any = false;

	for (uint32_t g = h->grabs.at; g < h->grabs.at + h->grabs.n; g++) {
		bool seen = st->grabs[g].cert == STUDY_NONE;

		any = any || !seen;
		for (uint32_t e = h->grabs.at; e < g && !seen; e++)
			seen = st->grabs[e].cert == st->grabs[g].cert;
		if (!seen)
			tally(&f->certs, NULL, st->grabs[g].cert);
	}
	f->with_cert += any;
}

static void
count_names_of_host(struct asking *k, struct facts *f, const struct study_host *h)
{
	const char *domains[DOMAINS_OF_HOST], *wild[DOMAINS_OF_HOST];
	size_t n = host_domains(k, h, domains, DOMAINS_OF_HOST), nwild = 0;

	for (size_t i = 0; i < n; i++)
		tally(&f->domains, domains[i], 0);
	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		const char *text = study_text_or_empty(k->st, k->st->names[i].text);
		bool seen = strncmp(text, "*.", 2) != 0 || nwild == DOMAINS_OF_HOST;

		if (!seen)
			text = strpool_put(&k->texts, text, strlen(text));
		for (size_t at = 0; at < nwild && !seen; at++)
			seen = wild[at] == text;
		if (!seen)
			wild[nwild++] = text;
	}
	for (size_t i = 0; i < nwild; i++)
		tally(&f->wildcard_names, wild[i], 0);
	f->wildcards += nwild > 0;
}

static void
count_host(struct asking *k, struct facts *f, uint32_t host)
{
	const struct study *st = k->st;
	const struct study_host *h = &st->hosts[host];
	bool trusted = false;

	tally(&f->ases, NULL, h->as);
	tally(&f->countries, strpool_put(&k->texts, h->country, strlen(h->country)), 0);
	count_certs_of_host(f, st, h);
	count_names_of_host(k, f, h);
	for (uint32_t g = h->grabs.at; g < h->grabs.at + h->grabs.n; g++)
		trusted = trusted || st->grabs[g].trusted == FACT_YES;
	f->trusted += trusted;
	if (h->nrcs > st->hosts[f->hub].nrcs)
		f->hub = host;
}

static int
by_ases(const void *pa, const void *pb)
{
	const struct bridge *a = pa, *b = pb;

	if (a->ases.n != b->ases.n)
		return a->ases.n > b->ases.n ? -1 : 1;
	return a->key < b->key ? -1 : a->key > b->key;
}

/* Keys that stand in several ASes, and the hosts that they tie to others' networks. */
static void
find_bridges(struct asking *k, struct facts *f)
{
	const struct study *st = k->st;
	bool *across = xcalloc((size_t)f->c->hosts.n + 1, sizeof(*across));
	size_t cap = 0;

	for (uint32_t i = 0; i < f->c->nshared; i++) {
		uint32_t key = study_cluster_key(st, f->c, i);
		const struct study_span *uses = &st->keys[key].uses;
		struct bridge *b;

		if (count_ases(k, key) < 2)
			continue;
		mem_grow(&f->bridges, &cap, f->nbridges + 1, sizeof(*f->bridges));
		b = &f->bridges[f->nbridges++];
		b->key = key;
		tallies_init(&b->ases);
		for (uint32_t u = uses->at; u < uses->at + uses->n; u++) {
			uint32_t host = st->uses[u].host;

			if ((u > uses->at && st->uses[u - 1].host == host) ||
			    !study_as_known(st, st->hosts[host].as))
				continue;
			tally(&b->ases, NULL, st->hosts[host].as);
			across[st->place[host] - f->c->hosts.at] = true;
		}
		tallies_sort(&b->ases);
	}
	if (f->nbridges > 1)
		qsort(f->bridges, f->nbridges, sizeof(*f->bridges), by_ases);
	for (uint32_t i = 0; i < f->c->hosts.n; i++)
		f->across += across[i];
	free(across);
}

void
facts_find(struct asking *k, uint32_t cluster, struct facts *f)
{
	const struct study *st = k->st;
	const struct study_cluster *c = &st->clusters[cluster];
	double pairs = 0;

	*f = (struct facts){ .c = c, .number = cluster, .hub = study_member(st, c, 0) };
	tallies_init(&f->ases);
	tallies_init(&f->countries);
	tallies_init(&f->domains);
	tallies_init(&f->certs);
	tallies_init(&f->wildcard_names);
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		count_host(k, f, study_member(st, c, i));
		pairs += st->hosts[study_member(st, c, i)].nrcs;
	}
	if (c->hosts.n > 1) /* in a copy for the owner of some hosts there may be one */
		f->density = pairs / ((double)c->hosts.n * (c->hosts.n - 1));
	f->knows_across = c->nin_no_as == 0 && c->nothers == 0;
	find_bridges(k, f);
	tallies_sort(&f->ases);
	tallies_sort(&f->countries);
	tallies_sort(&f->domains);
	tallies_sort(&f->certs);
	tallies_sort(&f->wildcard_names);
	cuts_find(st, cluster, &f->cuts);
	f->nmay_be = explain_cluster(st, cluster, f->may_be, &f->smelly);
}

void
facts_fini(struct facts *f)
{
	tallies_fini(&f->ases);
	tallies_fini(&f->countries);
	tallies_fini(&f->domains);
	tallies_fini(&f->certs);
	tallies_fini(&f->wildcard_names);
	for (size_t i = 0; i < f->nbridges; i++)
		tallies_fini(&f->bridges[i].ases);
	free(f->bridges);
	cuts_fini(&f->cuts);
	explanations_fini(f->may_be, f->nmay_be);
}

uint32_t
cluster_mismatches(const struct asking *k, const struct study_cluster *c, uint32_t *mx)
{
	uint32_t n = 0;

	*mx = MAIL_NONE;
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		uint32_t found = impact_mismatch(k->impact, study_member(k->st, c, i));

		if (*mx == MAIL_NONE)
			*mx = found;
		n += found != MAIL_NONE;
	}
	return n;
}
