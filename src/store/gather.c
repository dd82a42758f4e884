/* What older files tell, by host, and the study of it. */
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/unionfind.h"

#include "gather.h"

/* Names of one host: those of NPORTS certificates and a few more. */
#define NAMES_MAX (NPORTS * (HOST_SANS_MAX + 1) + 16)

struct gather *
gather_new(void)
{
	struct gather *im = xcalloc(1, sizeof(*im));

	im->b = study_builder_new();
	hashtab_init(&im->ips);
	hashtab_init(&im->numbers);
	return im;
}

void
gather_free(struct gather *im)
{
	if (im == NULL)
		return;
	study_builder_free(im->b);
	hashtab_fini(&im->ips);
	hashtab_fini(&im->numbers);
	free(im->hosts);
	free(im->parent);
	free(im->slots);
	free(im->facts);
	free(im->names);
	free(im->uses);
	free(im->cut);
	free(im);
}

static uint32_t
find_host(const struct gather *im, const struct ip *ip, uint32_t *hash)
{
	size_t at;

	*hash = hashtab_hash(&im->ips, ip, sizeof(*ip));
	for (uint32_t i = hashtab_first(&im->ips, *hash, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&im->ips, *hash, &at)) {
		if (ip_cmp(&im->hosts[i].ip, ip) == 0)
			return i;
	}
	return STUDY_NONE;
}

uint32_t
gather_known_host(const struct gather *im, const char *text, size_t len)
{
	struct ip ip;
	uint32_t hash;

	return ip_parse_any(text, len, &ip) ? find_host(im, &ip, &hash) : STUDY_NONE;
}

uint32_t
gather_host(struct gather *im, const char *text, size_t len)
{
	struct ip ip;
	uint32_t i, hash;

	if (!ip_parse_any(text, len, &ip)) {
		im->bad++;
		return STUDY_NONE;
	}
	if ((i = find_host(im, &ip, &hash)) != STUDY_NONE)
		return i;
	i = im->nhosts++;
	mem_grow(&im->hosts, &im->cap_hosts, im->nhosts, sizeof(*im->hosts));
	mem_grow(&im->parent, &im->cap_parent, im->nhosts, sizeof(*im->parent));
	mem_grow(&im->slots, &im->cap_slots, (size_t)im->nhosts * NPORTS, sizeof(*im->slots));
	im->hosts[i] = (struct host_entry){ .ip = ip,
		.as = STUDY_NONE,
		.first_name = STUDY_NONE,
		.last_name = STUDY_NONE,
		.verdict = HOST_UNKNOWN };
	im->parent[i] = i;
	for (int row = 0; row < NPORTS; row++)
		*gather_slot(im, i, row) = (struct slot){ STUDY_NONE, STUDY_NONE, false };
	hashtab_put(&im->ips, hash, i);
	return i;
}

struct slot *
gather_slot(struct gather *im, uint32_t host, int row)
{
	return &im->slots[(size_t)host * NPORTS + (size_t)row];
}

void
gather_as(struct gather *im, uint32_t host, uint32_t asn, const char *name, size_t len)
{
	struct host_entry *h = &im->hosts[host];

	if (h->as != STUDY_NONE) /* clusters.json, which comes first, has the name as delivered */
		return;
	h->as = study_builder_as(im->b, asn, name, len);
	h->as_name = study_builder_text(im->b, name, len);
}

void
gather_join(struct gather *im, uint32_t host, uint32_t other)
{
	unionfind_join(im->parent, host, other);
}

void
gather_use(struct gather *im, uint32_t host, int row, uint32_t key)
{
	mem_grow(&im->uses, &im->cap_uses, (size_t)im->nuses + 1, sizeof(*im->uses));
	im->uses[im->nuses++] = (struct use_entry){ host, key, (uint8_t)row };
}

struct facts *
gather_facts(struct gather *im, uint32_t host, int row)
{
	struct slot *s = gather_slot(im, host, row);

	if (s->facts != STUDY_NONE)
		return &im->facts[s->facts];
	mem_grow(&im->facts, &im->cap_facts, (size_t)im->nfacts + 1, sizeof(*im->facts));
	s->facts = im->nfacts++;
	im->facts[s->facts] = (struct facts){ .bits = -1,
		.cipher = -1,
		.trusted = FACT_UNKNOWN,
		.self_signed = FACT_UNKNOWN,
		.timely = FACT_UNKNOWN };
	return &im->facts[s->facts];
}

struct name_entry *
gather_find_name(const struct gather *im, uint32_t host, const struct study_name *key)
{
	for (uint32_t i = im->hosts[host].first_name; i != STUDY_NONE; i = im->names[i].next) {
		const struct study_name *n = &im->names[i].name;

		if (n->source == key->source && n->port == key->port && n->san == key->san)
			return &im->names[i];
	}
	return NULL;
}

struct name_entry *
gather_name(struct gather *im, uint32_t host, const struct study_name *name)
{
	struct host_entry *h = &im->hosts[host];

	if (h->nnames == NAMES_MAX) {
		im->bad++;
		return NULL;
	}
	h->nnames++;
	mem_grow(&im->names, &im->cap_names, (size_t)im->nnames + 1, sizeof(*im->names));
	im->names[im->nnames] =
	    (struct name_entry){ .name = *name, .seen = TIME_UNKNOWN, .next = STUDY_NONE };
	if (h->last_name == STUDY_NONE)
		h->first_name = im->nnames;
	else
		im->names[h->last_name].next = im->nnames;
	h->last_name = im->nnames;
	return &im->names[im->nnames++];
}

static int
by_record(const void *pa, const void *pb, void *arg)
{
	const struct gather *im = arg;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	const struct host_entry *x = &im->hosts[a], *y = &im->hosts[b];

	if (x->record != y->record)
		return x->record < y->record ? -1 : 1;
	return a < b ? -1 : a > b;
}

static int
by_host_port_key(const void *pa, const void *pb)
{
	const struct use_entry *a = pa, *b = pb;

	if (a->host != b->host)
		return a->host < b->host ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return a->key < b->key ? -1 : a->key > b->key;
}

/* The PTR name; then by port the banner, the DN, the SANs. */
static uint32_t
name_rank(const struct study_name *n)
{
	if (n->source == NAME_RDNS)
		return 0;
	return 1U << 31 | (uint32_t)n->port << 20 | (uint32_t)n->source << 17 | n->san;
}

static int
by_rank(const void *pa, const void *pb, void *arg)
{
	const struct gather *im = arg;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	uint32_t x = name_rank(&im->names[a].name), y = name_rank(&im->names[b].name);

	if (x != y)
		return x < y ? -1 : 1;
	return a < b ? -1 : a > b;
}

/* The answer that a name with another address had. */
static uint32_t
put_answer(struct gather *im, const struct name_entry *e)
{
	struct study_answer a = { .name = e->name.text,
		.type = e->address.family == 6 ? DNS_AAAA : DNS_A,
		.outcome = DNS_NOERROR,
		.at = e->seen,
		.addresses = { 0, 1 } };

	return study_builder_answer(im->b, &a, &e->address, NULL);
}

static void
put_names(struct gather *im, const struct host_entry *h, uint32_t host)
{
	uint32_t *order = NULL, n = 0;
	size_t cap = 0;

	for (uint32_t i = h->first_name; i != STUDY_NONE; i = im->names[i].next) {
		mem_grow(&order, &cap, (size_t)n + 1, sizeof(*order));
		order[n++] = i;
	}
	if (n > 0)
		qsort_r(order, n, sizeof(*order), by_rank, im);
	for (uint32_t i = 0; i < n; i++) {
		struct name_entry *e = &im->names[order[i]];

		if (e->address.family != 0)
			e->name.answer = put_answer(im, e);
		if (e->name.source == NAME_RDNS)
			study_builder_host(im->b, host)->rdns = e->name.text;
		study_builder_name(im->b, host, &e->name);
	}
	free(order);
}

/* The first key of a port has the facts that are told of it. */
static void
put_grab(struct gather *im, uint32_t host, int row, uint32_t key, const struct facts *f)
{
	struct study_grab g = study_grab_plain(host, (uint8_t)row, key);

	if (f != NULL) {
		g.alg = f->alg;
		g.curve = f->curve;
		g.version = f->version;
		g.software = f->software;
		g.bits = f->bits;
		g.cipher = f->cipher;
		g.trusted = f->trusted;
		g.timely = f->timely;
	}
	if (f != NULL && f->self_signed != FACT_UNKNOWN) {
		struct study_cert c;

		memset(&c, 0, sizeof(c));
		c.key = key;
		c.self_signed = f->self_signed;
		c.not_before = c.not_after = TIME_UNKNOWN;
		g.cert = study_builder_cert(im->b, &c);
	}
	study_builder_grab(im->b, &g);
}

/*
 * All keys of a port, each once: first that of fprints, then those that
 * uses have from at on.  Returns where the next port's begin.
 */
static uint32_t
put_port(struct gather *im, uint32_t from, uint32_t host, int row, uint32_t at)
{
	const struct slot *s = gather_slot(im, from, row);
	const struct facts *f = s->facts != STUDY_NONE ? &im->facts[s->facts] : NULL;
	uint32_t n = 0, last = s->key;

	if (s->key != STUDY_NONE) {
		put_grab(im, host, row, s->key, f);
		n++;
	}
	for (; at < im->nuses && im->uses[at].host == from && im->uses[at].port == row; at++) {
		uint32_t key = im->uses[at].key;

		if (key == s->key || key == last)
			continue;
		last = key;
		if (n < HOST_GRABS_MAX)
			put_grab(im, host, row, key, n == 0 ? f : NULL);
		else
			im->bad++; /* no port shows so many */
		n++;
	}
	if (n == 0 && s->odd) /* nobody says who else has it */
		put_grab(im, host, row, study_builder_unnamed_key(im->b, port_table[row].kind), f);
	return at;
}

/* Hand a host over, whose uses begin at that place. */
static void
put_host(struct gather *im, uint32_t from, uint32_t at)
{
	const struct host_entry *h = &im->hosts[from];
	uint32_t host = study_builder_address(im->b, &h->ip);
	struct study_host *sh = study_builder_host(im->b, host);

	sh->record = h->record;
	sh->verdict = h->verdict;
	sh->writer = h->writer;
	sh->as_name = h->as_name;
	sh->as = h->as;
	for (int row = 0; row < NPORTS; row++)
		at = put_port(im, from, host, row, at);
	put_names(im, h, host);
}

/* Host by host in the order of records; now gets their numbers in the study. */
static void
put_hosts(struct gather *im, uint32_t *now)
{
	uint32_t *order = xcalloc((size_t)im->nhosts + 1, sizeof(*order));
	uint32_t *first = xcalloc((size_t)im->nhosts + 1, sizeof(*first));

	for (uint32_t i = 0; i < im->nhosts; i++) {
		order[i] = i;
		first[i] = im->nuses; /* none */
	}
	qsort_r(order, im->nhosts, sizeof(*order), by_record, im);
	if (im->nuses > 0)
		qsort(im->uses, im->nuses, sizeof(*im->uses), by_host_port_key);
	for (uint32_t i = im->nuses; i-- > 0;)
		first[im->uses[i].host] = i;
	for (uint32_t i = 0; i < im->nhosts; i++) {
		now[order[i]] = i;
		put_host(im, order[i], first[order[i]]);
	}
	for (uint32_t i = 0; i < im->nhosts; i++) {
		uint32_t root = unionfind_root(im->parent, i);

		if (root != i)
			study_builder_join(im->b, now[root], now[i]);
	}
	free(order);
	free(first);
}

/* A cluster has the lowest number that its hosts had in clusters.json; others follow those. */
static uint32_t *
cluster_ids(const struct gather *im, const struct study *st, const uint32_t *now)
{
	uint32_t *ids = xcalloc((size_t)st->nclusters + 1, sizeof(*ids)), last = 0;

	for (uint32_t i = 0; i < im->nhosts; i++) {
		uint32_t c = st->hosts[now[i]].cluster, id = im->hosts[i].id;

		if (c != STUDY_NONE && id != 0 && (ids[c] == 0 || id < ids[c]))
			ids[c] = id;
		if (id > last)
			last = id;
	}
	for (uint32_t c = 0; c < st->nclusters; c++) {
		if (last > UINT32_MAX - st->nclusters) /* no room after them: numbers of ours */
			ids[c] = c + 1;
		else if (ids[c] == 0)
			ids[c] = ++last;
	}
	return ids;
}

struct study *
gather_finish(struct gather *im)
{
	uint32_t *now = xcalloc((size_t)im->nhosts + 1, sizeof(*now)), *ids;
	unsigned parts = STUDY_CLUSTERED;
	struct study *st;

	if (im->all_hosts)
		parts |= STUDY_OTHERS;
	if (im->any_facts)
		parts |= STUDY_FACTS;
	if (im->any_names)
		parts |= STUDY_NAMES;
	study_builder_parts(im->b, parts);
	put_hosts(im, now);
	st = study_builder_finish(im->b, NULL);
	im->b = NULL;
	ids = cluster_ids(im, st, now);
	study_cluster_ids(st, ids);
	st->bad = im->bad;
	st->odd_keys = im->odd_keys;
	free(ids);
	free(now);
	return st;
}
