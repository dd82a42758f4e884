#include <stdlib.h>
#include <string.h>

#include "survey/answers.h"
#include "survey/hashtab.h"
#include "survey/mem.h"

struct answers {
	struct arena arena;
	struct answer **all;
	size_t n, cap;
	struct hashtab numbers;
};

const char *const dns_type_words[DNS_NTYPES + 1] = {
	[DNS_A] = "A",
	[DNS_AAAA] = "AAAA",
	[DNS_PTR] = "PTR",
	[DNS_MX] = "MX",
	[DNS_TLSA] = "TLSA",
	[DNS_TXT] = "TXT",
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
	hashtab_init(&t->numbers);
	return t;
}

void
answers_free(struct answers *t)
{
	if (t == NULL)
		return;
	arena_fini(&t->arena);
	hashtab_fini(&t->numbers);
	free(t->all);
	free(t);
}

/* The question's number, or HASHTAB_NONE.  A name's types share its hash. */
static uint32_t
find(const struct answers *t, uint32_t hash, const char *name, enum dns_type type)
{
	size_t at;
	uint32_t i = hashtab_first(&t->numbers, hash, &at);

	while (i != HASHTAB_NONE && (t->all[i]->type != type || strcmp(t->all[i]->name, name) != 0))
		i = hashtab_next(&t->numbers, hash, &at);
	return i;
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
	uint32_t hash = hashtab_hash(&t->numbers, a->name, strlen(a->name));
	uint32_t i = find(t, hash, a->name, a->type);
	struct answer *copy = arena_alloc(&t->arena, sizeof(*copy));

	*copy = *a;
	copy->name = i != HASHTAB_NONE ? t->all[i]->name : copy_string(t, a->name);
	copy->ede_text = copy_string(t, a->ede_text);
	copy->names = copy_strings(t, a->names, a->nnames);
	copy->cnames = copy_strings(t, a->cnames, a->ncnames);
	copy->addrs = NULL;
	if (a->naddrs > 0) {
		struct ip *addrs = arena_alloc(&t->arena, a->naddrs * sizeof(*addrs));

		memcpy(addrs, a->addrs, a->naddrs * sizeof(*addrs));
		copy->addrs = addrs;
	}
	if (i == HASHTAB_NONE) {
		i = (uint32_t)t->n++;
		mem_grow(&t->all, &t->cap, t->n, sizeof(*t->all));
		hashtab_put(&t->numbers, hash, i);
	}
	t->all[i] = copy;
	return copy;
}

const struct answer *
answers_get(const struct answers *t, const char *name, enum dns_type type)
{
	uint32_t i = find(t, hashtab_hash(&t->numbers, name, strlen(name)), name, type);

	return i != HASHTAB_NONE ? t->all[i] : NULL;
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

	for (size_t i = 0; i < t->n; i++)
		all[i] = t->all[i];
	qsort(all, t->n, sizeof(*all), answer_cmp);
	for (size_t i = 0; i < t->n; i++) /* the table's own, which it may write */
		((struct answer *)(uintptr_t)all[i])->number = (uint32_t)i;
	return all;
}
