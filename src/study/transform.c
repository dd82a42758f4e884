/* Pure. */
#include <stdlib.h>
#include <string.h>

#include "survey/answers.h"
#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/publickey.h"
#include "survey/transform.h"
#include "survey/unionfind.h"

struct adding {
	struct study_builder *b;
	const struct study *st;
	const struct study_map *map;
	uint32_t run0; /* number that st's first run gets */
	uint32_t *hosts, *keys, *certs,
	    *answers; /* by number in st: in the builder plus one; 0 not yet */
	struct buf text;
	uint32_t *host_of; /* by host of the builder; or NULL */
	size_t cap_host_of;
};

static uint32_t
map_text(struct adding *a, enum study_text_kind kind, uint32_t text)
{
	const char *s = study_text(a->st, text);

	if (s == NULL)
		return STUDY_NO_TEXT;
	if (a->map->text == NULL)
		return study_builder_text(a->b, s, strlen(s));
	buf_clear(&a->text);
	a->map->text(a->map->arg, kind, s, &a->text);
	return study_builder_text(a->b, a->text.data, a->text.len);
}

static uint32_t
map_as(struct adding *a, uint32_t host, uint32_t *asn)
{
	const char *s = study_text(a->st, a->st->hosts[host].as_name);

	buf_clear(&a->text);
	if (a->map->as != NULL)
		a->map->as(a->map->arg, a->st, host, asn, s, &a->text);
	else if (s != NULL)
		buf_adds(&a->text, s);
	return study_builder_text(a->b, a->text.data, a->text.len);
}

/* host: STUDY_NONE for an address of an answer. */
static struct ip
map_address(const struct adding *a, uint32_t host, const struct ip *ip)
{
	return a->map->address != NULL ? a->map->address(a->map->arg, a->st, host, ip) : *ip;
}

/* The facts of a run hold their own texts until they are taken over. */
static void
add_run(struct adding *a, const struct study_run *r)
{
	const uint32_t texts[] = { r->name, r->program, r->source, r->countries, r->config_sha256,
		r->tools };
	struct study_run_facts f;
	const char **to[] = { &f.name, &f.program, &f.source, &f.countries, &f.config_sha256,
		&f.tools };
	char *copies[6];

	study_run_facts_init(&f);
	f.began = r->began;
	f.ended = r->ended;
	f.scan_date = r->scan_date;
	f.seed = r->seed;
	f.shard = r->shard;
	f.shards = r->shards;
	f.pairs_up_to = r->pairs_up_to;
	f.lines = r->lines;
	f.refused = r->refused;
	for (size_t i = 0; i < 6; i++) {
		const char *s = study_text(a->st, texts[i]);

		buf_clear(&a->text);
		if (s != NULL && a->map->text != NULL)
			a->map->text(a->map->arg, TEXT_RUN, s, &a->text);
		else if (s != NULL)
			buf_adds(&a->text, s);
		copies[i] = a->text.len > 0 ? xstrdup(a->text.data) : NULL;
		*to[i] = copies[i];
	}
	if (a->map->run != NULL)
		a->map->run(a->map->arg, &f);
	study_builder_run(a->b, &f);
	for (size_t i = 0; i < 6; i++)
		free(copies[i]);
}

static uint32_t
add_key(struct adding *a, uint32_t key)
{
	const struct study_key *k = &a->st->keys[key];
	struct study_key *to;
	uint8_t fp[KEY_LEN];
	uint32_t curve;

	if (a->keys[key] != 0)
		return a->keys[key] - 1;
	if (!k->named) {
		a->keys[key] = study_builder_unnamed_key(a->b, k->kind) + 1;
		return a->keys[key] - 1;
	}
	memcpy(fp, k->fp, KEY_LEN);
	if (a->map->fingerprint != NULL)
		a->map->fingerprint(a->map->arg, a->st, key, fp);
	a->keys[key] = study_builder_key(a->b, fp, k->kind) + 1;
	curve = a->map->no_public ? STUDY_NO_TEXT : map_text(a, TEXT_CURVE, k->curve);
	to = study_builder_key_facts(a->b, a->keys[key] - 1);
	if (!a->map->no_public && to->public_key != PUBLIC_OK) {
		to->public_key = k->public_key;
		to->type = k->type;
		to->bits = k->bits;
		to->curve = curve;
		to->public_at = key;
	}
	return a->keys[key] - 1;
}

static bool
says_something(const struct study_cert *c)
{
	return c->has_sha256 || c->serial != STUDY_NO_TEXT || c->subject != STUDY_NO_TEXT ||
	       c->issuer != STUDY_NO_TEXT || c->not_before != TIME_UNKNOWN ||
	       c->not_after != TIME_UNKNOWN || c->self_signed != FACT_UNKNOWN;
}

static uint32_t
add_cert(struct adding *a, uint32_t cert)
{
	struct study_cert c;

	if (cert == STUDY_NONE)
		return STUDY_NONE;
	if (a->certs[cert] != 0)
		return a->certs[cert] - 1;
	c = a->st->certs[cert];
	c.key = add_key(a, c.key);
	c.serial = map_text(a, TEXT_CERT, c.serial);
	c.subject = map_text(a, TEXT_CERT, c.subject);
	c.issuer = map_text(a, TEXT_CERT, c.issuer);
	if (a->map->cert != NULL)
		a->map->cert(a->map->arg, &c);
	if (!says_something(&c))
		return STUDY_NONE;
	a->certs[cert] = study_builder_cert(a->b, &c) + 1;
	return a->certs[cert] - 1;
}

static void
add_grab(struct adding *a, uint32_t host, const struct study_grab *from)
{
	struct study_grab g = *from;

	g.host = host;
	g.key = add_key(a, from->key);
	g.cert = add_cert(a, from->cert);
	g.grab = map_text(a, TEXT_GRAB, from->grab);
	g.alg = map_text(a, TEXT_ALG, from->alg);
	g.curve = map_text(a, TEXT_CURVE, from->curve);
	g.version = map_text(a, TEXT_VERSION, from->version);
	g.software = map_text(a, TEXT_SOFTWARE, from->software);
	g.kex = map_text(a, TEXT_KEX, from->kex);
	if (a->map->grab != NULL)
		a->map->grab(a->map->arg, &g);
	study_builder_grab(a->b, &g);
}

static uint32_t
answer_of(const struct adding *a, uint32_t answer)
{
	return answer == STUDY_NONE || a->answers[answer] == 0 ? STUDY_NONE
							       : a->answers[answer] - 1;
}

static bool
is_kept(const struct adding *a, uint32_t host)
{
	return a->map->keep == NULL || a->map->keep(a->map->arg, a->st, host);
}

static bool
is_named(const struct adding *a, uint32_t host)
{
	return a->map->named == NULL || a->map->named(a->map->arg, a->st, host);
}

static void
add_host(struct adding *a, uint32_t number)
{
	const struct study *st = a->st;
	const struct study_host *from = &st->hosts[number];
	struct ip ip = map_address(a, number, &from->ip);
	uint32_t host, as_name, asn = st->ases[from->as].asn;
	bool named = is_named(a, number);
	struct study_host *h, keep;

	if (study_builder_find(a->b, &ip) != STUDY_NONE)
		return;
	host = study_builder_address(a->b, &ip);
	a->hosts[number] = host + 1;
	if (a->host_of != NULL || a->cap_host_of > 0) {
		mem_grow(&a->host_of, &a->cap_host_of, (size_t)host + 1, sizeof(*a->host_of));
		a->host_of[host] = number;
	}
	if (a->map->begin != NULL)
		a->map->begin(a->map->arg, st, number);
	as_name = map_as(a, number, &asn);
	h = study_builder_host(a->b, host);
	keep = *h; /* what the builder has put there */
	*h = *from;
	h->ip = ip;
	h->run = a->run0 + from->run;
	h->as_name = as_name;
	h->writer = map_text(a, TEXT_WRITER, from->writer);
	h->rdns = named ? map_text(a, TEXT_NAME, from->rdns) : STUDY_NO_TEXT;
	h->ptr = named ? answer_of(a, from->ptr) : STUDY_NONE;
	h->cluster = keep.cluster;
	h->grabs = keep.grabs;
	h->names = keep.names;
	if (a->map->by_address)
		h->record = host;
	if (a->map->host != NULL)
		a->map->host(a->map->arg, h);
	h->as = asn != 0 || as_name != STUDY_NO_TEXT ? study_builder_as_text(a->b, asn, as_name)
						     : STUDY_NONE;
	for (uint32_t i = from->grabs.at; i < from->grabs.at + from->grabs.n; i++) {
		if (a->map->shows == NULL || a->map->shows(a->map->arg, st, i))
			add_grab(a, host, &st->grabs[i]);
	}
	for (uint32_t i = from->names.at; i < from->names.at + from->names.n && named; i++) {
		struct study_name n = st->names[i];

		n.text = map_text(a, TEXT_NAME, n.text);
		n.answer = answer_of(a, n.answer);
		study_builder_name(a->b, host, &n);
	}
}

/* Answers lie by name and type, which the map may have changed. */
struct mapped_answer {
	uint32_t number, name;
	const char *text; /* of the mapped name; set when no text moves any more */
	uint8_t type;
};

static int
by_name_and_type(const void *pa, const void *pb)
{
	const struct mapped_answer *x = pa, *y = pb;
	int c = strcmp(x->text, y->text);

	if (c == 0)
		c = (int)x->type - (int)y->type;
	return c != 0 ? c : (x->number < y->number ? -1 : x->number > y->number);
}

/* Mark the answers that are wanted: all, or those that names of kept hosts point to. */
static void
want_answers(const struct adding *a, bool *wanted)
{
	const struct study *st = a->st;

	for (uint32_t i = 0; i < st->nanswers; i++)
		wanted[i] = !a->map->used_answers &&
			    (a->map->answer == NULL || a->map->answer(a->map->arg, st, i));
	for (uint32_t i = 0; i < st->nhosts && a->map->used_answers; i++) {
		const struct study_host *h = &st->hosts[i];

		if (!is_kept(a, i) || !is_named(a, i))
			continue;
		for (uint32_t k = h->names.at; k < h->names.at + h->names.n; k++) {
			if (st->names[k].answer != STUDY_NONE)
				wanted[st->names[k].answer] = true;
		}
	}
}

static void
add_answers(struct adding *a)
{
	const struct study *st = a->st;
	struct mapped_answer *m = xcalloc((size_t)st->nanswers + 1, sizeof(*m));
	bool *wanted = xcalloc((size_t)st->nanswers + 1, sizeof(*wanted));
	struct ip *addresses = NULL;
	uint32_t *targets = NULL, n = 0;
	size_t cap_addresses = 0, cap_targets = 0;

	want_answers(a, wanted);
	for (uint32_t i = 0; i < st->nanswers; i++) {
		if (!wanted[i])
			continue;
		m[n++] = (struct mapped_answer){ .number = i,
			.name = map_text(a, TEXT_QUESTION, st->answers[i].name),
			.type = st->answers[i].type };
	}
	for (uint32_t i = 0; i < n; i++)
		m[i].text = study_builder_text_of(a->b, m[i].name);
	qsort(m, n, sizeof(*m), by_name_and_type);
	for (uint32_t i = 0; i < n; i++) {
		const struct study_answer *from = &st->answers[m[i].number];
		struct study_answer to = *from;

		mem_grow(&addresses, &cap_addresses, from->addresses.n, sizeof(*addresses));
		to.addresses.n = to.targets.n = 0;
		for (uint32_t k = 0; k < from->addresses.n; k++) {
			struct ip ip = map_address(
			    a, STUDY_NONE, &st->addresses[from->addresses.at + k]);

			if (ip.family != 0)
				addresses[to.addresses.n++] = ip;
		}
		mem_grow(&targets, &cap_targets, from->targets.n, sizeof(*targets));
		for (uint32_t k = 0; k < from->targets.n; k++) {
			uint32_t text = map_text(a, TEXT_NAME, st->targets[from->targets.at + k]);

			if (text != STUDY_NO_TEXT)
				targets[to.targets.n++] = text;
		}
		/* What it had is gone; that it exists, and leads elsewhere, is not. */
		if (a->map->answer != NULL && to.outcome == DNS_NOERROR &&
		    to.addresses.n + to.targets.n == 0 && from->addresses.n + from->targets.n > 0)
			to.outcome = DNS_NODATA;
		to.name = m[i].name;
		a->answers[m[i].number] = study_builder_answer(a->b, &to, addresses, targets) + 1;
	}
	free(m);
	free(wanted);
	free(addresses);
	free(targets);
}

struct ordered {
	struct ip ip;
	uint32_t host;
};

static int
by_ip(const void *pa, const void *pb)
{
	return ip_cmp(&((const struct ordered *)pa)->ip, &((const struct ordered *)pb)->ip);
}

static void
add_hosts(struct adding *a)
{
	const struct study *st = a->st;
	struct ordered *order = xcalloc((size_t)st->nhosts + 1, sizeof(*order));
	uint32_t n = 0;

	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (!is_kept(a, i))
			continue;
		order[n].host = i;
		if (a->map->by_address)
			order[n].ip = map_address(a, i, &st->hosts[i].ip);
		n++;
	}
	if (a->map->by_address)
		qsort(order, n, sizeof(*order), by_ip);
	for (uint32_t i = 0; i < n; i++)
		add_host(a, order[i].host);
	free(order);
}

/* Which hosts keys tie together; with whole_clusters only keys and hosts that are taken over. */
static uint32_t *
tied_hosts(const struct adding *a)
{
	const struct study *st = a->st;
	uint32_t *parent = unionfind_new(st->nhosts), last = STUDY_NONE;

	for (uint32_t i = 0; i < st->nuses; i++) {
		if (i == 0 || st->uses[i].key != st->uses[i - 1].key)
			last = STUDY_NONE;
		if (a->map->whole_clusters && a->hosts[st->uses[i].host] == 0)
			continue;
		if (last != STUDY_NONE)
			unionfind_join(parent, last, st->uses[i].host);
		last = st->uses[i].host;
	}
	return parent;
}

/*
 * Hosts of one cluster that no keys tie together stay in one: older files tell no more of
 * them, and with whole_clusters what tied them may be left out.
 */
static void
add_joins(struct adding *a)
{
	const struct study *st = a->st;
	uint32_t *parent = tied_hosts(a);
	uint32_t *first = xcalloc((size_t)st->nhosts + 1, sizeof(*first));

	for (uint32_t i = 0; i < st->nclusters; i++) {
		const struct study_cluster *c = &st->clusters[i];
		uint32_t last = 0; /* the first host of the part before this one */

		for (uint32_t k = 0; k < c->hosts.n; k++) {
			uint32_t host = study_member(st, c, k), root = unionfind_root(parent, host);

			if (a->hosts[host] == 0 || first[root] != 0)
				continue;
			first[root] = a->hosts[host];
			if (last != 0)
				study_builder_join(a->b, last - 1, first[root] - 1);
			last = first[root];
		}
	}
	free(parent);
	free(first);
}

/* Of a key that a host of the copy shows: the ports on which hosts that are left out show it. */
static void
add_others_key(struct adding *a, uint32_t key)
{
	const struct study_span *uses = &a->st->keys[key].uses;
	bool port[NPORTS] = { false };

	for (uint32_t i = uses->at; i < uses->at + uses->n; i++) {
		const struct study_use *u = &a->st->uses[i];

		if (a->hosts[u->host] != 0 || port[u->port])
			continue;
		port[u->port] = true;
		study_builder_others_key(a->b, a->keys[key] - 1, u->port);
	}
}

/* Count the hosts of a cluster that are left out, and their ASes that are known; returns one that is not, plus one, or 0. */
static uint32_t
count_left_out(
    const struct adding *a, uint32_t cluster, uint32_t *seen, uint32_t *hosts, uint32_t *ases)
{
	const struct study *st = a->st;
	const struct study_cluster *c = &st->clusters[cluster];
	uint32_t first = 0;

	for (uint32_t k = 0; k < c->hosts.n; k++) {
		uint32_t host = study_member(st, c, k), as = st->hosts[host].as;

		if (a->hosts[host] != 0) {
			first = first == 0 ? a->hosts[host] : first;
		} else if (a->map->whole_clusters) {
			++*hosts;
			*ases += study_as_known(st, as) && seen[as] != cluster + 1;
			seen[as] = cluster + 1;
		}
	}
	return first;
}

/* Sum up what is left out of clusters that hosts are taken over of, and what had been before. */
static void
add_others(struct adding *a)
{
	const struct study *st = a->st;
	uint32_t *seen = xcalloc((size_t)st->nases + 1, sizeof(*seen)), next = 0;

	for (uint32_t i = 0; i < st->nclusters; i++) {
		const struct study_cluster *c = &st->clusters[i];
		const struct study_others *o = NULL;
		uint32_t hosts = 0, ases = 0, first;

		if (next < st->nothers && st->others[next].cluster == i) {
			o = &st->others[next++];
			hosts = o->hosts;
			ases = o->ases;
		}
		first = count_left_out(a, i, seen, &hosts, &ases);
		if (first == 0 || hosts == 0)
			continue;
		study_builder_others(a->b, first - 1, hosts, ases);
		for (uint32_t k = 0; o != NULL && k < o->keys.n; k++) {
			const struct study_others_key *key = &st->others_keys[o->keys.at + k];

			if (a->keys[key->key] != 0)
				study_builder_others_key(a->b, a->keys[key->key] - 1, key->port);
		}
		for (uint32_t k = 0; k < c->keys.n && a->map->whole_clusters; k++) {
			if (a->keys[study_cluster_key(st, c, k)] != 0)
				add_others_key(a, study_cluster_key(st, c, k));
		}
	}
	free(seen);
}

static void
add_study(struct adding *a)
{
	a->hosts = xcalloc((size_t)a->st->nhosts + 1, sizeof(*a->hosts));
	a->keys = xcalloc((size_t)a->st->nkeys + 1, sizeof(*a->keys));
	a->certs = xcalloc((size_t)a->st->ncerts + 1, sizeof(*a->certs));
	a->answers = xcalloc((size_t)a->st->nanswers + 1, sizeof(*a->answers));
	buf_init(&a->text);
	a->run0 = study_builder_nruns(a->b);
	for (uint32_t i = 0; i < a->st->nruns; i++)
		add_run(a, &a->st->runs[i]);
	add_answers(a);
	add_hosts(a);
	add_joins(a);
	add_others(a);
	buf_fini(&a->text);
	free(a->hosts);
	free(a->keys);
	free(a->certs);
	free(a->answers);
}

void
study_builder_add_study(
    struct study_builder *b, const struct study *st, const struct study_map *map)
{
	struct adding a = { .b = b, .st = st, .map = map };

	add_study(&a);
}

/* Public keys of the study that this one was made from. */
static int
borrowed_get(const struct study *st, uint32_t key, struct public_key *k, struct buf *scratch)
{
	const struct study *from = st->public_source;

	return from->public_get(from, (uint32_t)st->keys[key].public_at, k, scratch);
}

struct study *
study_transform(const struct study *st, const struct study_map *map, uint32_t **host_of)
{
	struct adding a = { .b = study_builder_new(), .st = st, .map = map };
	struct study *made;

	if (host_of != NULL)
		mem_grow(&a.host_of, &a.cap_host_of, (size_t)st->nhosts + 1, sizeof(*a.host_of));
	study_builder_parts(a.b, st->parts);
	add_study(&a);
	made = study_builder_finish(a.b, NULL);
	if (host_of != NULL)
		*host_of = a.host_of;
	if (!map->no_public && st->public_get != NULL) {
		made->public_get = borrowed_get;
		made->public_source = (void *)(uintptr_t)st;
	}
	return made;
}
