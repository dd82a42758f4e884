/* Pure: the study in memory and its order. */
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/study.h"

/* An open hash table from text to an index; the texts are the owner's. */
struct table {
	uint32_t *slot; /* index + 1, 0 empty */
	size_t size; /* a power of two */
};

struct pending_name {
	struct study_name name;
	uint32_t host, seq;
};

struct pending_port {
	struct study_port port;
	uint32_t host;
};

struct study_store {
	struct arena texts;
	struct table by_ip, by_fp, by_as;
	struct pending_name *names;
	struct pending_port *ports;
	size_t nnames, nports;
	size_t cap_hosts, cap_keys, cap_uses, cap_ases, cap_names, cap_ports;
	uint32_t *cluster_id; /* of each host; 0 none */
	size_t cap_cluster_id;
};

static uint64_t
hash_text(const char *s, size_t len, uint64_t seed)
{
	uint64_t h = 0xcbf29ce484222325 ^ seed;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93;
	return h ^ h >> 32;
}

struct study *
study_new(void)
{
	struct study *st = xcalloc(1, sizeof(*st));

	st->store = xcalloc(1, sizeof(*st->store));
	arena_init(&st->store->texts);
	return st;
}

void
study_free(struct study *st)
{
	if (st == NULL)
		return;
	arena_fini(&st->store->texts);
	free(st->store->by_ip.slot);
	free(st->store->by_fp.slot);
	free(st->store->by_as.slot);
	free(st->store->names);
	free(st->store->ports);
	free(st->store->cluster_id);
	free(st->store);
	free(st->ases);
	free(st->hosts);
	free(st->keys);
	free(st->uses);
	free(st->by_host);
	free(st->names);
	free(st->ports);
	free(st->clusters);
	free(st);
}

const char *
study_text(struct study *st, const char *s, size_t len)
{
	return arena_strndup(&st->store->texts, s, len);
}

/* The slot that holds, or would hold, what same() accepts. */
static uint32_t *
table_find(const struct table *t, uint64_t hash,
    bool (*same)(const struct study *, uint32_t, const char *, size_t, uint32_t),
    const struct study *st, const char *s, size_t len, uint32_t number)
{
	if (t->size == 0)
		return NULL;
	for (size_t i = hash & (t->size - 1);; i = (i + 1) & (t->size - 1)) {
		if (t->slot[i] == 0 || same(st, t->slot[i] - 1, s, len, number))
			return &t->slot[i];
	}
}

static bool
text_is(const char *a, const char *s, size_t len)
{
	return strncmp(a, s, len) == 0 && a[len] == '\0';
}

static bool
same_ip(const struct study *st, uint32_t i, const char *s, size_t len, uint32_t number)
{
	(void)number;
	return text_is(st->hosts[i].ip, s, len);
}

static bool
same_fp(const struct study *st, uint32_t i, const char *s, size_t len, uint32_t number)
{
	(void)number;
	return text_is(st->keys[i].fp, s, len);
}

/* Its number is an AS; the name, spelt in two ways by two files, tells only those without one apart. */
static bool
same_as(const struct study *st, uint32_t i, const char *s, size_t len, uint32_t number)
{
	return st->ases[i].asn == number && (number != 0 || text_is(st->ases[i].name, s, len));
}

static uint64_t
hash_ip(const struct study *st, uint32_t i)
{
	return hash_text(st->hosts[i].ip, strlen(st->hosts[i].ip), 0);
}

static uint64_t
hash_fp(const struct study *st, uint32_t i)
{
	return hash_text(st->keys[i].fp, strlen(st->keys[i].fp), 0);
}

static uint64_t
hash_as(const struct study *st, uint32_t i)
{
	const struct study_as *as = &st->ases[i];

	return hash_text(as->name, as->asn != 0 ? 0 : strlen(as->name), as->asn);
}

/* Make room for one more than the n that there are. */
static void
table_fill(struct table *t, uint32_t n, uint64_t (*hash)(const struct study *, uint32_t),
    const struct study *st)
{
	if (((size_t)n + 1) * 2 <= t->size)
		return;
	if (t->size == 0)
		t->size = 1024;
	while (t->size < ((size_t)n + 1) * 2)
		t->size *= 2;
	free(t->slot);
	t->slot = xcalloc(t->size, sizeof(*t->slot));
	for (uint32_t i = 0; i < n; i++) {
		size_t at = hash(st, i) & (t->size - 1);

		while (t->slot[at] != 0)
			at = (at + 1) & (t->size - 1);
		t->slot[at] = i + 1;
	}
}

/* Texts stand in NUL-terminated fields: nothing after a NUL byte counts. */
static size_t
text_len(const char *s, size_t len)
{
	const char *nul = len > 0 ? memchr(s, '\0', len) : NULL;

	return nul != NULL ? (size_t)(nul - s) : len;
}

uint32_t
study_find_host(const struct study *st, const char *ip, size_t len)
{
	uint32_t *slot = table_find(
	    &st->store->by_ip, hash_text(ip, len, 0), same_ip, st, ip, len, 0);

	return slot == NULL || *slot == 0 ? STUDY_NONE : *slot - 1;
}

uint32_t
study_host(struct study *st, const char *ip, size_t len)
{
	struct study_store *b = st->store;
	uint32_t *slot;

	len = text_len(ip, len);
	table_fill(&b->by_ip, st->nhosts, hash_ip, st);
	slot = table_find(&b->by_ip, hash_text(ip, len, 0), same_ip, st, ip, len, 0);
	if (*slot != 0)
		return *slot - 1;
	mem_grow(&st->hosts, &b->cap_hosts, (size_t)st->nhosts + 1, sizeof(*st->hosts));
	mem_grow(
	    &b->cluster_id, &b->cap_cluster_id, (size_t)st->nhosts + 1, sizeof(*b->cluster_id));
	b->cluster_id[st->nhosts] = 0;
	st->hosts[st->nhosts] = (struct study_host){
		.ip = study_text(st, ip, len), .as = STUDY_NONE, .cluster = STUDY_NONE
	};
	*slot = ++st->nhosts;
	return st->nhosts - 1;
}

uint32_t
study_as(struct study *st, uint32_t asn, const char *name, size_t len)
{
	struct study_store *b = st->store;
	uint32_t *slot;

	len = text_len(name, len);
	table_fill(&b->by_as, st->nases, hash_as, st);
	slot = table_find(
	    &b->by_as, hash_text(name, asn != 0 ? 0 : len, asn), same_as, st, name, len, asn);
	if (*slot != 0)
		return *slot - 1;
	mem_grow(&st->ases, &b->cap_ases, (size_t)st->nases + 1, sizeof(*st->ases));
	st->ases[st->nases] = (struct study_as){ .asn = asn, .name = study_text(st, name, len) };
	*slot = ++st->nases;
	return st->nases - 1;
}

void
study_use(struct study *st, uint32_t host, uint16_t port, const char *fp, size_t len)
{
	struct study_store *b = st->store;
	uint32_t key, *slot;

	len = text_len(fp, len);
	table_fill(&b->by_fp, st->nkeys, hash_fp, st);
	slot = table_find(&b->by_fp, hash_text(fp, len, 0), same_fp, st, fp, len, 0);
	if (*slot != 0) {
		key = *slot - 1;
	} else {
		mem_grow(&st->keys, &b->cap_keys, (size_t)st->nkeys + 1, sizeof(*st->keys));
		key = st->nkeys++;
		st->keys[key] = (struct study_key){ .fp = study_text(st, fp, len) };
		*slot = st->nkeys;
	}
	mem_grow(&st->uses, &b->cap_uses, (size_t)st->nuses + 1, sizeof(*st->uses));
	st->uses[st->nuses++] = (struct study_use){ host, key, port };
}

void
study_cluster(struct study *st, uint32_t id, uint32_t host)
{
	st->store->cluster_id[host] = id;
}

struct study_name *
study_add_name(struct study *st, uint32_t host)
{
	struct study_store *b = st->store;

	mem_grow(&b->names, &b->cap_names, b->nnames + 1, sizeof(*b->names));
	b->names[b->nnames] = (struct pending_name){ .host = host, .seq = (uint32_t)b->nnames };
	return &b->names[b->nnames++].name;
}

struct study_port *
study_add_port(struct study *st, uint32_t host, uint16_t port)
{
	struct study_store *b = st->store;

	for (size_t i = b->nports; i-- > 0 && b->ports[i].host == host;) {
		if (b->ports[i].port.port == port)
			return &b->ports[i].port;
	}
	mem_grow(&b->ports, &b->cap_ports, b->nports + 1, sizeof(*b->ports));
	b->ports[b->nports] = (struct pending_port){ .host = host,
		.port = { .port = port,
		    .trusted = STUDY_ABSENT,
		    .self_signed = STUDY_ABSENT,
		    .timely = STUDY_ABSENT } };
	return &b->ports[b->nports++].port;
}

struct study_port *
study_find_port(struct study *st, uint32_t host, uint16_t port)
{
	const struct study_host *h = &st->hosts[host];

	for (uint32_t i = 0; i < h->nports; i++) {
		if (st->ports[h->port0 + i].port == port)
			return &st->ports[h->port0 + i];
	}
	return NULL;
}

static int
cmp_u32(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

struct host_order {
	uint32_t id, record, old; /* id 0 goes last */
};

static int
by_cluster(const void *pa, const void *pb)
{
	const struct host_order *a = pa, *b = pb;
	int c = cmp_u32(a->id - 1, b->id - 1);

	if (c == 0)
		c = cmp_u32(a->record, b->record);
	return c != 0 ? c : cmp_u32(a->old, b->old);
}

static int
by_key_host_port(const void *pa, const void *pb)
{
	const struct study_use *a = pa, *b = pb;
	int c = cmp_u32(a->key, b->key);

	if (c == 0)
		c = cmp_u32(a->host, b->host);
	return c != 0 ? c : (int)a->port - (int)b->port;
}

struct key_order {
	uint32_t cluster, nhosts, first, old;
};

static int
by_cluster_and_use(const void *pa, const void *pb)
{
	const struct key_order *a = pa, *b = pb;
	int c = cmp_u32(a->cluster, b->cluster);

	if (c == 0)
		c = cmp_u32(b->nhosts, a->nhosts);
	if (c == 0)
		c = cmp_u32(a->first, b->first);
	return c != 0 ? c : cmp_u32(a->old, b->old);
}

/* Sort the hosts, renumber what names them, and cut them into clusters. */
static void
order_hosts(struct study *st)
{
	struct study_store *b = st->store;
	struct host_order *o = xcalloc((size_t)st->nhosts + 1, sizeof(*o));
	struct study_host *hosts = xcalloc((size_t)st->nhosts + 1, sizeof(*hosts));
	uint32_t *now = xcalloc((size_t)st->nhosts + 1, sizeof(*now));
	uint32_t nclusters = 0;

	for (uint32_t i = 0; i < st->nhosts; i++)
		o[i] = (struct host_order){ b->cluster_id[i], st->hosts[i].record, i };
	qsort(o, st->nhosts, sizeof(*o), by_cluster);
	for (uint32_t i = 0; i < st->nhosts; i++) {
		hosts[i] = st->hosts[o[i].old];
		now[o[i].old] = i;
		nclusters += o[i].id != 0 && (i == 0 || o[i - 1].id != o[i].id);
	}
	st->clusters = xcalloc((size_t)nclusters + 1, sizeof(*st->clusters));
	for (uint32_t i = 0; i < st->nhosts && o[i].id != 0; i++) {
		if (i == 0 || o[i - 1].id != o[i].id)
			st->clusters[st->nclusters++] = (struct study_cluster){ .id = o[i].id,
				.host0 = i };
		st->clusters[st->nclusters - 1].nhosts++;
		hosts[i].cluster = st->nclusters - 1;
	}
	for (uint32_t i = 0; i < st->nuses; i++)
		st->uses[i].host = now[st->uses[i].host];
	for (size_t i = 0; i < b->nnames; i++)
		b->names[i].host = now[b->names[i].host];
	for (size_t i = 0; i < b->nports; i++)
		b->ports[i].host = now[b->ports[i].host];
	free(st->hosts);
	st->hosts = hosts;
	free(o);
	free(now);
	/* The hosts have moved: the table of addresses is filled anew. */
	free(b->by_ip.slot);
	b->by_ip = (struct table){ 0 };
	table_fill(&b->by_ip, st->nhosts, hash_ip, st);
}

/*
 * A key that hosts of several clusters show becomes a key of each: what draws
 * or counts a cluster relies on its keys' hosts being its own.  Only a damaged
 * file has such keys, or one of a program that tears clusters apart.  Uses are
 * sorted by key and host, and hosts by cluster.
 */
static void
split_keys(struct study *st)
{
	uint32_t old = STUDY_NONE, cluster = STUDY_NONE, key = STUDY_NONE;

	for (uint32_t i = 0; i < st->nuses; i++) {
		struct study_use *u = &st->uses[i];
		uint32_t here = st->hosts[u->host].cluster;

		if (u->key != old) {
			old = key = u->key;
		} else if (here != cluster) {
			mem_grow(&st->keys, &st->store->cap_keys, (size_t)st->nkeys + 1,
			    sizeof(*st->keys));
			key = st->nkeys++;
			st->keys[key] = (struct study_key){ .fp = st->keys[old].fp };
		}
		cluster = here;
		u->key = key;
	}
}

static void
order_keys(struct study *st)
{
	struct key_order *o;
	struct study_key *keys;
	uint32_t *now, n = 0;

	if (st->nuses > 0)
		qsort(st->uses, st->nuses, sizeof(*st->uses), by_key_host_port);
	split_keys(st);
	o = xcalloc((size_t)st->nkeys + 1, sizeof(*o));
	keys = xcalloc((size_t)st->nkeys + 1, sizeof(*keys));
	now = xcalloc((size_t)st->nkeys + 1, sizeof(*now));
	for (uint32_t i = 0; i < st->nuses; i++) { /* one of each */
		if (n > 0 && by_key_host_port(&st->uses[n - 1], &st->uses[i]) == 0)
			continue;
		st->uses[n++] = st->uses[i];
	}
	st->nuses = n;
	for (uint32_t k = 0; k < st->nkeys; k++)
		o[k] = (struct key_order){ STUDY_NONE, 0, STUDY_NONE, k };
	for (uint32_t i = 0; i < n; i++) {
		const struct study_use *u = &st->uses[i];
		struct key_order *k = &o[u->key];

		if (i == 0 || u[-1].key != u->key) {
			k->first = u->host;
			k->cluster = st->hosts[u->host].cluster;
		}
		if (i == 0 || u[-1].key != u->key || u[-1].host != u->host)
			k->nhosts++;
		if (u->port == 22)
			st->keys[u->key].ssh = true;
		else
			st->keys[u->key].tls = true;
	}
	qsort(o, st->nkeys, sizeof(*o), by_cluster_and_use);
	for (uint32_t k = 0; k < st->nkeys; k++) {
		keys[k] = st->keys[o[k].old];
		keys[k].nhosts = o[k].nhosts;
		now[o[k].old] = k;
		if (o[k].cluster == STUDY_NONE)
			continue;
		struct study_cluster *c = &st->clusters[o[k].cluster];

		if (c->nkeys++ == 0)
			c->key0 = k;
		c->nshared += o[k].nhosts > 1;
	}
	for (uint32_t i = 0; i < n; i++)
		st->uses[i].key = now[st->uses[i].key];
	if (n > 0)
		qsort(st->uses, n, sizeof(*st->uses), by_key_host_port);
	for (uint32_t i = n; i-- > 0;) {
		keys[st->uses[i].key].use0 = i;
		keys[st->uses[i].key].nuse++;
	}
	free(st->keys);
	st->keys = keys;
	free(o);
	free(now);
	free(st->store->by_fp.slot);
	st->store->by_fp = (struct table){ 0 };
}

static const struct study_use *sorting; /* for qsort(), which passes no argument */

static int
by_host_port_key(const void *pa, const void *pb)
{
	const struct study_use *a = &sorting[*(const uint32_t *)pa];
	const struct study_use *b = &sorting[*(const uint32_t *)pb];
	int c = cmp_u32(a->host, b->host);

	if (c == 0)
		c = (int)a->port - (int)b->port;
	return c != 0 ? c : cmp_u32(a->key, b->key);
}

static int
by_name_host(const void *pa, const void *pb)
{
	const struct pending_name *a = pa, *b = pb;
	int c = cmp_u32(a->host, b->host);

	return c != 0 ? c : cmp_u32(a->seq, b->seq);
}

static int
by_port_host(const void *pa, const void *pb)
{
	const struct pending_port *a = pa, *b = pb;
	int c = cmp_u32(a->host, b->host);

	return c != 0 ? c : (int)a->port.port - (int)b->port.port;
}

static void
order_host_parts(struct study *st)
{
	struct study_store *b = st->store;

	st->by_host = xcalloc((size_t)st->nuses + 1, sizeof(*st->by_host));
	for (uint32_t i = 0; i < st->nuses; i++)
		st->by_host[i] = i;
	sorting = st->uses;
	qsort(st->by_host, st->nuses, sizeof(*st->by_host), by_host_port_key);
	for (uint32_t i = st->nuses; i-- > 0;) {
		struct study_host *h = &st->hosts[st->uses[st->by_host[i]].host];

		h->use0 = i;
		h->nuse++;
	}
	if (b->nnames > 0)
		qsort(b->names, b->nnames, sizeof(*b->names), by_name_host);
	st->nnames = (uint32_t)b->nnames;
	st->names = xcalloc(b->nnames + 1, sizeof(*st->names));
	for (size_t i = b->nnames; i-- > 0;) {
		st->names[i] = b->names[i].name;
		st->hosts[b->names[i].host].name0 = (uint32_t)i;
		st->hosts[b->names[i].host].nnames++;
	}
	if (b->nports > 0)
		qsort(b->ports, b->nports, sizeof(*b->ports), by_port_host);
	st->nports = (uint32_t)b->nports;
	st->ports = xcalloc(b->nports + 1, sizeof(*st->ports));
	for (size_t i = b->nports; i-- > 0;) {
		st->ports[i] = b->ports[i].port;
		st->hosts[b->ports[i].host].port0 = (uint32_t)i;
		st->hosts[b->ports[i].host].nports++;
	}
	free(b->names);
	free(b->ports);
	b->names = NULL;
	b->ports = NULL;
}

static void
count_ases(struct study *st)
{
	uint32_t *last = xcalloc((size_t)st->nases + 2, sizeof(*last));
	uint32_t unknown = STUDY_NONE;

	for (uint32_t i = 0; i < st->nhosts; i++) {
		struct study_host *h = &st->hosts[i];

		if (h->as == STUDY_NONE) {
			if (unknown == STUDY_NONE)
				unknown = study_as(st, 0, "", 0);
			h->as = unknown;
		}
		st->ases[h->as].nhosts++;
		if (h->cluster == STUDY_NONE)
			continue;
		st->ases[h->as].nclustered++;
		if (last[h->as] != h->cluster + 1) { /* hosts of a cluster stand together */
			last[h->as] = h->cluster + 1;
			st->clusters[h->cluster].nas++;
		}
	}
	free(last);
}

void
study_finish(struct study *st)
{
	order_hosts(st);
	order_keys(st);
	order_host_parts(st);
	count_ases(st);
}

const char *
study_verdict_name(enum study_verdict v)
{
	static const char *const names[STUDY_NVERDICTS] = {
		"good",
		"bad",
		"unknown",
		"nxdomain",
		"none",
	};

	return names[v];
}

uint64_t
study_cluster_digest(const struct study *st, uint32_t cluster)
{
	const struct study_cluster *c = &st->clusters[cluster];
	uint64_t h = c->id;

	for (uint32_t i = c->host0; i < c->host0 + c->nhosts; i++) {
		const struct study_host *host = &st->hosts[i];

		h = hash_text(host->ip, strlen(host->ip), h + st->ases[host->as].asn);
		for (uint32_t k = 0; k < host->nuse; k++) {
			const struct study_use *u = &st->uses[st->by_host[host->use0 + k]];

			h = hash_text(
			    st->keys[u->key].fp, strlen(st->keys[u->key].fp), h + u->port);
		}
	}
	return h;
}
