/*
 * collisions.json: each host of a cluster with its partners.  At study size it holds
 * millions of pairs.  Hosts that show the same shared keys on the same ports have the same
 * partners, and are one another's: the hosts of such a group that lie in one AS share
 * one list, in which each of them leaves itself out.
 */
#include <stdlib.h>
#include <string.h>

#include "survey/hashtab.h"
#include "survey/mem.h"

#include "writer.h"

#define TRUNCATED_TO 16
#define LISTS_MAX ((size_t)32 << 20) /* bytes of lists that are kept for the next host */

/* Of a host as a partner: "975":{ … "ip":"192.0.2.1", */
struct partner {
	const char *text;
	size_t own_at; /* of the pair with itself in the list that it shares */
	uint32_t own_len;
	uint16_t number_len, len;
};

/* The pairs of a group's hosts that lie in one AS with all partners, and with themselves. */
struct list {
	struct list *next; /* of the group */
	uint32_t as_name;
	bool as_own;
	const char *text;
	size_t len;
};

/* Of a mask: "ports":"0x…","str_colls":"…"} */
struct mask_text {
	uint64_t mask;
	const char *text;
	size_t len;
};

struct collisions {
	struct pairs *pairs;
	uint32_t pairs_up_to; /* of the run being written */
	struct partner *partner; /* by host of a cluster */
	uint32_t *by_text; /* like clusters.members, but by ip_record as text */
	uint32_t *mask; /* by group: number of the mask that it shares with the list being made */
	uint32_t *stamp; /* by group: mask is for the group of this number plus one */
	uint32_t *low_first,
	    *low; /* by key: its lowest hosts on the study's ports, as many as a truncated list may need */
	struct mask_text *masks;
	size_t nmasks, cap_masks;
	struct hashtab mask_numbers;
	struct list **lists; /* by group: those that are kept */
	size_t kept; /* their bytes */
	struct arena a;
	struct buf made, scratch;
};

/* As strings the digits of 253 come before those of 89. */
static int
number_text_cmp(uint64_t x, uint64_t y)
{
	char a[24], b[24];

	snprintf(a, sizeof(a), "%llu", (unsigned long long)x);
	snprintf(b, sizeof(b), "%llu", (unsigned long long)y);
	return strcmp(a, b);
}

struct text_order {
	uint64_t record;
	uint32_t cluster, host;
};

static int
by_cluster_and_text(const void *pa, const void *pb)
{
	const struct text_order *a = pa, *b = pb;

	if (a->cluster != b->cluster)
		return a->cluster < b->cluster ? -1 : 1;
	return number_text_cmp(a->record, b->record);
}

static bool
lists_all(const struct collisions *c, const struct study *s, uint32_t cluster)
{
	return s->clusters[cluster].hosts.n <= c->pairs_up_to;
}

static void
sort_members(struct collisions *c, const struct study *s)
{
	struct text_order *order = xcalloc((size_t)s->nmembers + 1, sizeof(*order));

	for (uint32_t i = 0; i < s->nmembers; i++) {
		uint32_t host = s->members[i];

		order[i] = (struct text_order){ s->hosts[host].record, s->hosts[host].cluster,
			host };
	}
	for (uint32_t i = 0; i < s->nclusters; i++) {
		if (lists_all(c, s, i))
			qsort(&order[s->clusters[i].hosts.at], s->clusters[i].hosts.n,
			    sizeof(*order), by_cluster_and_text);
	}
	c->by_text = xcalloc((size_t)s->nmembers + 1, sizeof(*c->by_text));
	for (uint32_t i = 0; i < s->nmembers; i++)
		c->by_text[i] = order[i].host;
	free(order);
}

static void
list_lowest(struct collisions *c, const struct study *s)
{
	uint32_t n = 0;

	c->low_first = xcalloc((size_t)s->nkeys + 1, sizeof(*c->low_first));
	c->low = xcalloc((size_t)s->nuses + 1, sizeof(*c->low));
	for (uint32_t k = 0; k < s->nkeys; k++) {
		const struct study_span *uses = &s->keys[k].uses;

		c->low_first[k] = n;
		for (uint32_t i = uses->at;
		     i < uses->at + uses->n && n - c->low_first[k] <= TRUNCATED_TO; i++) {
			uint32_t host = s->uses[i].host;

			if (s->uses[i].port < NPORTS_STUDY &&
			    (n == c->low_first[k] || c->low[n - 1] != host))
				c->low[n++] = host;
		}
	}
	c->low_first[s->nkeys] = n;
}

static int
collisions_begin(struct writer *o, char **error)
{
	const struct study *s = o->st;
	struct collisions *c = xcalloc(1, sizeof(*c));

	o->state = c;
	arena_init(&c->a);
	hashtab_init(&c->mask_numbers);
	buf_init(&c->made);
	buf_init(&c->scratch);
	c->pairs_up_to = s->runs[s->nruns - 1].pairs_up_to;
	c->pairs = pairs_new(s);
	c->partner = xcalloc((size_t)s->nhosts + 1, sizeof(*c->partner));
	c->mask = xcalloc((size_t)c->pairs->ngroups + 1, sizeof(*c->mask));
	c->stamp = xcalloc((size_t)c->pairs->ngroups + 1, sizeof(*c->stamp));
	c->lists = xcalloc((size_t)c->pairs->ngroups + 1, sizeof(struct list *));
	sort_members(c, s);
	list_lowest(c, s);
	return array_begin(o, error);
}

static void
collisions_abort(struct writer *o)
{
	struct collisions *c = o->state;

	if (c == NULL)
		return;
	pairs_free(c->pairs);
	free(c->partner);
	free(c->by_text);
	free(c->mask);
	free(c->stamp);
	free(c->low_first);
	free(c->low);
	free(c->masks);
	free(c->lists);
	arena_fini(&c->a);
	hashtab_fini(&c->mask_numbers);
	buf_fini(&c->made);
	buf_fini(&c->scratch);
	free(c);
	o->state = NULL;
}

static const struct partner *
partner_text(struct collisions *c, const struct study *s, uint32_t i)
{
	struct partner *p = &c->partner[i];
	const struct study_host *h = &s->hosts[i];
	char text[96], ip[IP_STRLEN];
	int n;

	if (p->text != NULL)
		return p;
	n = snprintf(text, sizeof(text), "\"%llu\":{", (unsigned long long)h->record);
	p->number_len = (uint16_t)n;
	n += snprintf(text + n, sizeof(text) - (size_t)n, "\"ip\":\"%s\",", ip_format(&h->ip, ip));
	p->len = (uint16_t)n;
	p->text = arena_strndup(&c->a, text, (size_t)n);
	return p;
}

/* "p22==p22;p25==p443;" for the bits of a mask, the host's own port first. */
static void
mask_write(struct buf *b, uint64_t mask)
{
	buf_printf(b, "\"ports\":\"0x%016llx\",\"str_colls\":\"", (unsigned long long)mask);
	for (int local = 0; local < 8; local++) {
		for (int remote = 0; remote < 8; remote++) {
			if ((mask & 1ULL << (remote + 8 * local)) != 0)
				buf_printf(
				    b, "%s==%s;", port_table[local].name, port_table[remote].name);
		}
	}
	buf_adds(b, "\"}");
}

/* The number of a mask's text. */
static uint32_t
mask_number(struct collisions *c, uint64_t mask)
{
	uint32_t h = hashtab_hash(&c->mask_numbers, &mask, sizeof(mask)), i;
	size_t at;

	for (i = hashtab_first(&c->mask_numbers, h, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&c->mask_numbers, h, &at)) {
		if (c->masks[i].mask == mask)
			return i;
	}
	mem_grow(&c->masks, &c->cap_masks, c->nmasks + 1, sizeof(*c->masks));
	buf_clear(&c->scratch);
	mask_write(&c->scratch, mask);
	c->masks[c->nmasks] = (struct mask_text){ mask,
		arena_strndup(&c->a, c->scratch.data, c->scratch.len), c->scratch.len };
	hashtab_put(&c->mask_numbers, h, (uint32_t)c->nmasks);
	return (uint32_t)c->nmasks++;
}

/* "asn":"…","asndec":64512, where the partner's AS name is another. */
static void
as_write(struct collisions *c, const struct study *s, const struct study_host *mine,
    const struct study_host *theirs)
{
	struct jsonw w;
	struct buf a, b;

	buf_init(&a);
	buf_init(&b);
	if (strcmp(host_as_name(s, mine, &a), host_as_name(s, theirs, &b)) != 0) {
		jsonw_init(&w, NULL);
		jsonw_key(&w, "asn");
		jsonw_string(&w, host_as_name(s, theirs, &b));
		jsonw_key(&w, "asndec");
		jsonw_uint(&w, s->ases[theirs->as].asn);
		buf_add(&c->made, w.out.data, w.out.len);
		buf_addc(&c->made, ',');
		jsonw_fini(&w);
	}
	buf_fini(&a);
	buf_fini(&b);
}

static bool
same_as(const struct study_host *a, const struct study_host *b)
{
	return a->as_name == b->as_name && a->as_own == b->as_own;
}

static void
pair_write(struct collisions *c, const struct study *s, uint32_t me, uint32_t other, uint32_t mask)
{
	const struct partner *p = partner_text(c, s, other);
	const struct mask_text *m = &c->masks[mask];

	if (c->made.len > 0)
		buf_addc(&c->made, ',');
	buf_add(&c->made, p->text, p->number_len);
	if (!same_as(&s->hosts[me], &s->hosts[other]))
		as_write(c, s, &s->hosts[me], &s->hosts[other]);
	buf_add(&c->made, p->text + p->number_len, (size_t)p->len - p->number_len);
	buf_add(&c->made, m->text, m->len);
}

/*
 * All partners: those members of the cluster whose group has a key of mine; I am one of them.
 * Returns how many hosts have this list.
 */
static uint32_t
write_all(struct collisions *c, const struct study *s, uint32_t me)
{
	const struct pairs *p = c->pairs;
	const struct study_span *members = &s->clusters[s->hosts[me].cluster].hosts;
	uint32_t group = p->group_of[me], sharing = 0;

	for (uint32_t i = p->gkey_first[group]; i < p->gkey_first[group + 1]; i++) {
		uint32_t key = p->gkeys[i].key;

		for (uint32_t k = p->kgroup_first[key]; k < p->kgroup_first[key + 1]; k++) {
			uint32_t other = p->kgroups[k];

			if (c->stamp[other] == group + 1)
				continue;
			c->stamp[other] = group + 1;
			c->mask[other] = mask_number(c, pairs_ports(p, group, other));
		}
	}
	for (uint32_t i = members->at; i < members->at + members->n; i++) {
		uint32_t other = c->by_text[i], g = p->group_of[other];
		size_t at = c->made.len > 0 ? c->made.len + 1 : 0;

		if (g == GROUP_NONE || c->stamp[g] != group + 1)
			continue;
		pair_write(c, s, me, other, c->mask[g]);
		if (g == group && same_as(&s->hosts[me], &s->hosts[other])) {
			c->partner[other].own_at = at;
			c->partner[other].own_len = (uint32_t)(c->made.len - at);
			sharing++;
		}
	}
	return sharing;
}

/* The list of a host; one that is not kept lasts until the next is made. */
static struct list
list_of(struct collisions *c, const struct study *s, uint32_t me)
{
	const struct study_host *mine = &s->hosts[me];
	uint32_t group = c->pairs->group_of[me];
	struct list *l;

	for (l = c->lists[group]; l != NULL; l = l->next) {
		if (l->as_name == mine->as_name && l->as_own == mine->as_own)
			return *l;
	}
	buf_clear(&c->made);
	if (write_all(c, s, me) == 1 || c->made.len > LISTS_MAX - c->kept)
		return (struct list){ .text = c->made.data, .len = c->made.len };
	c->kept += c->made.len;
	l = arena_alloc(&c->a, sizeof(*l));
	*l = (struct list){ c->lists[group], mine->as_name, mine->as_own,
		arena_strndup(&c->a, c->made.data, c->made.len), c->made.len };
	c->lists[group] = l;
	return *l;
}

/* The list without the host's own pair, and a comma beside that. */
static void
list_write(struct jsonw *w, const struct list *l, size_t at, size_t len)
{
	size_t next = at + len;

	if (at > 0)
		at--;
	else if (next < l->len)
		next++;
	jsonw_part(w, l->text, at);
	jsonw_part(w, l->text + next, l->len - next);
}

/* The lowest-numbered partners: the first hosts of each key, merged. */
static size_t
lowest_partners(const struct collisions *c, uint32_t me, uint32_t out[static TRUNCATED_TO])
{
	const struct pairs *p = c->pairs;
	uint32_t group = p->group_of[me];
	size_t n = 0;

	for (uint32_t i = p->gkey_first[group]; i < p->gkey_first[group + 1]; i++) {
		uint32_t key = p->gkeys[i].key;

		for (uint32_t k = c->low_first[key]; k < c->low_first[key + 1]; k++) {
			uint32_t host = c->low[k];
			size_t at = n;

			if (host == me)
				continue;
			while (at > 0 && out[at - 1] > host)
				at--;
			if (at == TRUNCATED_TO || (at > 0 && out[at - 1] == host))
				continue;
			if (n < TRUNCATED_TO)
				n++;
			memmove(&out[at + 1], &out[at], (n - at - 1) * sizeof(*out));
			out[at] = host;
		}
	}
	return n;
}

static void
write_lowest(struct collisions *c, const struct study *s, uint32_t me)
{
	const struct pairs *p = c->pairs;
	uint32_t low[TRUNCATED_TO];
	size_t n = lowest_partners(c, me, low);

	/* Insertion sort: the keys of the object stand in the order of their text. */
	for (size_t i = 1; i < n; i++) {
		for (size_t k = i; k > 0 && number_text_cmp(s->hosts[low[k - 1]].record,
						s->hosts[low[k]].record) > 0;
		     k--) {
			uint32_t swap = low[k];

			low[k] = low[k - 1];
			low[k - 1] = swap;
		}
	}
	for (size_t i = 0; i < n; i++)
		pair_write(c, s, me, low[i],
		    mask_number(c, pairs_ports(p, p->group_of[me], p->group_of[low[i]])));
}

static int
collisions_host(struct writer *o, const struct output_host *h, char **error)
{
	struct collisions *c = o->state;
	const struct partner *p = &c->partner[h->i];
	bool truncated = false;

	(void)error;
	if (h->h->cluster == STUDY_NONE)
		return 0;
	array_next(o);
	host_begin(&o->w, o->st, h, FORM_PAIRS);
	jsonw_object(&o->w);
	if (c->pairs->group_of[h->i] == GROUP_NONE) {
		/* Its key stands on a port that is not one of the studies'. */
	} else if (lists_all(c, o->st, h->h->cluster)) {
		struct list l = list_of(c, o->st, h->i);

		list_write(&o->w, &l, p->own_at, p->own_len);
	} else {
		buf_clear(&c->made);
		write_lowest(c, o->st, h->i);
		jsonw_part(&o->w, c->made.data, c->made.len);
		truncated = true;
	}
	jsonw_end_object(&o->w);
	host_end(&o->w, o->st, h, truncated);
	return 0;
}

const struct output_kind output_collisions = { .file = "collisions.json",
	.in_copy = true,
	.begin = collisions_begin,
	.host = collisions_host,
	.end = array_end,
	.abort = collisions_abort };
