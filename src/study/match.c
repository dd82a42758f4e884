/* Pure: what changed from one study to another. */
#include <stdlib.h>
#include <string.h>

#include "survey/hashtab.h"
#include "survey/match.h"
#include "survey/mem.h"
#include "survey/unionfind.h"

const char *const match_change_names[MATCH_NCHANGES] = { "same", "grown", "shrunk", "rekeyed",
	"merged", "split", "regrouped", "new", "gone" };

void
match_list_add(struct match_list *l, uint32_t i)
{
	mem_grow(&l->v, &l->cap, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = i;
}

/* --- the same address, the same key ------------------------------------------ */

static void
match_hosts(struct match *m)
{
	struct hashtab t;

	hashtab_init(&t);
	m->host_b = xcalloc((size_t)m->a->nhosts + 1, sizeof(*m->host_b));
	m->host_a = xcalloc((size_t)m->b->nhosts + 1, sizeof(*m->host_a));
	for (uint32_t i = 0; i < m->a->nhosts; i++) {
		hashtab_put(&t, hashtab_hash(&t, &m->a->hosts[i].ip, sizeof(struct ip)), i);
		m->host_b[i] = STUDY_NONE;
	}
	for (uint32_t i = 0; i < m->b->nhosts; i++) {
		const struct ip *ip = &m->b->hosts[i].ip;
		uint32_t h = hashtab_hash(&t, ip, sizeof(*ip)), k;
		size_t at;

		for (k = hashtab_first(&t, h, &at); k != HASHTAB_NONE;
		     k = hashtab_next(&t, h, &at)) {
			if (ip_cmp(&m->a->hosts[k].ip, ip) == 0)
				break;
		}
		m->host_a[i] = k;
		if (k != STUDY_NONE)
			m->host_b[k] = i;
	}
	hashtab_fini(&t);
}

static void
match_keys(struct match *m)
{
	struct hashtab t;

	hashtab_init(&t);
	m->key_b = xcalloc((size_t)m->a->nkeys + 1, sizeof(*m->key_b));
	m->key_a = xcalloc((size_t)m->b->nkeys + 1, sizeof(*m->key_a));
	for (uint32_t i = 0; i < m->a->nkeys; i++) {
		m->key_b[i] = STUDY_NONE;
		if (m->a->keys[i].named)
			hashtab_put(&t, hashtab_hash(&t, m->a->keys[i].fp, KEY_LEN), i);
	}
	for (uint32_t i = 0; i < m->b->nkeys; i++) {
		const uint8_t *fp = m->b->keys[i].fp;
		uint32_t h = hashtab_hash(&t, fp, KEY_LEN), k;
		size_t at;

		m->key_a[i] = STUDY_NONE;
		if (!m->b->keys[i].named)
			continue;
		for (k = hashtab_first(&t, h, &at); k != HASHTAB_NONE;
		     k = hashtab_next(&t, h, &at)) {
			if (memcmp(m->a->keys[k].fp, fp, KEY_LEN) == 0)
				break;
		}
		m->key_a[i] = k;
		if (k != STUDY_NONE)
			m->key_b[k] = i;
	}
	hashtab_fini(&t);
}

/* --- hosts --------------------------------------------------------------------- */

bool
match_same_type(const struct study *a, const struct study_grab *x, const struct study *b,
    const struct study_grab *y)
{
	return x->port == y->port &&
	       strcmp(study_text_or_empty(a, x->alg), study_text_or_empty(b, y->alg)) == 0;
}

/* May the one have taken the other's place? */
static bool
comparable(const struct match *m, const struct study_grab *x, const struct study_grab *y)
{
	return m->same_tools ? x->port == y->port : match_same_type(m->a, x, m->b, y);
}

/* Is there a port where both studies saw keys that compare, and none of them is the same? */
static bool
has_changed(const struct match *m, uint32_t ha, uint32_t hb)
{
	const struct study_span *ga = &m->a->hosts[ha].grabs, *gb = &m->b->hosts[hb].grabs;

	for (uint32_t i = ga->at; i < ga->at + ga->n; i++) {
		const struct study_grab *x = &m->a->grabs[i];
		bool seen = false, same = false;

		for (uint32_t k = gb->at; k < gb->at + gb->n; k++) {
			const struct study_grab *y = &m->b->grabs[k];

			if (!comparable(m, x, y))
				continue;
			seen = true;
			same = same || m->key_b[x->key] == y->key;
		}
		if (seen && !same)
			return true;
	}
	return false;
}

/* Was it in a cluster, and shows none of the keys that it shared any more, but new ones in their places? */
static bool
is_rekeyed(const struct match *m, uint32_t ha, uint32_t hb)
{
	const struct study_span *ga = &m->a->hosts[ha].grabs, *gb = &m->b->hosts[hb].grabs;
	bool any = false;

	if (m->a->hosts[ha].cluster == STUDY_NONE)
		return false;
	for (uint32_t i = ga->at; i < ga->at + ga->n; i++) {
		const struct study_grab *x = &m->a->grabs[i];
		bool replaced = false;

		if (m->a->keys[x->key].nhosts < 2)
			continue;
		for (uint32_t k = gb->at; k < gb->at + gb->n; k++) {
			if (m->b->grabs[k].key == m->key_b[x->key])
				return false;
			replaced = replaced || comparable(m, x, &m->b->grabs[k]);
		}
		if (!replaced)
			return false; /* not shown any more is not changed */
		any = true;
	}
	return any;
}

static void
compare_hosts(struct match *m)
{
	for (uint32_t i = 0; i < m->b->nhosts; i++) {
		uint32_t before = m->host_a[i];

		if (m->knows_new && match_takes_part(&m->b->hosts[i]) &&
		    (before == STUDY_NONE || !match_takes_part(&m->a->hosts[before])))
			match_list_add(&m->new_hosts, i);
	}
	for (uint32_t i = 0; i < m->a->nhosts; i++) {
		uint32_t now = m->host_b[i];

		if (!match_takes_part(&m->a->hosts[i]))
			continue;
		if (now == STUDY_NONE || !match_takes_part(&m->b->hosts[now])) {
			if (m->knows_gone)
				match_list_add(&m->gone_hosts, i);
			continue;
		}
		m->kept++;
		if (has_changed(m, i, now))
			match_list_add(&m->changed, i);
		if (!is_rekeyed(m, i, now))
			continue;
		match_list_add(&m->rekeyed, i);
		if (m->b->hosts[now].cluster == STUDY_NONE)
			match_list_add(&m->repaired, i);
	}
}

/* --- keys ---------------------------------------------------------------------- */

/* The first use of a key by that host, on that port or one after it; the end when there is none. */
static uint32_t
find_use(const struct study *st, const struct study_span *uses, uint32_t host, uint8_t port)
{
	uint32_t lo = uses->at, hi = uses->at + uses->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const struct study_use *u = &st->uses[mid];

		if (u->host < host || (u->host == host && u->port < port))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* What a key of a and the same key of b have in common. */
struct common {
	uint32_t hosts;
	uint32_t a[NPORTS], b[NPORTS], both[NPORTS]; /* hosts by port */
};

static void
count_ports(const struct study *st, const struct study_span *uses, uint32_t count[static NPORTS])
{
	for (uint32_t i = uses->at; i < uses->at + uses->n; i++)
		count[st->uses[i].port]++;
}

static void
find_common(const struct match *m, uint32_t ka, uint32_t kb, struct common *c)
{
	const struct study_span *ua = &m->a->keys[ka].uses, *ub = &m->b->keys[kb].uses;
	uint32_t end = ub->at + ub->n;

	*c = (struct common){ .hosts = 0 };
	count_ports(m->a, ua, c->a);
	count_ports(m->b, ub, c->b);
	for (uint32_t i = ua->at; i < ua->at + ua->n; i++) {
		const struct study_use *u = &m->a->uses[i];
		uint32_t host = m->host_b[u->host], at;

		if (host == STUDY_NONE)
			continue;
		at = find_use(m->b, ub, host, u->port);
		c->both[u->port] += at < end && m->b->uses[at].host == host &&
				    m->b->uses[at].port == u->port;
		if (i > ua->at && m->a->uses[i - 1].host == u->host)
			continue;
		at = find_use(m->b, ub, host, 0);
		c->hosts += at < end && m->b->uses[at].host == host;
	}
}

static void
compare_on_ports(struct match *m, const struct common *c)
{
	for (int row = 0; row < NPORTS; row++) {
		struct match_port *p = &m->ports[row];

		if (c->a[row] == 0 && c->b[row] == 0)
			continue;
		if (c->a[row] == 0) {
			p->new_keys += m->knows_new;
			continue;
		}
		if (c->b[row] == 0) {
			p->gone += m->knows_gone;
			continue;
		}
		p->kept++;
		if (c->both[row] == 0)
			p->moved++;
		else if (c->b[row] > c->a[row])
			p->spread++;
		else if (c->b[row] < c->a[row])
			p->shrunk++;
	}
}

/* A key of b alone: do all hosts that show it have been there, with other types of keys only? */
static bool
is_of_other_type(const struct match *m, uint32_t key)
{
	const struct study_span *uses = &m->b->keys[key].uses;

	for (uint32_t i = uses->at; i < uses->at + uses->n; i++) {
		const struct study_use *u = &m->b->uses[i];
		const struct study_host *now = &m->b->hosts[u->host], *before;
		const struct study_grab *shown = NULL;
		bool any = false;

		if (m->host_a[u->host] == STUDY_NONE)
			return false;
		before = &m->a->hosts[m->host_a[u->host]];
		for (uint32_t g = now->grabs.at; g < now->grabs.at + now->grabs.n; g++) {
			if (m->b->grabs[g].key == key && m->b->grabs[g].port == u->port)
				shown = &m->b->grabs[g];
		}
		for (uint32_t g = before->grabs.at; g < before->grabs.at + before->grabs.n; g++) {
			if (shown == NULL || comparable(m, &m->a->grabs[g], shown))
				return false;
			any = any || m->a->grabs[g].port == u->port;
		}
		if (!any)
			return false;
	}
	return true;
}

static bool
is_shown(const struct study *st, uint32_t key)
{
	return key != STUDY_NONE && st->keys[key].uses.n > 0;
}

static void
compare_keys(struct match *m)
{
	struct common c;

	for (uint32_t i = 0; i < m->b->nkeys; i++) {
		if (!m->b->keys[i].named || !is_shown(m->b, i) || is_shown(m->a, m->key_a[i]))
			continue;
		if (m->knows_new) {
			match_list_add(&m->new_keys, i);
			m->new_of_other_type += is_of_other_type(m, i);
		}
		c = (struct common){ .hosts = 0 };
		count_ports(m->b, &m->b->keys[i].uses, c.b);
		compare_on_ports(m, &c);
	}
	for (uint32_t i = 0; i < m->a->nkeys; i++) {
		const struct study_key *k = &m->a->keys[i];
		uint32_t now = m->key_b[i];

		if (!k->named || !is_shown(m->a, i))
			continue;
		if (!is_shown(m->b, now)) {
			if (m->knows_gone)
				match_list_add(&m->gone_keys, i);
			c = (struct common){ .hosts = 0 };
			count_ports(m->a, &k->uses, c.a);
			compare_on_ports(m, &c);
			continue;
		}
		m->kept_keys++;
		find_common(m, i, now, &c);
		compare_on_ports(m, &c);
		if (c.hosts == 0)
			match_list_add(&m->moved, i);
		else if (m->b->keys[now].nhosts > k->nhosts)
			match_list_add(&m->spread, i);
		else if (m->b->keys[now].nhosts < k->nhosts)
			match_list_add(&m->shrunk, i);
	}
}

/* --- clusters -------------------------------------------------------------------- */

/* A cluster of a and one of b: hosts in common, or a shared key. */
struct pair {
	uint32_t a, b;
	bool by_key;
};

struct pairs {
	struct pair *v;
	size_t n, cap;
};

static void
add_pair(struct pairs *p, uint32_t a, uint32_t b, bool by_key)
{
	mem_grow(&p->v, &p->cap, p->n + 1, sizeof(*p->v));
	p->v[p->n++] = (struct pair){ a, b, by_key };
}

static int
by_clusters(const void *pa, const void *pb)
{
	const struct pair *x = pa, *y = pb;

	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	if (x->b != y->b)
		return x->b < y->b ? -1 : 1;
	return (int)y->by_key - (int)x->by_key;
}

static uint32_t
cluster_of_key(const struct study *st, uint32_t key)
{
	return st->hosts[st->uses[st->keys[key].uses.at].host].cluster;
}

/* Every host that is in a cluster in both, every key that is shared in both. */
static void
list_pairs(const struct match *m, struct pairs *p)
{
	for (uint32_t i = 0; i < m->a->nkeys; i++) {
		uint32_t now = m->key_b[i], x, y;

		if (now == STUDY_NONE || m->a->keys[i].nhosts < 2 || m->b->keys[now].nhosts < 2)
			continue;
		x = cluster_of_key(m->a, i);
		y = cluster_of_key(m->b, now);
		if (x != STUDY_NONE && y != STUDY_NONE)
			add_pair(p, x, y, true);
	}
	for (uint32_t i = 0; i < m->a->nhosts; i++) {
		uint32_t x = m->a->hosts[i].cluster, now = m->host_b[i];

		if (x != STUDY_NONE && now != STUDY_NONE && m->b->hosts[now].cluster != STUDY_NONE)
			add_pair(p, x, m->b->hosts[now].cluster, false);
	}
	if (p->n > 0)
		qsort(p->v, p->n, sizeof(*p->v), by_clusters);
}

/*
 * Clusters as numbers: those of a, then those of b.  by_key gets true for each cluster of a
 * that a key links to one of b.
 */
static uint32_t *
link_clusters(const struct match *m, bool *by_key)
{
	uint32_t na = m->a->nclusters, *parent = unionfind_new(na + m->b->nclusters);
	struct pairs p = { NULL, 0, 0 };

	list_pairs(m, &p);
	for (size_t i = 0, k; i < p.n; i = k) {
		uint32_t a = p.v[i].a, b = p.v[i].b, less = m->a->clusters[a].hosts.n, hosts = 0;

		for (k = i; k < p.n && p.v[k].a == a && p.v[k].b == b; k++)
			hosts += !p.v[k].by_key;
		if (m->b->clusters[b].hosts.n < less)
			less = m->b->clusters[b].hosts.n;
		if (p.v[i].by_key || 2 * (uint64_t)hosts >= less)
			unionfind_join(parent, a, na + b);
		by_key[a] = by_key[a] || p.v[i].by_key;
	}
	free(p.v);
	return parent;
}

/* Hosts and shared keys of one side's clusters that the other side's have not. */
static void
list_differences(const struct match *m, struct match_group *g, uint32_t number)
{
	for (size_t i = 0; i < g->b.n; i++) {
		const struct study_cluster *k = &m->b->clusters[g->b.v[i]];

		for (uint32_t h = 0; h < k->hosts.n; h++) {
			uint32_t host = study_member(m->b, k, h), before = m->host_a[host];
			uint32_t c = before != STUDY_NONE ? m->a->hosts[before].cluster
							  : STUDY_NONE;

			if (c == STUDY_NONE || m->group_a[c] != number)
				match_list_add(&g->added, host);
		}
		for (uint32_t s = 0; s < k->nshared; s++) {
			uint32_t key = study_cluster_key(m->b, k, s), before = m->key_a[key];

			if (before == STUDY_NONE || m->a->keys[before].nhosts < 2)
				match_list_add(&g->new_keys, key);
		}
	}
	for (size_t i = 0; i < g->a.n; i++) {
		const struct study_cluster *k = &m->a->clusters[g->a.v[i]];

		for (uint32_t h = 0; h < k->hosts.n; h++) {
			uint32_t host = study_member(m->a, k, h), now = m->host_b[host];
			uint32_t c = now != STUDY_NONE ? m->b->hosts[now].cluster : STUDY_NONE;

			if (c == STUDY_NONE || m->group_b[c] != number)
				match_list_add(&g->removed, host);
			if (now != STUDY_NONE && match_takes_part(&m->b->hosts[now]) &&
			    is_rekeyed(m, host, now))
				match_list_add(&g->rekeyed, host);
		}
		for (uint32_t s = 0; s < k->nshared; s++) {
			uint32_t key = study_cluster_key(m->a, k, s), now = m->key_b[key];

			if (now == STUDY_NONE || m->b->keys[now].nhosts < 2)
				match_list_add(&g->gone_keys, key);
		}
	}
}

static enum match_change
change_of(const struct match *m, const struct match_group *g, bool by_key)
{
	uint32_t na, nb;

	if (g->a.n == 0)
		return MATCH_NEW;
	if (g->b.n == 0)
		return MATCH_GONE;
	if (g->a.n > 1 && g->b.n > 1)
		return MATCH_REGROUPED;
	if (g->a.n > 1)
		return MATCH_MERGED;
	if (g->b.n > 1)
		return MATCH_SPLIT;
	/* Other keys, and no host has put a new one in the place of an old one: types that were not asked for. */
	if (!by_key && g->rekeyed.n > 0)
		return MATCH_REKEYED;
	na = m->a->clusters[g->a.v[0]].hosts.n;
	nb = m->b->clusters[g->b.v[0]].hosts.n;
	if (g->added.n == 0 && g->removed.n == 0)
		return MATCH_SAME;
	return nb > na ? MATCH_GROWN : nb < na ? MATCH_SHRUNK : MATCH_REGROUPED;
}

static void
compare_clusters(struct match *m)
{
	uint32_t na = m->a->nclusters, nb = m->b->nclusters;
	bool *by_key = xcalloc((size_t)na + 1, sizeof(*by_key));
	uint32_t *parent = link_clusters(m, by_key);
	uint32_t *number = xcalloc((size_t)na + nb + 1, sizeof(*number)); /* plus one, of a root */
	size_t cap = 0;

	m->group_a = xcalloc((size_t)na + 1, sizeof(*m->group_a));
	m->group_b = xcalloc((size_t)nb + 1, sizeof(*m->group_b));
	for (uint32_t i = 0; i < na + nb; i++) {
		uint32_t root = unionfind_root(parent, i);
		struct match_group *g;

		if (number[root] == 0) {
			mem_grow(&m->groups, &cap, m->ngroups + 1, sizeof(*m->groups));
			m->groups[m->ngroups] = (struct match_group){ .change = MATCH_SAME };
			number[root] = (uint32_t)++m->ngroups;
		}
		g = &m->groups[number[root] - 1];
		match_list_add(i < na ? &g->a : &g->b, i < na ? i : i - na);
		*(i < na ? &m->group_a[i] : &m->group_b[i - na]) = number[root] - 1;
	}
	for (uint32_t i = 0; i < m->ngroups; i++) {
		struct match_group *g = &m->groups[i];

		list_differences(m, g, i);
		g->change = change_of(m, g, g->a.n > 0 && by_key[g->a.v[0]]);
	}
	free(number);
	free(parent);
	free(by_key);
}

/* --- all of it --------------------------------------------------------------------- */

static bool
same_text(const struct study *a, uint32_t x, const struct study *b, uint32_t y)
{
	const char *s = study_text_or_empty(a, x), *t = study_text_or_empty(b, y);

	return s[0] != '\0' && strcmp(s, t) == 0;
}

/* Are the tools and the config of all runs known, and the same? */
static bool
have_same_tools(const struct study *a, const struct study *b)
{
	const struct study *both[] = { a, b };

	if (a->nruns == 0 || b->nruns == 0)
		return false;
	for (int side = 0; side < 2; side++) {
		for (uint32_t i = 0; i < both[side]->nruns; i++) {
			const struct study_run *r = &both[side]->runs[i];

			if (!same_text(a, a->runs[0].tools, both[side], r->tools) ||
			    !same_text(a, a->runs[0].config_sha256, both[side], r->config_sha256))
				return false;
		}
	}
	return true;
}

void
match_init(struct match *m, const struct study *a, const struct study *b)
{
	*m = (struct match){ .a = a,
		.b = b,
		.same_tools = have_same_tools(a, b),
		.knows_new = (a->parts & STUDY_OTHERS) != 0,
		.knows_gone = (b->parts & STUDY_OTHERS) != 0 };
	match_hosts(m);
	match_keys(m);
}

void
match_studies(struct match *m, const struct study *a, const struct study *b)
{
	match_init(m, a, b);
	compare_hosts(m);
	compare_keys(m);
	compare_clusters(m);
}

void
match_fini(struct match *m)
{
	struct match_list *lists[] = { &m->new_hosts, &m->gone_hosts, &m->changed, &m->rekeyed,
		&m->repaired, &m->new_keys, &m->gone_keys, &m->spread, &m->shrunk, &m->moved };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		free(lists[i]->v);
	for (size_t i = 0; i < m->ngroups; i++) {
		struct match_group *g = &m->groups[i];
		struct match_list *of_group[] = { &g->a, &g->b, &g->added, &g->removed, &g->rekeyed,
			&g->new_keys, &g->gone_keys };

		for (size_t k = 0; k < sizeof(of_group) / sizeof(of_group[0]); k++)
			free(of_group[k]->v);
	}
	free(m->groups);
	free(m->group_a);
	free(m->group_b);
	free(m->host_a);
	free(m->host_b);
	free(m->key_a);
	free(m->key_b);
	*m = (struct match){ .a = NULL };
}

bool
match_is_change(const struct match *m)
{
	if (m->new_hosts.n + m->gone_hosts.n + m->changed.n + m->new_keys.n + m->gone_keys.n +
		m->spread.n + m->shrunk.n + m->moved.n >
	    0)
		return true;
	for (size_t i = 0; i < m->ngroups; i++) {
		if (m->groups[i].change != MATCH_SAME)
			return true;
	}
	return false;
}

uint64_t
match_count_reason(const char *const *why, size_t n, size_t i)
{
	uint64_t count = 0;

	for (size_t k = i; k-- > 0;) {
		if (why[k] == why[i])
			return 0;
	}
	for (size_t k = i; k < n; k++)
		count += why[k] == why[i];
	return count;
}
