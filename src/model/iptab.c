/* Pure: no I/O. */
#include <stdlib.h>
#include <string.h>

#include "survey/iptab.h"
#include "survey/mem.h"

void
iptab_init(struct iptab *t)
{
	memset(t, 0, sizeof(*t));
}

void
iptab_fini(struct iptab *t)
{
	free(t->ip);
	hashtab_fini(&t->numbers);
	iptab_init(t);
}

/* Family and bytes, without the padding that a struct may have. */
static uint32_t
hash(const struct iptab *t, const struct ip *ip)
{
	uint8_t text[1 + sizeof(ip->a)];

	text[0] = (uint8_t)ip->family;
	memcpy(text + 1, ip->a, sizeof(ip->a));
	return hashtab_hash(&t->numbers, text, sizeof(text));
}

static uint32_t
find(const struct iptab *t, const struct ip *ip, uint32_t hash)
{
	size_t at;
	uint32_t i = hashtab_first(&t->numbers, hash, &at);

	while (i != HASHTAB_NONE && ip_cmp(&t->ip[i], ip) != 0)
		i = hashtab_next(&t->numbers, hash, &at);
	return i; /* HASHTAB_NONE is IPTAB_NONE */
}

uint32_t
iptab_add(struct iptab *t, const struct ip *ip, bool *is_new)
{
	uint32_t h, i;

	if (t->numbers.nslots == 0)
		hashtab_init(&t->numbers);
	h = hash(t, ip);
	i = find(t, ip, h);
	*is_new = i == IPTAB_NONE;
	if (!*is_new)
		return i;
	mem_grow(&t->ip, &t->cap, t->n + 1, sizeof(*t->ip));
	t->ip[t->n] = *ip;
	hashtab_put(&t->numbers, h, (uint32_t)t->n);
	return (uint32_t)t->n++;
}

uint32_t
iptab_find(const struct iptab *t, const struct ip *ip)
{
	return t->numbers.nslots == 0 ? IPTAB_NONE : find(t, ip, hash(t, ip));
}
