#include <stdlib.h>
#include <string.h>

#include "survey/bucket.h"
#include "survey/hashtab.h"
#include "survey/mem.h"

#include "pacer.h"

#define NIL UINT32_MAX

struct host {
	struct ip ip;
	uint32_t asn;
	uint32_t tag;
	uint32_t next; /* in its network's queue, or the free list */
};

/* A /24 or an AS. */
struct net {
	uint64_t key;
	uint64_t next_ns; /* when its next host is due */
	uint32_t head, tail; /* a network: its hosts */
	uint64_t first, last; /* an AS: the networks that are due and wait for it; 0 = none */
	uint64_t next; /* a network: the one behind it in that queue */
};

struct nets {
	struct net *net;
	size_t n, cap;
	struct hashtab numbers;
};

/*
 * A network with waiting hosts, or an AS with waiting networks, and when its
 * first may go.  A network that is due but whose AS is not leaves the heap
 * for the AS's queue: nobody gets a time that lies in the future, or those
 * whose times pass while nothing may be fed would all go at once.
 */
struct due {
	uint64_t at_ns;
	uint64_t seq; /* equal times: first come, first served */
	uint64_t key;
	bool is_as;
};

struct pacer {
	struct bucket total;
	uint64_t net_step_ns, as_step_ns;
	struct host *hosts;
	size_t nhosts, cap;
	uint32_t free;
	/* without limits a network: one plain queue */
	uint32_t head, tail;
	/* with limits */
	struct nets nets, ases;
	struct due *heap;
	size_t nheap, heap_cap;
	uint64_t seq;
	size_t queued;
};

static uint64_t
step_of(double rate)
{
	return rate > 0 ? (uint64_t)(1e9 / rate) : 0;
}

struct pacer *
pacer_new(double rate, double per_net, double per_as)
{
	struct pacer *p = xcalloc(1, sizeof(*p));

	/* 10 ms worth of burst: a timer that fires late does not slow us down. */
	bucket_init(&p->total, rate, 2 + (unsigned)(rate / 100));
	p->net_step_ns = step_of(per_net);
	p->as_step_ns = step_of(per_as);
	hashtab_init(&p->nets.numbers);
	hashtab_init(&p->ases.numbers);
	p->free = p->head = p->tail = NIL;
	return p;
}

void
pacer_free(struct pacer *p)
{
	if (p == NULL)
		return;
	free(p->hosts);
	hashtab_fini(&p->nets.numbers);
	hashtab_fini(&p->ases.numbers);
	free(p->nets.net);
	free(p->ases.net);
	free(p->heap);
	free(p);
}

static bool
limited(const struct pacer *p)
{
	return p->net_step_ns != 0 || p->as_step_ns != 0;
}

/*
 * Networks are never forgotten: their next_ns holds for the whole run.  The pointer holds until
 * the next network or AS of the same table is new.
 */
static struct net *
nets_get(struct nets *t, uint64_t key)
{
	uint32_t hash = hashtab_hash(&t->numbers, &key, sizeof(key)), i;
	size_t at;

	for (i = hashtab_first(&t->numbers, hash, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&t->numbers, hash, &at)) {
		if (t->net[i].key == key)
			return &t->net[i];
	}
	mem_grow(&t->net, &t->cap, t->n + 1, sizeof(*t->net));
	hashtab_put(&t->numbers, hash, (uint32_t)t->n);
	t->net[t->n] = (struct net){ .key = key, .head = NIL, .tail = NIL };
	return &t->net[t->n++];
}

/* Never 0: the family is part of it. */
static uint64_t
net_key(const struct ip *ip)
{
	uint64_t key = ip->family;
	int bytes = ip->family == 4 ? 3 : 8;

	for (int i = 0; i < bytes; i++)
		key = key * 257 + ip->a[i] + 1;
	return key == 0 ? 1 : key;
}

static bool
earlier(const struct due *a, const struct due *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->seq < b->seq;
}

static void
heap_push(struct pacer *p, struct due d)
{
	size_t i = p->nheap++;

	mem_grow(&p->heap, &p->heap_cap, p->nheap, sizeof(*p->heap));
	while (i > 0 && earlier(&d, &p->heap[(i - 1) / 2])) {
		p->heap[i] = p->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	p->heap[i] = d;
}

static struct due
heap_pop(struct pacer *p)
{
	struct due top = p->heap[0], last = p->heap[--p->nheap];
	size_t i = 0, kid;

	while ((kid = 2 * i + 1) < p->nheap) {
		if (kid + 1 < p->nheap && earlier(&p->heap[kid + 1], &p->heap[kid]))
			kid++;
		if (!earlier(&p->heap[kid], &last))
			break;
		p->heap[i] = p->heap[kid];
		i = kid;
	}
	if (p->nheap > 0)
		p->heap[i] = last;
	return top;
}

static uint32_t
host_new(struct pacer *p, const struct ip *ip, uint32_t asn, uint32_t tag)
{
	uint32_t id = p->free;

	if (id != NIL) {
		p->free = p->hosts[id].next;
	} else {
		id = (uint32_t)p->nhosts++;
		mem_grow(&p->hosts, &p->cap, p->nhosts, sizeof(*p->hosts));
	}
	p->hosts[id] = (struct host){ .ip = *ip, .asn = asn, .tag = tag, .next = NIL };
	return id;
}

static void
append(struct pacer *p, uint32_t *head, uint32_t *tail, uint32_t id)
{
	if (*head == NIL)
		*head = id;
	else
		p->hosts[*tail].next = id;
	*tail = id;
}

void
pacer_add(struct pacer *p, const struct ip *ip, uint32_t asn, uint32_t tag)
{
	uint32_t id = host_new(p, ip, asn, tag);
	struct net *net;

	p->queued++;
	if (!limited(p)) {
		append(p, &p->head, &p->tail, id);
		return;
	}
	net = nets_get(&p->nets, net_key(ip));
	if (net->head == NIL)
		heap_push(p, (struct due){ net->next_ns, p->seq++, net->key, false });
	append(p, &net->head, &net->tail, id);
}

/* Take the first host off a queue. */
static void
take(struct pacer *p, uint32_t *head, struct ip *ip, uint32_t *tag)
{
	uint32_t id = *head;
	struct host *h = &p->hosts[id];

	*ip = h->ip;
	*tag = h->tag;
	*head = h->next;
	h->next = p->free;
	p->free = id;
	p->queued--;
}

/* The AS of a network's first host lets it go now, or has it wait in the AS's queue. */
static bool
waits_for_as(struct pacer *p, uint64_t key, uint64_t now_ns)
{
	struct net *net = nets_get(&p->nets, key), *as;
	uint32_t asn = p->hosts[net->head].asn;

	if (p->as_step_ns == 0 || asn == 0)
		return false;
	as = nets_get(&p->ases, asn);
	if (as->first == 0 && as->next_ns <= now_ns) {
		as->next_ns = now_ns + p->as_step_ns;
		return false;
	}
	net->next = 0;
	if (as->first == 0) {
		as->first = key;
		heap_push(p, (struct due){ as->next_ns, p->seq++, asn, true });
	} else {
		nets_get(&p->nets, as->last)->next = key;
	}
	as->last = key;
	return true;
}

/* The first network of a queue whose AS is due. */
static struct net *
leave_queue(struct pacer *p, uint64_t asn, uint64_t now_ns)
{
	struct net *as = nets_get(&p->ases, asn);
	struct net *net = nets_get(&p->nets, as->first);

	as->first = net->next;
	as->next_ns = now_ns + p->as_step_ns;
	if (as->first != 0)
		heap_push(p, (struct due){ as->next_ns, p->seq++, asn, true });
	return net;
}

bool
pacer_next(struct pacer *p, uint64_t now_ns, struct ip *ip, uint32_t *tag)
{
	if (p->queued == 0 || bucket_wait_ns(&p->total, now_ns) > 0)
		return false;
	if (!limited(p)) {
		take(p, &p->head, ip, tag);
		return bucket_take(&p->total, now_ns);
	}
	while (p->nheap > 0 && p->heap[0].at_ns <= now_ns) {
		struct due d = heap_pop(p);
		struct net *net = nets_get(d.is_as ? &p->ases : &p->nets, d.key);

		/* pacer_again() has asked one of them since the time was noted. */
		if (net->next_ns > now_ns) {
			d.at_ns = net->next_ns;
			heap_push(p, d);
			continue;
		}
		if (!d.is_as && waits_for_as(p, d.key, now_ns))
			continue;
		net = d.is_as ? leave_queue(p, d.key, now_ns) : nets_get(&p->nets, d.key);
		if (net->next_ns > now_ns) { /* asked again while it waited for its AS */
			heap_push(p, (struct due){ net->next_ns, p->seq++, net->key, false });
			continue;
		}
		take(p, &net->head, ip, tag);
		net->next_ns = now_ns + p->net_step_ns;
		if (net->head != NIL)
			heap_push(p, (struct due){ net->next_ns, p->seq++, net->key, false });
		return bucket_take(&p->total, now_ns);
	}
	return false;
}

uint64_t
pacer_again_wait_ns(struct pacer *p, const struct ip *ip, uint32_t asn, uint64_t now_ns)
{
	uint64_t due = now_ns + bucket_wait_ns(&p->total, now_ns);

	if (p->net_step_ns != 0 && nets_get(&p->nets, net_key(ip))->next_ns > due)
		due = nets_get(&p->nets, net_key(ip))->next_ns;
	if (p->as_step_ns != 0 && asn != 0 && nets_get(&p->ases, asn)->next_ns > due)
		due = nets_get(&p->ases, asn)->next_ns;
	return due - now_ns;
}

bool
pacer_again(struct pacer *p, const struct ip *ip, uint32_t asn, uint64_t now_ns)
{
	if (pacer_again_wait_ns(p, ip, asn, now_ns) > 0)
		return false;
	if (p->net_step_ns != 0)
		nets_get(&p->nets, net_key(ip))->next_ns = now_ns + p->net_step_ns;
	if (p->as_step_ns != 0 && asn != 0)
		nets_get(&p->ases, asn)->next_ns = now_ns + p->as_step_ns;
	return bucket_take(&p->total, now_ns);
}

uint64_t
pacer_wait_ns(const struct pacer *p, uint64_t now_ns)
{
	uint64_t token = bucket_wait_ns(&p->total, now_ns), due = 0;

	if (p->queued == 0)
		return UINT64_MAX;
	if (p->nheap > 0 && p->heap[0].at_ns > now_ns)
		due = p->heap[0].at_ns - now_ns;
	return due > token ? due : token;
}

size_t
pacer_queued(const struct pacer *p)
{
	return p->queued;
}
