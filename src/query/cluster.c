/* survey cluster: a cluster explained, and what repairs it. */
#include <libpsl.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/cuts.h"
#include "survey/escape.h"
#include "survey/explain.h"
#include "survey/finding.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/name.h"
#include "survey/query.h"
#include "survey/strpool.h"
#include "survey/study.h"
#include "survey/text.h"

#define NAMES_SHOWN 10 /* of a list in the text */

/* A thing counted by the hosts that have it. */
struct tally {
	const char *text; /* or NULL */
	uint32_t number; /* AS, key or certificate */
	uint32_t hosts;
};

struct tallies {
	struct tally *v;
	size_t n, cap;
};

struct asking {
	const struct cluster_options *o;
	const struct study *st;
	const psl_ctx_t *psl;
	struct buf *out;
	struct jsonw w;
	struct print csv;
	struct strpool texts;
	struct finding_index weak;
};

static void
tally(struct tallies *t, const char *text, uint32_t number)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i].number == number && t->v[i].text == text) {
			t->v[i].hosts++;
			return;
		}
	}
	mem_grow(&t->v, &t->cap, t->n + 1, sizeof(*t->v));
	t->v[t->n++] = (struct tally){ text, number, 1 };
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

static void
sort_tallies(struct tallies *t)
{
	if (t->n > 1)
		qsort(t->v, t->n, sizeof(*t->v), by_hosts);
}

/* What is told of a cluster, found once for every format. */
struct facts {
	const struct study_cluster *c;
	struct tallies ases, countries, domains, certs;
	struct cuts cuts;
	struct explanation may_be[NWHYS];
	unsigned nmay_be;
	uint32_t trusted, wildcards; /* hosts */
	uint32_t hub; /* host with the most partners */
	uint32_t bridges; /* shared keys on hosts of several ASes */
	double density; /* pairs that share a key, of all pairs */
};

/* The registrable domain of a name (Public Suffix List), interned; NULL: it has none. */
static const char *
domain_of(struct asking *k, const char *name)
{
	char normal[NAME_SIZE];
	const char *domain;

	if (strncmp(name, "*.", 2) == 0)
		name += 2;
	if (name_normalise(name, strlen(name), normal) != NAME_OK ||
	    (domain = psl_registrable_domain(k->psl, normal)) == NULL)
		return NULL;
	return strpool_put(&k->texts, domain, strlen(domain));
}

/* The domains of a host's names, each once. */
static size_t
host_domains(struct asking *k, const struct study_host *h, const char **v, size_t max)
{
	size_t n = 0;

	for (uint32_t i = h->names.at; i < h->names.at + h->names.n && n < max; i++) {
		const char *d = domain_of(k, study_text_or_empty(k->st, k->st->names[i].text));
		bool seen = d == NULL;

		for (size_t at = 0; at < n && !seen; at++)
			seen = v[at] == d;
		if (!seen)
			v[n++] = d;
	}
	return n;
}

static void
count_host(struct asking *k, struct facts *f, uint32_t host)
{
	const struct study *st = k->st;
	const struct study_host *h = &st->hosts[host];
	const char *domains[64];
	size_t n = host_domains(k, h, domains, 64);
	bool trusted = false, wild = false;

	tally(&f->ases, NULL, h->as);
	tally(&f->countries, strpool_put(&k->texts, h->country, strlen(h->country)), 0);
	for (size_t i = 0; i < n; i++)
		tally(&f->domains, domains[i], 0);
	for (uint32_t g = h->grabs.at; g < h->grabs.at + h->grabs.n; g++) {
		bool seen = st->grabs[g].cert == STUDY_NONE;

		trusted = trusted || st->grabs[g].trusted == FACT_YES;
		for (uint32_t e = h->grabs.at; e < g && !seen; e++)
			seen = st->grabs[e].cert == st->grabs[g].cert;
		if (!seen)
			tally(&f->certs, NULL, st->grabs[g].cert);
	}
	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++)
		wild = wild || strncmp(study_text_or_empty(st, st->names[i].text), "*.", 2) == 0;
	f->trusted += trusted;
	f->wildcards += wild;
	if (h->nrcs > st->hosts[f->hub].nrcs)
		f->hub = host;
}

static uint32_t
ases_of_key(const struct study *st, uint32_t key, struct tallies *t)
{
	const struct study_key *k = &st->keys[key];

	t->n = 0;
	for (uint32_t u = k->uses.at; u < k->uses.at + k->uses.n; u++) {
		if (u == k->uses.at || st->uses[u].host != st->uses[u - 1].host)
			tally(t, NULL, st->hosts[st->uses[u].host].as);
	}
	return (uint32_t)t->n;
}

static void
find_facts(struct asking *k, uint32_t cluster, struct facts *f)
{
	const struct study *st = k->st;
	const struct study_cluster *c = &st->clusters[cluster];
	struct tallies ases = { NULL, 0, 0 };
	double pairs = 0;

	*f = (struct facts){ .c = c, .hub = study_member(st, c, 0) };
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		count_host(k, f, study_member(st, c, i));
		pairs += st->hosts[study_member(st, c, i)].nrcs;
	}
	f->density = pairs / ((double)c->hosts.n * (c->hosts.n - 1));
	for (uint32_t i = 0; i < c->nshared; i++)
		f->bridges += ases_of_key(st, study_cluster_key(st, c, i), &ases) > 1;
	free(ases.v);
	sort_tallies(&f->ases);
	sort_tallies(&f->countries);
	sort_tallies(&f->domains);
	sort_tallies(&f->certs);
	cuts_find(st, cluster, &f->cuts);
	f->nmay_be = explain_cluster(st, cluster, f->may_be);
}

static void
facts_fini(struct facts *f)
{
	free(f->ases.v);
	free(f->countries.v);
	free(f->domains.v);
	free(f->certs.v);
	cuts_fini(&f->cuts);
	explanations_fini(f->may_be, f->nmay_be);
}

static void
hex(struct buf *out, const uint8_t *p)
{
	for (size_t i = 0; i < KEY_LEN; i++)
		buf_printf(out, "%02x", p[i]);
}

static void
key_text(struct buf *out, const struct study *st, uint32_t key)
{
	if (st->keys[key].named)
		hex(out, st->keys[key].fp);
	else
		buf_adds(out, "a key that the file does not name");
}

/* The ports of a key, as bits of rows. */
static unsigned
ports_of_key(const struct study *st, uint32_t key)
{
	const struct study_span *u = &st->keys[key].uses;
	unsigned ports = 0;

	for (uint32_t i = u->at; i < u->at + u->n; i++)
		ports |= 1U << st->uses[i].port;
	return ports;
}

/* " WEAK: roca (critical)", in red where there are colours; nothing for a key without findings. */
static void
weak_text(struct asking *k, uint32_t key)
{
	struct buf b;

	buf_init(&b);
	if (study_weakness(k->st, &k->weak, key, &b) != -1)
		buf_printf(k->out, " %sWEAK: %s%s", k->o->colour ? "\033[1;31m" : "", b.data,
		    k->o->colour ? "\033[0m" : "");
	buf_fini(&b);
}

/* The weak keys of a cluster's hosts, shared or not. */
static uint32_t
count_weak(const struct asking *k, const struct study_cluster *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->keys.n; i++)
		n += k->weak.first[study_cluster_key(k->st, c, i)] != 0;
	return n;
}

/* --- the plan -------------------------------------------------------------- */

/*
 * Whoever holds a shared key knows the secret of all others that hold it, so all of its
 * operators replace it.  An operator is an AS, or with --by domain the first
 * registrable domain of a host.
 */
struct task {
	const char *operator;
	uint32_t key;
	uint32_t *hosts;
	uint32_t n;
	size_t cap;
};

struct plan {
	struct task *v;
	size_t n, cap;
	uint32_t keys, operators; /* that it is about */
	uint32_t least; /* changes of a key by an operator that would do if one keeps each key */
};

static const char *
operator_of(struct asking *k, uint32_t host)
{
	const struct study_host *h = &k->st->hosts[host];
	const struct study_as *as = &k->st->ases[h->as];
	const char *domains[1], *name;
	struct buf b;

	if (k->o->by_domain)
		return host_domains(k, h, domains, 1) == 1 ? domains[0] : "no domain";
	buf_init(&b);
	if (as->asn != 0)
		buf_printf(&b, "AS%u ", as->asn);
	text_plain(&b, study_text_or_empty(k->st, as->name),
	    strlen(study_text_or_empty(k->st, as->name)), 60);
	if (b.len == 0)
		buf_adds(&b, "AS unknown");
	name = strpool_put(&k->texts, b.data, b.len);
	buf_fini(&b);
	return name;
}

static struct task *
task_of(struct plan *p, size_t from, const char *operator, uint32_t key)
{
	for (size_t i = from; i < p->n; i++) {
		if (p->v[i].operator== operator)
			return &p->v[i];
	}
	mem_grow(&p->v, &p->cap, p->n + 1, sizeof(*p->v));
	p->v[p->n] = (struct task){ .operator= operator, .key = key };
	return &p->v[p->n++];
}

static int
by_work(const void *pa, const void *pb)
{
	const struct task *a = pa, *b = pb;

	if (a->n != b->n)
		return a->n > b->n ? -1 : 1;
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return strcmp(a->operator, b->operator);
}

static void
make_plan(struct asking *k, const struct study_cluster *c, struct plan *p)
{
	const struct study *st = k->st;
	struct tallies operators = { NULL, 0, 0 };

	*p = (struct plan){ .keys = c->nshared };
	for (uint32_t i = 0; i < c->nshared; i++) {
		uint32_t key = study_cluster_key(st, c, i);
		const struct study_span *u = &st->keys[key].uses;
		size_t from = p->n;

		for (uint32_t at = u->at; at < u->at + u->n; at++) {
			struct task *t;

			if (at > u->at && st->uses[at].host == st->uses[at - 1].host)
				continue;
			t = task_of(p, from, operator_of(k, st->uses[at].host), key);
			mem_grow(&t->hosts, &t->cap, (size_t)t->n + 1, sizeof(*t->hosts));
			t->hosts[t->n++] = st->uses[at].host;
		}
		p->least += (uint32_t)(p->n - from) - 1;
		for (size_t t = from; t < p->n; t++)
			tally(&operators, p->v[t].operator, 0);
	}
	p->operators = (uint32_t)operators.n;
	if (p->n > 1)
		qsort(p->v, p->n, sizeof(*p->v), by_work);
	free(operators.v);
}

static void
plan_fini(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].hosts);
	free(p->v);
}

/* --- JSON ------------------------------------------------------------------ */

static void
json_ports(struct jsonw *w, unsigned ports)
{
	jsonw_key(w, "ports");
	jsonw_array(w);
	for (int row = 0; row < NPORTS; row++) {
		if (ports >> row & 1)
			jsonw_uint(w, port_table[row].port);
	}
	jsonw_end_array(w);
}

/* What is wrong with a key; an empty list where nothing is, or nobody has looked. */
static void
json_weak(struct asking *k, uint32_t key)
{
	struct jsonw *w = &k->w;

	jsonw_key(w, "weak");
	jsonw_array(w);
	for (size_t i = k->weak.first[key]; i != 0; i = k->weak.next[i - 1]) {
		const struct finding_kind_def *kind =
		    &finding_kinds[k->st->findings->findings[i - 1].kind];

		jsonw_object(w);
		jsonw_member_string(w, "kind", kind->name);
		jsonw_member_string(
		    w, "severity", finding_severity_name((enum finding_severity)kind->severity));
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

/* Weak keys of the cluster's hosts, the shared ones among them. */
static void
json_weak_keys(struct asking *k, const struct study_cluster *c)
{
	struct jsonw *w = &k->w;

	jsonw_key(w, "weak_keys");
	jsonw_array(w);
	for (uint32_t i = 0; i < c->keys.n; i++) {
		uint32_t key = study_cluster_key(k->st, c, i);

		if (k->weak.first[key] == 0)
			continue;
		jsonw_object(w);
		jsonw_key(w, "fp");
		jsonw_hex(w, k->st->keys[key].fp, KEY_LEN);
		jsonw_member_uint(w, "hosts", k->st->keys[key].nhosts);
		json_ports(w, ports_of_key(k->st, key));
		json_weak(k, key);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static void
json_keys(struct asking *k, const struct study_cluster *c)
{
	const struct study *st = k->st;
	struct jsonw *w = &k->w;
	struct tallies ases = { NULL, 0, 0 };
	char ip[IP_STRLEN];

	jsonw_key(w, "keys");
	jsonw_array(w);
	for (uint32_t i = 0; i < c->nshared; i++) {
		uint32_t key = study_cluster_key(st, c, i);
		const struct study_key *sk = &st->keys[key];

		jsonw_object(w);
		jsonw_key(w, "fp");
		if (sk->named)
			jsonw_hex(w, sk->fp, KEY_LEN);
		else
			jsonw_null(w);
		jsonw_member_string(w, "kind",
		    sk->ssh && sk->tls ? "ssh+tls"
		    : sk->ssh	       ? "ssh"
				       : "tls");
		jsonw_member_uint(w, "hosts", sk->nhosts);
		jsonw_member_uint(w, "ases", ases_of_key(st, key, &ases));
		json_ports(w, ports_of_key(st, key));
		json_weak(k, key);
		jsonw_key(w, "at");
		jsonw_array(w);
		for (uint32_t u = sk->uses.at; u < sk->uses.at + sk->uses.n; u++) {
			jsonw_array(w);
			jsonw_string(w, ip_format(&st->hosts[st->uses[u].host].ip, ip));
			jsonw_uint(w, port_table[st->uses[u].port].port);
			jsonw_end_array(w);
		}
		jsonw_end_array(w);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	free(ases.v);
}

static void
json_cuts(struct asking *k, const struct facts *f)
{
	const struct study *st = k->st;
	struct jsonw *w = &k->w;
	char ip[IP_STRLEN];

	jsonw_key(w, "cut_hosts");
	jsonw_array(w);
	for (uint32_t i = 0; i < f->cuts.n; i++) {
		if (!f->cuts.v[i].is_key)
			jsonw_string(w, ip_format(&st->hosts[f->cuts.v[i].number].ip, ip));
	}
	jsonw_end_array(w);
	jsonw_key(w, "cut_keys");
	jsonw_array(w);
	for (uint32_t i = 0; i < f->cuts.n; i++) {
		if (f->cuts.v[i].is_key)
			jsonw_hex(w, st->keys[f->cuts.v[i].number].fp, KEY_LEN);
	}
	jsonw_end_array(w);
	jsonw_key(w, "cuts");
	jsonw_array(w);
	for (uint32_t i = 0; i < f->cuts.n; i++) {
		const struct cut *c = &f->cuts.v[i];

		jsonw_object(w);
		if (c->is_key) {
			jsonw_key(w, "key");
			jsonw_hex(w, st->keys[c->number].fp, KEY_LEN);
		} else {
			jsonw_member_string(w, "host", ip_format(&st->hosts[c->number].ip, ip));
		}
		jsonw_key(w, "parts");
		jsonw_array(w);
		for (uint32_t p = c->parts.at; p < c->parts.at + c->parts.n; p++)
			jsonw_uint(w, f->cuts.parts[p]);
		jsonw_end_array(w);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static void
json_plan(struct asking *k, const struct facts *f)
{
	const struct study *st = k->st;
	struct jsonw *w = &k->w;
	struct plan p;
	char ip[IP_STRLEN];

	make_plan(k, f->c, &p);
	jsonw_key(w, "repair");
	jsonw_object(w);
	jsonw_member_uint(w, "keys", p.keys);
	jsonw_member_uint(w, "operators", p.operators);
	jsonw_member_uint(w, "changes", p.n);
	jsonw_member_uint(w, "least", p.least);
	jsonw_key(w, "tasks");
	jsonw_array(w);
	for (size_t i = 0; i < p.n; i++) {
		jsonw_object(w);
		jsonw_member_string(w, "operator", p.v[i].operator);
		jsonw_key(w, "key");
		if (st->keys[p.v[i].key].named)
			jsonw_hex(w, st->keys[p.v[i].key].fp, KEY_LEN);
		else
			jsonw_null(w);
		json_ports(w, ports_of_key(st, p.v[i].key));
		jsonw_key(w, "hosts");
		jsonw_array(w);
		for (uint32_t h = 0; h < p.v[i].n; h++)
			jsonw_string(w, ip_format(&st->hosts[p.v[i].hosts[h]].ip, ip));
		jsonw_end_array(w);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_end_object(w);
	plan_fini(&p);
}

static void
json_tallies(struct jsonw *w, const char *key, const struct tallies *t)
{
	jsonw_key(w, key);
	jsonw_array(w);
	for (size_t i = 0; i < t->n; i++) {
		jsonw_object(w);
		jsonw_member_string(w, "name", t->v[i].text);
		jsonw_member_uint(w, "hosts", t->v[i].hosts);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static void
json_may_be(struct jsonw *w, const struct facts *f)
{
	jsonw_key(w, "may_be");
	jsonw_array(w);
	for (unsigned i = 0; i < f->nmay_be; i++) {
		jsonw_object(w);
		jsonw_member_string(w, "what", why_word(f->may_be[i].what));
		jsonw_member_string(w, "for", f->may_be[i].pro);
		jsonw_member_string(w, "against", f->may_be[i].contra);
		jsonw_member_uint(w, "score", f->may_be[i].score);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static void
json_cluster(struct asking *k, uint32_t cluster, const struct facts *f)
{
	const struct study *st = k->st;
	const struct study_cluster *c = f->c;
	struct jsonw *w = &k->w;
	char ip[IP_STRLEN];

	jsonw_object(w);
	jsonw_member_uint(w, "id", c->id);
	jsonw_member_uint(w, "size", c->hosts.n);
	jsonw_member_uint(w, "shared_keys", c->nshared);
	jsonw_key(w, "hosts");
	jsonw_array(w);
	for (uint32_t i = 0; i < c->hosts.n; i++)
		jsonw_string(w, ip_format(&st->hosts[study_member(st, c, i)].ip, ip));
	jsonw_end_array(w);
	jsonw_key(w, "ases");
	jsonw_array(w);
	for (size_t i = 0; i < f->ases.n; i++) {
		const struct study_as *as = &st->ases[f->ases.v[i].number];

		jsonw_object(w);
		jsonw_member_uint(w, "asn", as->asn);
		jsonw_member_string(w, "as_name", study_text(st, as->name));
		jsonw_member_uint(w, "hosts", f->ases.v[i].hosts);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	json_tallies(w, "countries", &f->countries);
	json_tallies(w, "domains", &f->domains);
	jsonw_member_uint(w, "certificates", f->certs.n);
	jsonw_member_uint(
	    w, "hosts_of_most_used_certificate", f->certs.n > 0 ? f->certs.v[0].hosts : 0);
	jsonw_member_uint(w, "hosts_with_trusted_certificate", f->trusted);
	jsonw_member_uint(w, "hosts_with_wildcard_name", f->wildcards);
	jsonw_member_uint(w, "keys_over_several_ases", f->bridges);
	jsonw_key(w, "density");
	jsonw_double(w, f->density, 4);
	jsonw_key(w, "hub");
	jsonw_object(w);
	jsonw_member_string(w, "ip", ip_format(&st->hosts[f->hub].ip, ip));
	jsonw_member_uint(w, "partners", st->hosts[f->hub].nrcs);
	jsonw_end_object(w);
	json_cuts(k, f);
	json_may_be(w, f);
	jsonw_key(w, "smelly");
	jsonw_bool(w, explain_is_smelly(st, cluster));
	json_keys(k, c);
	json_weak_keys(k, c);
	if (k->o->repair)
		json_plan(k, f);
	jsonw_end_object(w);
}

/* --- text and CSV ------------------------------------------------------------ */

static void
text_as(struct buf *out, const struct study *st, uint32_t as)
{
	const char *name = study_text_or_empty(st, st->ases[as].name);

	if (st->ases[as].asn != 0)
		buf_printf(out, "AS%u ", st->ases[as].asn);
	else if (name[0] == '\0')
		buf_adds(out, "AS unknown");
	text_plain(out, name, strlen(name), 60);
}

static void
text_list(struct buf *out, const char *head, const struct tallies *t)
{
	if (t->n == 0)
		return;
	buf_printf(out, "%s", head);
	for (size_t i = 0; i < t->n && i < NAMES_SHOWN; i++) {
		const char *s = t->v[i].text != NULL && t->v[i].text[0] != '\0' ? t->v[i].text
										: "unknown";

		buf_adds(out, i > 0 ? ", " : "");
		text_plain(out, s, strlen(s), 60);
		buf_printf(out, " (%u)", t->v[i].hosts);
	}
	if (t->n > NAMES_SHOWN)
		buf_printf(out, " and %zu more", t->n - NAMES_SHOWN);
	buf_adds(out, "\n");
}

static void
text_ports(struct buf *out, unsigned ports)
{
	bool first = true;

	for (int row = 0; row < NPORTS; row++) {
		if (!(ports >> row & 1))
			continue;
		buf_printf(out, "%s%u", first ? "" : ",", port_table[row].port);
		first = false;
	}
}

static void
text_cuts(struct buf *out, const struct study *st, const struct facts *f)
{
	char ip[IP_STRLEN];
	uint32_t shown = 0;

	if (f->cuts.n == 0) {
		buf_adds(out, "no single host or key holds it together\n");
		return;
	}
	for (uint32_t i = 0; i < f->cuts.n && shown < NAMES_SHOWN; i++, shown++) {
		const struct cut *c = &f->cuts.v[i];

		buf_adds(out, c->is_key ? "without key " : "without host ");
		if (c->is_key)
			key_text(out, st, c->number);
		else
			buf_adds(out, ip_format(&st->hosts[c->number].ip, ip));
		buf_printf(out, " it falls into %u parts:", c->parts.n);
		for (uint32_t p = 0; p < c->parts.n && p < NAMES_SHOWN; p++)
			buf_printf(out, " %u", f->cuts.parts[c->parts.at + p]);
		buf_adds(out, c->parts.n > NAMES_SHOWN ? " …\n" : "\n");
	}
	if (f->cuts.n > shown)
		buf_printf(out, "and %u more hosts and keys that split it\n", f->cuts.n - shown);
}

static void
text_plan(struct asking *k, const struct facts *f)
{
	const struct study *st = k->st;
	struct buf *out = k->out;
	struct plan p;
	char ip[IP_STRLEN];

	make_plan(k, f->c, &p);
	buf_printf(out,
	    "\nRepair: %u shared keys at %u operators, %zu changes.  Whoever holds a shared key "
	    "knows the others' secret, so all of them replace it; were one to keep each key, %u "
	    "changes would do, and that one would have to be trusted not to use it.\n",
	    p.keys, p.operators, p.n, p.least);
	for (size_t i = 0; i < p.n; i++) {
		const struct task *t = &p.v[i];

		text_plain(out, t->operator, strlen(t->operator), 70);
		buf_printf(out, ": change key ");
		key_text(out, st, t->key);
		buf_adds(out, " (port ");
		text_ports(out, ports_of_key(st, t->key));
		buf_printf(out, ") on %u host%s:", t->n, t->n == 1 ? "" : "s");
		for (uint32_t h = 0; h < t->n && h < NAMES_SHOWN; h++)
			buf_printf(out, " %s", ip_format(&st->hosts[t->hosts[h]].ip, ip));
		if (t->n > NAMES_SHOWN)
			buf_printf(out, " and %u more (-f json lists all)", t->n - NAMES_SHOWN);
		buf_adds(out, "\n");
	}
	plan_fini(&p);
}

/* Weak keys that one host has; the shared ones are told where they are listed. */
static void
text_weak(struct asking *k, const struct study_cluster *c)
{
	const struct study *st = k->st;
	uint32_t shown = 0, left = 0;
	char ip[IP_STRLEN];

	for (uint32_t i = c->nshared; i < c->keys.n; i++) {
		uint32_t key = study_cluster_key(st, c, i);

		if (k->weak.first[key] == 0)
			continue;
		if (shown == 2 * NAMES_SHOWN) {
			left++;
			continue;
		}
		buf_adds(k->out, shown++ == 0 ? "\nOther weak keys\n  " : "  ");
		key_text(k->out, st, key);
		buf_printf(k->out, " on %s, port ",
		    ip_format(&st->hosts[st->uses[st->keys[key].uses.at].host].ip, ip));
		text_ports(k->out, ports_of_key(st, key));
		weak_text(k, key);
		buf_adds(k->out, "\n");
	}
	if (left > 0)
		buf_printf(k->out, "  and %u more\n", left);
}

static void
text_cluster(struct asking *k, uint32_t cluster, const struct facts *f)
{
	const struct study *st = k->st;
	const struct study_cluster *c = f->c;
	struct tallies ases = { NULL, 0, 0 };
	struct buf *out = k->out;
	char ip[IP_STRLEN];

	buf_printf(out, "%sCluster %u%s: %u hosts, %u shared key%s, %u AS%s\n",
	    k->o->colour ? "\033[1m" : "", c->id, k->o->colour ? "\033[0m" : "", c->hosts.n,
	    c->nshared, c->nshared == 1 ? "" : "s", c->nases, c->nases == 1 ? "" : "es");
	for (size_t i = 0; i < f->ases.n && i < NAMES_SHOWN; i++) {
		buf_adds(out, "  ");
		text_as(out, st, f->ases.v[i].number);
		buf_printf(
		    out, ": %u host%s\n", f->ases.v[i].hosts, f->ases.v[i].hosts == 1 ? "" : "s");
	}
	if (f->ases.n > NAMES_SHOWN)
		buf_printf(out, "  and %zu more ASes\n", f->ases.n - NAMES_SHOWN);
	text_list(out, "countries: ", &f->countries);
	text_list(out, "domains of its names: ", &f->domains);
	buf_printf(out,
	    "certificates: %zu, the most used one on %u hosts; %u hosts with one that browsers "
	    "trust, %u with a wildcard name\n",
	    f->certs.n, f->certs.n > 0 ? f->certs.v[0].hosts : 0, f->trusted, f->wildcards);
	buf_printf(out, "of all pairs of hosts %.1f %% share a key; %s shares with %u others\n",
	    100 * f->density, ip_format(&st->hosts[f->hub].ip, ip), st->hosts[f->hub].nrcs);
	buf_adds(out, "\nShared keys\n");
	for (uint32_t i = 0; i < c->nshared && i < 2 * NAMES_SHOWN; i++) {
		uint32_t key = study_cluster_key(st, c, i);

		buf_adds(out, "  ");
		key_text(out, st, key);
		buf_printf(out, " %s, port ", st->keys[key].ssh ? "ssh" : "tls");
		text_ports(out, ports_of_key(st, key));
		buf_printf(
		    out, ": %u hosts, %u ASes", st->keys[key].nhosts, ases_of_key(st, key, &ases));
		weak_text(k, key);
		buf_adds(out, "\n");
	}
	if (c->nshared > 2 * NAMES_SHOWN)
		buf_printf(out, "  and %u more\n", c->nshared - 2 * NAMES_SHOWN);
	free(ases.v);
	text_weak(k, c);
	buf_adds(out, "\nWhat holds it together\n");
	text_cuts(out, st, f);
	buf_adds(out, "\nWhat it may be\n");
	for (unsigned i = 0; i < f->nmay_be; i++) {
		buf_printf(out, "%s  %s\n", why_name(f->may_be[i].what), f->may_be[i].pro);
		if (f->may_be[i].contra[0] != '\0')
			buf_printf(out, "  against it: %s\n", f->may_be[i].contra);
	}
	buf_printf(out, "the studies' own test: %s\n",
	    explain_is_smelly(st, cluster) ? "not one host with several addresses"
					   : "it can be one host with several addresses");
	if (k->o->repair)
		text_plan(k, f);
	buf_adds(out, "\n");
}

static const struct print_column cluster_columns[] = { { "cluster" }, { "size" }, { "shared_keys" },
	{ "ases" }, { "countries" }, { "certificates" }, { "hosts_with_trusted_certificate" },
	{ "hosts_with_wildcard_name" }, { "density" }, { "cut_hosts" }, { "cut_keys" },
	{ "may_be" }, { "smelly" }, { "weak_keys" }, { NULL } };

static const struct print_column plan_columns[] = { { "cluster" }, { "operator" }, { "key" },
	{ "ip" }, { NULL } };

static void
csv_cluster(struct asking *k, uint32_t cluster, const struct facts *f)
{
	const struct study_cluster *c = f->c;
	struct print *p = &k->csv;
	uint32_t hosts = 0;

	for (uint32_t i = 0; i < f->cuts.n; i++)
		hosts += !f->cuts.v[i].is_key;
	print_uint(p, c->id);
	print_uint(p, c->hosts.n);
	print_uint(p, c->nshared);
	print_uint(p, c->nases);
	print_uint(p, f->countries.n);
	print_uint(p, f->certs.n);
	print_uint(p, f->trusted);
	print_uint(p, f->wildcards);
	print_double(p, f->density, 4);
	print_uint(p, hosts);
	print_uint(p, f->cuts.n - hosts);
	print_string(p, why_word(f->may_be[0].what));
	print_uint(p, explain_is_smelly(k->st, cluster));
	if (k->st->findings != NULL)
		print_uint(p, count_weak(k, c));
	else
		print_none(p);
	print_row(p);
}

/* One row a task. */
static void
csv_plan(struct asking *k, const struct facts *f)
{
	const struct study *st = k->st;
	struct print *out = &k->csv;
	struct plan p;
	char ip[IP_STRLEN];

	make_plan(k, f->c, &p);
	for (size_t i = 0; i < p.n; i++) {
		for (uint32_t h = 0; h < p.v[i].n; h++) {
			print_uint(out, f->c->id);
			print_string(out, p.v[i].operator);
			if (st->keys[p.v[i].key].named)
				print_hex(out, st->keys[p.v[i].key].fp, KEY_LEN);
			else
				print_none(out);
			print_string(out, ip_format(&st->hosts[p.v[i].hosts[h]].ip, ip));
			print_row(out);
		}
	}
	plan_fini(&p);
}

static void
one_cluster(struct asking *k, uint32_t cluster)
{
	struct facts f;

	find_facts(k, cluster, &f);
	if (k->o->format == PRINT_JSON)
		json_cluster(k, cluster, &f);
	else if (k->o->format == PRINT_TEXT)
		text_cluster(k, cluster, &f);
	else if (k->o->repair)
		csv_plan(k, &f);
	else
		csv_cluster(k, cluster, &f);
	facts_fini(&f);
}

/* Numbers of the wanted clusters; false after a message about one that is not there. */
static bool
choose(const struct asking *k, uint32_t **v, size_t *n)
{
	const struct cluster_options *o = k->o;

	*n = o->ids == NULL ? k->st->nclusters : o->nids;
	*v = xcalloc(*n + 1, sizeof(**v));
	for (size_t i = 0; i < *n; i++) {
		(*v)[i] = o->ids == NULL ? (uint32_t)i : study_find_cluster(k->st, o->ids[i]);
		if ((*v)[i] != STUDY_NONE)
			continue;
		log_error(
		    "%s has no cluster %u; there are %u", o->path, o->ids[i], k->st->nclusters);
		return false;
	}
	return true;
}

int
query_cluster(const struct cluster_options *o, struct buf *out)
{
	struct asking k = { .o = o, .out = out };
	/* One cluster alone is all that needs to be read for it. */
	uint32_t only = o->ids != NULL && o->nids == 1 ? o->ids[0] : 0;
	struct study *st = study_open(
	    o->path, STUDY_CLUSTERED | STUDY_FACTS | STUDY_NAMES | STUDY_FINDINGS, only);
	uint32_t *v = NULL;
	size_t n = 0;
	int rc = 0;

	if (st == NULL)
		return 1;
	k.st = st;
	k.psl = psl_builtin();
	finding_index_init(&k.weak, st->findings, st->nkeys);
	strpool_init(&k.texts);
	jsonw_init(&k.w, NULL);
	print_init(&k.csv, PRINT_CSV, out, false);
	if (!choose(&k, &v, &n)) {
		rc = 2;
		goto out;
	}
	if (o->format == PRINT_JSON && (n != 1 || o->ids == NULL))
		jsonw_array(&k.w);
	if (o->format == PRINT_CSV)
		print_table(&k.csv, NULL, o->repair ? plan_columns : cluster_columns);
	for (size_t i = 0; i < n; i++)
		one_cluster(&k, v[i]);
	if (o->format == PRINT_JSON) {
		if (n != 1 || o->ids == NULL)
			jsonw_end_array(&k.w);
		jsonw_newline(&k.w);
		buf_add(out, k.w.out.data, k.w.out.len);
	}
out:
	free(v);
	jsonw_fini(&k.w);
	print_fini(&k.csv);
	strpool_fini(&k.texts);
	finding_index_fini(&k.weak);
	study_free(st);
	return rc;
}
