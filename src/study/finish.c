/* Pure: from what was taken up to a study in its order. */
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/name.h"
#include "survey/questions.h"

#include "build.h"
#include "survey/pairs.h"

static int
cmp_u32(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int
by_run_and_record(const void *pa, const void *pb, void *arg)
{
	const struct study *st = arg;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	const struct study_host *x = &st->hosts[a], *y = &st->hosts[b];

	if (x->run != y->run)
		return x->run < y->run ? -1 : 1;
	if (x->record != y->record)
		return x->record < y->record ? -1 : 1;
	return cmp_u32(a, b);
}

/* Hosts by run and record.  Numbers in drafts move along; joins are renumbered. */
static void
order_hosts(struct study_builder *b)
{
	struct study *st = b->st;
	uint32_t *order, *now;
	struct study_host *hosts;
	struct draft *drafts;
	bool sorted = true;

	for (uint32_t i = 1; i < st->nhosts && sorted; i++)
		sorted = st->hosts[i - 1].run < st->hosts[i].run ||
			 (st->hosts[i - 1].run == st->hosts[i].run &&
			     st->hosts[i - 1].record <= st->hosts[i].record);
	if (sorted)
		return;
	order = xcalloc((size_t)st->nhosts + 1, sizeof(*order));
	now = xcalloc((size_t)st->nhosts + 1, sizeof(*now));
	hosts = xcalloc((size_t)st->nhosts + 1, sizeof(*hosts));
	drafts = xcalloc((size_t)st->nhosts + 1, sizeof(*drafts));
	for (uint32_t i = 0; i < st->nhosts; i++)
		order[i] = i;
	qsort_r(order, st->nhosts, sizeof(*order), by_run_and_record, st);
	for (uint32_t i = 0; i < st->nhosts; i++) {
		hosts[i] = st->hosts[order[i]];
		drafts[i] = b->drafts[order[i]];
		now[order[i]] = i;
	}
	for (size_t i = 0; i < b->njoins; i++) {
		b->joins[i][0] = now[b->joins[i][0]];
		b->joins[i][1] = now[b->joins[i][1]];
	}
	for (uint32_t i = 0; i < st->nothers; i++)
		st->others[i].host = now[st->others[i].host];
	free(st->hosts);
	free(b->drafts);
	st->hosts = hosts;
	b->drafts = drafts;
	b->in_order = false;
	free(order);
	free(now);
}

/* By port, the plain grab first, then by the name of the grab. */
static int
grab_cmp(const struct study *st, const struct study_grab *a, const struct study_grab *b)
{
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return strcmp(study_text_or_empty(st, a->grab), study_text_or_empty(st, b->grab));
}

static void
sort_grabs(const struct study *st, struct study_grab *g, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		struct study_grab one = g[i];
		uint32_t at = i;

		for (; at > 0 && grab_cmp(st, &g[at - 1], &one) > 0; at--)
			g[at] = g[at - 1];
		g[at] = one;
	}
}

static uint32_t
list_length(const struct list *l, const uint32_t *next)
{
	uint32_t n = 0;

	for (uint32_t i = l->first; i != STUDY_NONE; i = next[i])
		n++;
	return n;
}

/* Grabs by host, each host's in order. */
static void
order_grabs(struct study_builder *b)
{
	struct study *st = b->st;
	struct study_grab *grabs = st->grabs;
	uint32_t n = 0;

	if (!b->in_order) {
		for (uint32_t i = 0; i < st->nhosts; i++)
			n += list_length(&b->drafts[i].grabs, b->grab_next);
		grabs = xcalloc((size_t)n + 1, sizeof(*grabs));
	}
	n = 0;
	for (uint32_t i = 0; i < st->nhosts; i++) {
		struct study_host *h = &st->hosts[i];

		h->grabs.at = n;
		for (uint32_t k = b->drafts[i].grabs.first; k != STUDY_NONE; k = b->grab_next[k]) {
			if (!b->in_order)
				grabs[n] = st->grabs[k];
			grabs[n++].host = i;
		}
		h->grabs.n = n - h->grabs.at;
		if (h->grabs.n > 1)
			sort_grabs(st, grabs + h->grabs.at, h->grabs.n);
	}
	if (grabs != st->grabs)
		free(st->grabs);
	st->grabs = grabs;
	st->ngrabs = n;
	free(b->grab_next);
	b->grab_next = NULL;
}

/* Keys have new numbers, plus one, or 0. */
static void
renumber_others(struct study *st, const uint32_t *key_now)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < st->nothers; i++) {
		struct study_span *keys = &st->others[i].keys;
		uint32_t from = keys->at, end = keys->at + keys->n;

		keys->at = n;
		for (; from < end; from++) {
			struct study_others_key k = st->others_keys[from];

			if (key_now[k.key] != 0)
				st->others_keys[n++] =
				    (struct study_others_key){ key_now[k.key] - 1, k.port };
		}
		keys->n = n - keys->at;
	}
	st->nothers_keys = n;
}

/* Number keys and certificates by first appearance; what nobody shows goes. */
static void
drop_unused(struct study *st)
{
	uint32_t *key_now = xcalloc((size_t)st->nkeys + 1, sizeof(*key_now));
	uint32_t *cert_now = xcalloc((size_t)st->ncerts + 1, sizeof(*cert_now));
	struct study_key *keys;
	struct study_cert *certs;
	uint32_t nkeys = 0, ncerts = 0;
	bool same = true;

	for (uint32_t i = 0; i < st->ngrabs; i++) {
		const struct study_grab *g = &st->grabs[i];

		if (key_now[g->key] == 0) {
			same &= g->key == nkeys;
			key_now[g->key] = ++nkeys;
		}
		if (g->cert != STUDY_NONE && cert_now[g->cert] == 0) {
			same &= g->cert == ncerts;
			cert_now[g->cert] = ++ncerts;
		}
	}
	if (!same || nkeys != st->nkeys || ncerts != st->ncerts) {
		renumber_others(st, key_now);
		keys = xcalloc((size_t)nkeys + 1, sizeof(*keys));
		certs = xcalloc((size_t)ncerts + 1, sizeof(*certs));
		for (uint32_t k = 0; k < st->nkeys; k++) {
			if (key_now[k] != 0)
				keys[key_now[k] - 1] = st->keys[k];
		}
		for (uint32_t c = 0; c < st->ncerts; c++) {
			if (cert_now[c] == 0)
				continue;
			certs[cert_now[c] - 1] = st->certs[c];
			certs[cert_now[c] - 1].key = key_now[st->certs[c].key] - 1;
		}
		for (uint32_t i = 0; i < st->ngrabs; i++) {
			struct study_grab *g = &st->grabs[i];

			g->key = key_now[g->key] - 1;
			if (g->cert != STUDY_NONE)
				g->cert = cert_now[g->cert] - 1;
		}
		free(st->keys);
		free(st->certs);
		st->keys = keys;
		st->certs = certs;
		st->nkeys = nkeys;
		st->ncerts = ncerts;
	}
	free(key_now);
	free(cert_now);
}

/* The answers in their order; names will point to their places in it. */
static void
take_answers(struct study_builder *b, const struct answers *answers)
{
	const struct answer **all = answers_sorted(answers);
	size_t n = answers_count(answers);
	uint32_t *targets = NULL;
	size_t cap = 0;

	for (size_t i = 0; i < n; i++) {
		const struct answer *a = all[i];
		struct study_answer to = {
			.name = study_builder_text(b, a->name, strlen(a->name)),
			.type = (uint8_t)a->type,
			.outcome = (uint8_t)a->outcome,
			.at = a->at,
			.ms = a->ms,
		};

		if (!dns_type_has_addresses(a->type)) {
			mem_grow(&targets, &cap, a->nnames, sizeof(*targets));
			for (size_t k = 0; k < a->nnames; k++)
				targets[k] = study_builder_text(
				    b, a->names[k], strlen(a->names[k]));
			to.targets.n = (uint32_t)a->nnames;
		} else {
			to.addresses.n = (uint32_t)a->naddrs;
		}
		study_builder_answer(b, &to, a->addrs, targets);
	}
	free(targets);
	free(all);
}

#define TEXTS_SEEN 1024

/* The names of hosts with their verdicts, into a new array. */
struct judging {
	struct study_builder *b;
	const struct answers *answers;
	struct verdict verdict;
	struct name_ref *refs; /* the host's names, each text once */
	struct study_name *judged; /* what is known of each of them */
	uint32_t *ref_of; /* by name of the host: its place in refs */
	size_t cap_refs, cap_judged, cap_ref_of;
	uint32_t seen[TEXTS_SEEN]; /* by a text's last digits: where in refs it may stand */
	struct study_name *names;
	size_t n, cap;
};

static void
put_name(struct judging *j, const struct study_name *n)
{
	mem_grow(&j->names, &j->cap, j->n + 1, sizeof(*j->names));
	j->names[j->n++] = *n;
}

static uint32_t
answer_number(const struct answer *a)
{
	return a != NULL ? a->number : STUDY_NONE;
}

/*
 * The place of a text among refs, of which there are *n: a host's ports mostly give the same
 * names.  One that is no longer known to be there has another place, which does no harm.
 */
static uint32_t
place_of(struct judging *j, uint32_t number, size_t *n)
{
	const char *text = study_text_or_empty(j->b->st, number);
	uint32_t *seen = &j->seen[number % TEXTS_SEEN];

	if (*seen < *n && j->refs[*seen].text == text)
		return *seen;
	mem_grow(&j->refs, &j->cap_refs, *n + 1, sizeof(*j->refs));
	mem_grow(&j->judged, &j->cap_judged, *n + 1, sizeof(*j->judged));
	j->refs[*n] = (struct name_ref){ NULL, text, strlen(text) };
	j->judged[*n] = (struct study_name){ .verdict = NAME_NOT_LOOKED_UP, .answer = STUDY_NONE };
	return *seen = (uint32_t)(*n)++;
}

static void
set_verdict(struct study_name *name, const struct verdict_name *v)
{
	name->verdict = (uint8_t)v->verdict;
	name->answer = answer_number(v->answer);
}

/* The PTR name first, then the names in the order in which the host gave them. */
static void
judge_host(struct judging *j, uint32_t host)
{
	struct study_builder *b = j->b;
	struct study *st = b->st;
	struct study_host *h = &st->hosts[host];
	struct study_name rdns = {
		.source = NAME_RDNS, .answer = STUDY_NONE, .verdict = NAME_NOT_LOOKED_UP
	};
	struct verdict *v = &j->verdict;
	size_t n = 0, nnames = 0;

	for (uint32_t k = b->drafts[host].names.first; k != STUDY_NONE; k = b->name_next[k]) {
		mem_grow(&j->ref_of, &j->cap_ref_of, nnames + 1, sizeof(*j->ref_of));
		j->ref_of[nnames++] = place_of(j, st->names[k].text, &n);
	}
	verdict_host(v, j->answers, &h->ip, j->refs, n);
	h->verdict = (uint8_t)v->verdict;
	h->ptr = answer_number(v->ptr);
	h->rdns = STUDY_NO_TEXT;
	for (size_t i = 0; i < v->n; i++)
		set_verdict(v->names[i].ref == VERDICT_RDNS ? &rdns : &j->judged[v->names[i].ref],
		    &v->names[i]);
	nnames = 0;
	for (uint32_t k = b->drafts[host].names.first; k != STUDY_NONE; k = b->name_next[k]) {
		const struct study_name *judged = &j->judged[j->ref_of[nnames++]];

		st->names[k].verdict = judged->verdict;
		st->names[k].answer = judged->answer;
	}
	if (v->rdns != NULL) {
		h->rdns = rdns.text = study_builder_text(b, v->rdns, strlen(v->rdns));
		put_name(j, &rdns);
	}
	for (uint32_t k = b->drafts[host].names.first; k != STUDY_NONE; k = b->name_next[k])
		put_name(j, &st->names[k]);
}

/* The PTR name, then the others as a host's record gives them. */
static uint32_t
name_rank(const struct study_name *n)
{
	return n->source == NAME_RDNS ? 0 : 1 + host_name_rank(n->port, n->source, n->san);
}

static int
cmp_names(const void *a, const void *b)
{
	uint32_t x = name_rank(a), y = name_rank(b);

	return x < y ? -1 : x > y;
}

/* Records give them in order, survey.db by name. */
static void
sort_names(struct study_name *names, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (cmp_names(&names[i - 1], &names[i]) > 0) {
			qsort(names, n, sizeof(*names), cmp_names);
			return;
		}
	}
}

static void
order_names(struct study_builder *b, const struct answers *answers)
{
	struct study *st = b->st;
	struct judging j = { .b = b, .answers = answers };
	/* Without PTR names each stays where it is. */
	bool stay = b->in_order && (answers == NULL || answers_count(answers) == 0);

	verdict_init(&j.verdict);
	if (stay) {
		j.names = st->names;
		j.cap = b->cap_names;
	} else {
		mem_grow(&j.names, &j.cap, (size_t)st->nnames + 1, sizeof(*j.names));
	}
	for (uint32_t i = 0; i < st->nhosts; i++) {
		size_t at = j.n;

		if (!b->drafts[i].judged && answers != NULL) {
			judge_host(&j, i);
		} else {
			for (uint32_t k = b->drafts[i].names.first; k != STUDY_NONE;
			     k = b->name_next[k])
				put_name(&j, &st->names[k]);
			sort_names(j.names + at, j.n - at);
		}
		st->hosts[i].names = (struct study_span){ (uint32_t)at, (uint32_t)(j.n - at) };
	}
	if (!stay)
		free(st->names);
	st->names = j.names;
	st->nnames = (uint32_t)j.n;
	free(b->name_next);
	b->name_next = NULL;
	free(j.refs);
	free(j.judged);
	free(j.ref_of);
	verdict_fini(&j.verdict);
}

/* Were the certificate's dates right when it was seen? */
static enum fact
timely(const struct study *st, const struct study_grab *g)
{
	const struct study_host *h = &st->hosts[g->host];
	const struct study_cert *c;
	int64_t date = st->runs[h->run].scan_date;

	if (date == TIME_UNKNOWN)
		date = g->at != TIME_UNKNOWN ? g->at : h->time;
	if (g->cert == STUDY_NONE || date == TIME_UNKNOWN)
		return FACT_UNKNOWN;
	c = &st->certs[g->cert];
	if (c->not_before == TIME_UNKNOWN || c->not_after == TIME_UNKNOWN)
		return FACT_UNKNOWN;
	return c->not_before <= date && date < c->not_after ? FACT_YES : FACT_NO;
}

static void
judge_dates(struct study_builder *b)
{
	struct study *st = b->st;

	for (uint32_t i = 0; i < st->ngrabs; i++) {
		if (!b->drafts[st->grabs[i].host].judged)
			st->grabs[i].timely = (uint8_t)timely(st, &st->grabs[i]);
	}
}

/* Hosts of no known AS have one of its own. */
static void
fill_ases(struct study_builder *b)
{
	struct study *st = b->st;
	uint32_t unknown = STUDY_NONE;

	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (st->hosts[i].as != STUDY_NONE)
			continue;
		if (unknown == STUDY_NONE)
			unknown = study_builder_as(b, 0, "", 0);
		st->hosts[i].as = unknown;
	}
}

static void
count_partners(struct study *st)
{
	struct pairs *p = pairs_new(st);

	for (uint32_t i = 0; i < st->nhosts; i++)
		st->hosts[i].nrcs = pairs_partners(p, i);
	pairs_free(p);
}

struct study *
study_builder_finish(struct study_builder *b, const struct answers *answers)
{
	struct study *st = b->st;

	if (st->nruns == 0) {
		struct study_run_facts f;

		study_run_facts_init(&f);
		study_builder_run(b, &f);
	}
	if (spool_give(b, st) == -1) {
		study_builder_free(b);
		return NULL;
	}
	order_hosts(b);
	order_grabs(b);
	if (answers != NULL)
		take_answers(b, answers);
	order_names(b, answers);
	judge_dates(b);
	fill_ases(b);
	build_drop_tables(b);
	drop_unused(st);
	study_cluster(st, b->joins, b->njoins);
	count_partners(st);
	b->st = NULL;
	study_builder_free(b);
	return st;
}
