/* What repairs a cluster: who changes which key on which hosts. */
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/text.h"

#include "cluster.h"

#define DOMAINS_OF_HOST 64

/* *known: false when it stands for all hosts of which nobody knows the operator. */
static const char *
holder_of(struct asking *k, uint32_t host, bool *known)
{
	const struct study_host *h = &k->st->hosts[host];
	const struct study_as *as = &k->st->ases[h->as];
	const char *domains[1], *name = study_text_or_empty(k->st, as->name);
	struct buf b;

	if (k->o->by_domain) {
		bool found = host_domains(k, h, domains, 1) == 1;

		*known = found;
		return found ? domains[0]
			     : strpool_put(&k->texts, "no domain", strlen("no domain"));
	}
	*known = study_as_known(k->st, h->as);
	buf_init(&b);
	if (as->asn != 0)
		buf_printf(&b, "AS%u ", as->asn);
	text_plain(&b, name, strlen(name), 60);
	if (!*known)
		buf_adds(&b, "AS unknown");
	name = strpool_put(&k->texts, b.data, b.len);
	buf_fini(&b);
	return name;
}

/* The holders of the cluster's hosts; of_host gets each host's by its place in the cluster. */
static void
list_holders(struct asking *k, const struct study_cluster *c, struct plan *p, uint32_t *of_host)
{
	const char *domains[DOMAINS_OF_HOST];
	struct tallies holders, pairs;
	uint32_t nobody = STUDY_NONE;

	tallies_init(&holders);
	tallies_init(&pairs);
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		uint32_t host = study_member(k->st, c, i);
		bool known;

		of_host[i] = (uint32_t)tallies_find(&holders, holder_of(k, host, &known), 0);
		holders.v[of_host[i]].hosts++;
		if (!known)
			nobody = of_host[i];
	}
	p->nholders = (uint32_t)holders.n;
	p->nobody = nobody != STUDY_NONE ? nobody : p->nholders;
	p->more = nobody != STUDY_NONE || c->nothers > 0;
	p->holders = xcalloc(holders.n + 1, sizeof(*p->holders));
	for (uint32_t i = 0; i < p->nholders; i++)
		p->holders[i] = (struct holder){ holders.v[i].text, holders.v[i].hosts, 0, 0, 0 };
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		const struct study_host *h = &k->st->hosts[study_member(k->st, c, i)];
		size_t n = host_domains(k, h, domains, DOMAINS_OF_HOST);

		for (size_t d = 0; d < n; d++) {
			size_t before = pairs.n;

			tallies_find(&pairs, domains[d], of_host[i]);
			p->holders[of_host[i]].domains += pairs.n > before;
		}
	}
	tallies_fini(&holders);
	tallies_fini(&pairs);
}

/* Of a shared key a task for each holder; task_of, by holder, is all 0 and stays so. */
static void
add_key(struct plan *p, const struct study *st, const struct study_cluster *c, uint32_t place,
    const uint32_t *of_host, uint32_t *task_of)
{
	uint32_t key = study_cluster_key(st, c, place);
	const struct study_span *u = &st->keys[key].uses;
	size_t from = p->n;

	for (uint32_t at = u->at; at < u->at + u->n; at++) {
		uint32_t host = st->uses[at].host, holder;
		struct task *t;

		if (at > u->at && st->uses[at - 1].host == host)
			continue;
		holder = of_host[st->place[host] - c->hosts.at];
		if (task_of[holder] == 0) {
			mem_grow(&p->v, &p->cap, p->n + 1, sizeof(*p->v));
			p->v[p->n++] =
			    (struct task){ .holder = holder, .key = key, .place = place };
			task_of[holder] = (uint32_t)p->n;
		}
		t = &p->v[task_of[holder] - 1];
		mem_grow(&t->hosts, &t->cap, (size_t)t->n + 1, sizeof(*t->hosts));
		t->hosts[t->n++] = host;
	}
	p->of_key[place] = (uint32_t)(p->n - from);
	p->least += p->of_key[place] - 1;
	p->more_of_key[place] = st->keys[key].of_others;
	if (p->nobody < p->nholders && task_of[p->nobody] != 0) {
		p->of_key[place]--;
		p->more_of_key[place] = true;
	}
	for (size_t i = from; i < p->n; i++)
		task_of[p->v[i].holder] = 0;
}

static int
by_holder(const void *pa, const void *pb)
{
	const struct task *a = pa, *b = pb;

	if (a->holder != b->holder)
		return a->holder < b->holder ? -1 : 1;
	return a->place < b->place ? -1 : a->place > b->place;
}

/* The one host of a key that is not among those of a task; STUDY_NONE when there are more. */
static uint32_t
only_other_host(const struct study *st, const struct study_cluster *c, const struct task *t,
    const uint32_t *of_host)
{
	const struct study_span *u = &st->keys[t->key].uses;

	if (st->keys[t->key].nhosts != t->n + 1 || st->keys[t->key].of_others)
		return STUDY_NONE;
	for (uint32_t at = u->at; at < u->at + u->n; at++) {
		uint32_t host = st->uses[at].host;

		if (of_host[st->place[host] - c->hosts.at] != t->holder)
			return host;
	}
	return STUDY_NONE;
}

/*
 * What each holder achieves alone: its own hosts are free, and those of others whose last
 * partners they were.
 */
static void
find_alone(
    const struct study *st, const struct study_cluster *c, struct plan *p, const uint32_t *of_host)
{
	uint32_t *shares = xcalloc((size_t)c->hosts.n + 1, sizeof(*shares)); /* shared keys */
	uint32_t *lost = xcalloc((size_t)c->hosts.n + 1, sizeof(*lost));

	for (size_t i = 0; i < p->n; i++) {
		for (uint32_t h = 0; h < p->v[i].n; h++)
			shares[st->place[p->v[i].hosts[h]] - c->hosts.at]++;
	}
	if (p->n > 1)
		qsort(p->v, p->n, sizeof(*p->v), by_holder);
	for (size_t i = 0, next; i < p->n; i = next) {
		struct holder *o = &p->holders[p->v[i].holder];

		for (next = i; next < p->n && p->v[next].holder == p->v[i].holder; next++) {
			uint32_t host = only_other_host(st, c, &p->v[next], of_host), place;

			if (host == STUDY_NONE)
				continue;
			place = st->place[host] - c->hosts.at;
			o->freed += ++lost[place] == shares[place];
		}
		for (size_t t = i; t < next; t++) {
			uint32_t host = only_other_host(st, c, &p->v[t], of_host);

			if (host != STUDY_NONE)
				lost[st->place[host] - c->hosts.at] = 0;
		}
	}
	for (uint32_t i = 0; i < p->nholders; i++)
		p->holders[i].left = c->hosts.n - p->holders[i].hosts - p->holders[i].freed;
	free(shares);
	free(lost);
}

static int
by_work(const void *pa, const void *pb, void *arg)
{
	const struct plan *p = arg;
	const struct task *a = pa, *b = pb;
	const struct holder *x = &p->holders[a->holder], *y = &p->holders[b->holder];

	if (p->pinned[a->place] != p->pinned[b->place])
		return p->pinned[a->place] ? -1 : 1;
	if (x->hosts != y->hosts)
		return x->hosts > y->hosts ? -1 : 1;
	if (x->domains != y->domains)
		return x->domains > y->domains ? -1 : 1;
	if (x != y)
		return strcmp(x->name, y->name);
	if (a->n != b->n)
		return a->n > b->n ? -1 : 1;
	return a->place < b->place ? -1 : a->place > b->place;
}

void
plan_make(struct asking *k, const struct study_cluster *c, struct plan *p)
{
	uint32_t *of_host = xcalloc((size_t)c->hosts.n + 1, sizeof(*of_host)), *task_of;

	*p = (struct plan){ .keys = c->nshared };
	p->of_key = xcalloc((size_t)c->nshared + 1, sizeof(*p->of_key));
	p->more_of_key = xcalloc((size_t)c->nshared + 1, sizeof(*p->more_of_key));
	p->pinned = xcalloc((size_t)c->nshared + 1, sizeof(*p->pinned));
	list_holders(k, c, p, of_host);
	task_of = xcalloc((size_t)p->nholders + 1, sizeof(*task_of));
	for (uint32_t i = 0; i < c->nshared; i++) {
		p->pinned[i] = impact_pins(k->impact, study_cluster_key(k->st, c, i));
		add_key(p, k->st, c, i, of_host, task_of);
	}
	find_alone(k->st, c, p, of_host);
	if (p->n > 1)
		qsort_r(p->v, p->n, sizeof(*p->v), by_work, p);
	free(task_of);
	free(of_host);
}

void
plan_fini(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].hosts);
	free(p->v);
	free(p->holders);
	free(p->of_key);
	free(p->more_of_key);
	free(p->pinned);
}

uint32_t
plan_operators(const struct plan *p)
{
	return p->nholders - (p->nobody < p->nholders);
}
