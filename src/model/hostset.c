/* Pure. */
#include <stdlib.h>
#include <string.h>

#include "survey/hash.h"
#include "survey/hostset.h"

#define FIRST_SLOTS 1024

void
hostset_init(struct hostset *s)
{
	memset(s, 0, sizeof(*s));
	strpool_init(&s->texts);
	arena_init(&s->key_bytes);
	s->seed = hash_seed();
}

void
hostset_fini(struct hostset *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->hosts[i].grabs);
		free(s->hosts[i].names);
	}
	free(s->hosts);
	free(s->keys);
	free(s->key_kinds);
	free(s->ip_slot);
	free(s->key_slot);
	strpool_fini(&s->texts);
	arena_fini(&s->key_bytes);
	memset(s, 0, sizeof(*s));
}

static uint64_t
mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return h ^ h >> 32;
}

static uint64_t
hash_ip(const struct hostset *s, const struct ip *ip)
{
	uint64_t a, b;

	memcpy(&a, ip->a, 8);
	memcpy(&b, ip->a + 8, 8);
	return mix(a ^ mix((b ^ s->seed) + ip->family));
}

/* A key is a digest already, but a hostile record can choose it: fold all of it in. */
static uint64_t
hash_key(const struct hostset *s, const uint8_t *fp)
{
	uint64_t h = s->seed, w;

	for (int i = 0; i < KEY_LEN; i += 8) {
		memcpy(&w, fp + i, 8);
		h = mix(h + w);
	}
	return h;
}

/* Doubles a table of numbers-plus-one once it is two thirds full of n. */
static void
table_grow(uint32_t **slot, size_t *nslots, size_t n,
    uint64_t (*hash)(const struct hostset *, uint32_t), const struct hostset *s)
{
	size_t bigger;
	uint32_t *t;

	if (n * 3 < *nslots * 2)
		return;
	bigger = *nslots == 0 ? FIRST_SLOTS : *nslots * 2;
	t = xcalloc(bigger, sizeof(*t));
	for (size_t i = 0; i < *nslots; i++) {
		size_t at;

		if ((*slot)[i] == 0)
			continue;
		at = hash(s, (*slot)[i] - 1) & (bigger - 1);
		while (t[at] != 0)
			at = (at + 1) & (bigger - 1);
		t[at] = (*slot)[i];
	}
	free(*slot);
	*slot = t;
	*nslots = bigger;
}

static uint64_t
hash_host_number(const struct hostset *s, uint32_t i)
{
	return hash_ip(s, &s->hosts[i].ip);
}

static uint64_t
hash_key_number(const struct hostset *s, uint32_t i)
{
	return hash_key(s, s->keys[i]);
}

static uint32_t
key_number(struct hostset *s, const uint8_t *fp, uint8_t kind)
{
	size_t at;
	uint8_t *copy;

	table_grow(&s->key_slot, &s->key_nslots, s->nkeys, hash_key_number, s);
	for (at = hash_key(s, fp) & (s->key_nslots - 1); s->key_slot[at] != 0;
	     at = (at + 1) & (s->key_nslots - 1)) {
		if (memcmp(s->keys[s->key_slot[at] - 1], fp, KEY_LEN) == 0)
			return s->key_slot[at] - 1;
	}
	mem_grow(&s->keys, &s->keys_cap, s->nkeys + 1, sizeof(*s->keys));
	mem_grow(&s->key_kinds, &s->kinds_cap, s->nkeys + 1, sizeof(*s->key_kinds));
	copy = arena_alloc(&s->key_bytes, KEY_LEN);
	memcpy(copy, fp, KEY_LEN);
	s->keys[s->nkeys] = copy;
	s->key_kinds[s->nkeys] = kind;
	s->key_slot[at] = (uint32_t)++s->nkeys;
	return (uint32_t)s->nkeys - 1;
}

const char *
hostset_text(struct hostset *s, const char *text)
{
	return text == NULL ? NULL : strpool_put(&s->texts, text, strlen(text));
}

/* Replace the line's texts and keys by the set's own. */
static void
adopt(struct hostset *s, struct host *h)
{
	h->as_name = hostset_text(s, h->as_name);
	h->writer = hostset_text(s, h->writer);
	for (uint32_t i = 0; i < h->ngrabs; i++) {
		struct host_grab *g = &h->grabs[i];

		g->key = key_number(s, g->fp, g->kind);
		g->fp = s->keys[g->key];
		g->grab = hostset_text(s, g->grab);
		g->alg = hostset_text(s, g->alg);
		g->curve = hostset_text(s, g->curve);
		g->version = hostset_text(s, g->version);
		g->software = hostset_text(s, g->software);
		g->kex = hostset_text(s, g->kex);
		g->issuer = hostset_text(s, g->issuer);
		/* These live and die with their line. */
		g->subject = g->serial = NULL;
		g->cert = NULL;
		g->public_key = NULL;
	}
	for (uint32_t i = 0; i < h->nnames; i++)
		h->names[i].text = hostset_text(s, h->names[i].text);
}

static void *
copy_of(const void *p, size_t n, size_t size)
{
	void *copy;

	if (n == 0)
		return NULL;
	copy = xreallocarray(NULL, n, size);
	memcpy(copy, p, n * size);
	return copy;
}

uint32_t
hostset_add(struct hostset *s, const struct host *line, uint64_t number, bool *is_new)
{
	struct host h = *line;
	size_t at;
	uint32_t i;

	h.record = number;
	h.grabs = copy_of(line->grabs, line->ngrabs, sizeof(*h.grabs));
	h.names = copy_of(line->names, line->nnames, sizeof(*h.names));
	adopt(s, &h);
	table_grow(&s->ip_slot, &s->ip_nslots, s->n, hash_host_number, s);
	for (at = hash_ip(s, &h.ip) & (s->ip_nslots - 1); s->ip_slot[at] != 0;
	     at = (at + 1) & (s->ip_nslots - 1)) {
		i = s->ip_slot[at] - 1;
		if (ip_cmp(&s->hosts[i].ip, &h.ip) != 0)
			continue;
		host_merge(&s->hosts[i], &h, NULL, &s->merged);
		free(h.grabs);
		free(h.names);
		*is_new = false;
		return i;
	}
	mem_grow(&s->hosts, &s->cap, s->n + 1, sizeof(*s->hosts));
	s->hosts[s->n] = h;
	s->ip_slot[at] = (uint32_t)++s->n;
	*is_new = true;
	return (uint32_t)s->n - 1;
}
