/* Pure: no I/O. */
#include <stdlib.h>
#include <string.h>

#include "survey/iptab.h"
#include "survey/mem.h"

/* Addresses come from outside, but a bad spread costs only time: a plain mixer will do. */
static uint64_t
hash(const struct ip *ip)
{
	uint64_t a, b, h;

	memcpy(&a, ip->a, sizeof(a));
	memcpy(&b, ip->a + 8, sizeof(b));
	h = (a ^ (b * UINT64_C(0x9e3779b97f4a7c15)) ^ ip->family) * UINT64_C(0xbf58476d1ce4e5b9);
	h ^= h >> 29;
	h *= UINT64_C(0x94d049bb133111eb);
	return h ^ (h >> 32);
}

void
iptab_init(struct iptab *t)
{
	memset(t, 0, sizeof(*t));
}

void
iptab_fini(struct iptab *t)
{
	free(t->ip);
	free(t->slot);
	iptab_init(t);
}

/* The slot that holds the address, or the empty one where it would go. */
static size_t
find_slot(const struct iptab *t, const struct ip *ip)
{
	size_t i = hash(ip) & (t->nslots - 1);

	while (t->slot[i] != 0 && ip_cmp(&t->ip[t->slot[i] - 1], ip) != 0)
		i = (i + 1) & (t->nslots - 1);
	return i;
}

static void
grow(struct iptab *t)
{
	size_t nslots = t->nslots == 0 ? 1024 : t->nslots * 2;

	free(t->slot);
	t->slot = xcalloc(nslots, sizeof(*t->slot));
	t->nslots = nslots;
	for (size_t i = 0; i < t->n; i++)
		t->slot[find_slot(t, &t->ip[i])] = (uint32_t)i + 1;
}

uint32_t
iptab_add(struct iptab *t, const struct ip *ip, bool *is_new)
{
	size_t i;

	if ((t->n + 1) * 4 > t->nslots * 3)
		grow(t);
	i = find_slot(t, ip);
	*is_new = t->slot[i] == 0;
	if (!*is_new)
		return t->slot[i] - 1;
	mem_grow(&t->ip, &t->cap, t->n + 1, sizeof(*t->ip));
	t->ip[t->n] = *ip;
	t->slot[i] = (uint32_t)++t->n;
	return (uint32_t)t->n - 1;
}

uint32_t
iptab_find(const struct iptab *t, const struct ip *ip)
{
	if (t->nslots == 0)
		return IPTAB_NONE;
	return t->slot[find_slot(t, ip)] - 1; /* 0 - 1 is IPTAB_NONE */
}
