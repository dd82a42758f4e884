#include <stdlib.h>
#include <string.h>

#include "survey/answers.h"
#include "survey/hash.h"
#include "survey/mem.h"

/* Open addressing; the table is at most half full.  Hashes are kept, so growing touches no answer. */
struct slot {
	uint32_t hash;
	struct answer *a;
};

struct answers {
	struct arena arena;
	struct slot *slots;
	size_t nslots; /* a power of two */
	size_t n;
	uint64_t seed;
};

const char *const dns_type_words[DNS_NTYPES + 1] = {
	[DNS_A] = "A",
	[DNS_AAAA] = "AAAA",
	[DNS_PTR] = "PTR",
};

static const char *const outcome_names[DNS_NOUTCOMES] = {
	[DNS_NOERROR] = "noerror",
	[DNS_NODATA] = "nodata",
	[DNS_NXDOMAIN] = "nxdomain",
	[DNS_SERVFAIL] = "servfail",
	[DNS_REFUSED] = "refused",
	[DNS_TIMEOUT] = "timeout",
};

static int
find_word(const char *const *words, int n, const char *s, size_t len)
{
	for (int i = 0; i < n; i++)
		if (strlen(words[i]) == len && memcmp(words[i], s, len) == 0)
			return i;
	return -1;
}

const char *
dns_type_name(enum dns_type type)
{
	return dns_type_words[type];
}

const char *
dns_outcome_name(enum dns_outcome outcome)
{
	return outcome_names[outcome];
}

int
dns_type_from(const char *s, size_t len)
{
	return find_word(dns_type_words, DNS_NTYPES, s, len);
}

int
dns_outcome_from(const char *s, size_t len)
{
	return find_word(outcome_names, DNS_NOUTCOMES, s, len);
}

bool
dns_outcome_known(enum dns_outcome outcome)
{
	return outcome <= DNS_NXDOMAIN;
}

struct answers *
answers_new(void)
{
	struct answers *t = xcalloc(1, sizeof(*t));

	arena_init(&t->arena);
	t->nslots = 1024;
	t->slots = xcalloc(t->nslots, sizeof(*t->slots));
	t->seed = hash_seed();
	return t;
}

void
answers_free(struct answers *t)
{
	if (t == NULL)
		return;
	arena_fini(&t->arena);
	free(t->slots);
	free(t);
}

static uint32_t
hash_question(const struct answers *t, const char *name, enum dns_type type)
{
	return hash_text(t->seed + (uint64_t)type, name, strlen(name));
}

static struct slot *
find_slot(struct slot *slots, size_t nslots, uint32_t hash, const char *name, enum dns_type type)
{
	size_t i = hash & (nslots - 1);

	for (;; i = (i + 1) & (nslots - 1)) {
		struct slot *s = &slots[i];

		if (s->a == NULL)
			return s;
		if (s->hash == hash && s->a->type == type && strcmp(s->a->name, name) == 0)
			return s;
	}
}

static void
grow(struct answers *t)
{
	size_t nslots = t->nslots * 2;
	struct slot *slots = xcalloc(nslots, sizeof(*slots));

	for (size_t i = 0; i < t->nslots; i++) {
		size_t k = t->slots[i].hash & (nslots - 1);

		if (t->slots[i].a == NULL)
			continue;
		while (slots[k].a != NULL)
			k = (k + 1) & (nslots - 1);
		slots[k] = t->slots[i];
	}
	free(t->slots);
	t->slots = slots;
	t->nslots = nslots;
}

static const char *
copy_string(struct answers *t, const char *s)
{
	return s == NULL ? NULL : arena_strndup(&t->arena, s, strlen(s));
}

static const char *const *
copy_strings(struct answers *t, const char *const *from, size_t n)
{
	const char **to;

	if (n == 0)
		return NULL;
	to = arena_alloc(&t->arena, n * sizeof(*to));
	for (size_t i = 0; i < n; i++)
		to[i] = copy_string(t, from[i]);
	return to;
}

const struct answer *
answers_put(struct answers *t, const struct answer *a)
{
	uint32_t hash = hash_question(t, a->name, a->type);
	struct slot *s = find_slot(t->slots, t->nslots, hash, a->name, a->type);
	struct answer *copy = arena_alloc(&t->arena, sizeof(*copy));

	*copy = *a;
	copy->name = s->a != NULL ? s->a->name : copy_string(t, a->name);
	copy->ede_text = copy_string(t, a->ede_text);
	copy->names = copy_strings(t, a->names, a->nnames);
	copy->cnames = copy_strings(t, a->cnames, a->ncnames);
	copy->addrs = NULL;
	if (a->naddrs > 0) {
		struct ip *addrs = arena_alloc(&t->arena, a->naddrs * sizeof(*addrs));

		memcpy(addrs, a->addrs, a->naddrs * sizeof(*addrs));
		copy->addrs = addrs;
	}
	if (s->a == NULL)
		t->n++;
	s->hash = hash;
	s->a = copy;
	if (t->n * 2 > t->nslots)
		grow(t);
	return copy;
}

const struct answer *
answers_get(const struct answers *t, const char *name, enum dns_type type)
{
	return find_slot(t->slots, t->nslots, hash_question(t, name, type), name, type)->a;
}

size_t
answers_count(const struct answers *t)
{
	return t->n;
}

static int
answer_cmp(const void *pa, const void *pb)
{
	const struct answer *const *a = pa, *const *b = pb;
	int c = strcmp((*a)->name, (*b)->name);

	return c != 0 ? c : (int)(*a)->type - (int)(*b)->type;
}

const struct answer **
answers_sorted(const struct answers *t)
{
	const struct answer **all = xcalloc(t->n + 1, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; i < t->nslots; i++)
		if (t->slots[i].a != NULL)
			all[n++] = t->slots[i].a;
	qsort(all, n, sizeof(*all), answer_cmp);
	for (size_t i = 0; i < n; i++) /* the table's own, which it may write */
		((struct answer *)(uintptr_t)all[i])->number = (uint32_t)i;
	return all;
}
