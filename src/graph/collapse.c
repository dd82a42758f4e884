/*
 * Pure: joins the hosts and keys of a cluster that are alike, as a step says.
 */
#include <stdlib.h>

#include "survey/mem.h"
#include "survey/port.h"

#include "collapse.h"

static int
cmp_u32(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static enum port_group
group_of(const struct study_use *u)
{
	return palette_group(port_table[u->port].port);
}

/* The key at that place of the cluster's. */
static const struct study_key *
key_at(const struct collapse *x, uint32_t i)
{
	return &x->st->keys[study_cluster_key(x->st, x->c, i)];
}

/* Past the uses of the same host and, unless the step looks at hosts only, port group. */
static uint32_t
next_user(const struct collapse *x, const struct study_key *k, uint32_t i)
{
	const struct study_use *uses = &x->st->uses[k->uses.at];
	uint32_t from = i;

	while (++i < k->uses.n && uses[i].host == uses[from].host &&
	       (x->step->keys == KEYS_OF_HOSTS || group_of(&uses[i]) == group_of(&uses[from])))
		;
	return i;
}

/* Keys by the list of hosts, or of (host, port group), that show them. */
static int
by_users(const void *pa, const void *pb, void *arg)
{
	const struct collapse *col = arg;
	const struct study_use *uses = col->st->uses;
	const struct study_key *a = key_at(col, *(const uint32_t *)pa);
	const struct study_key *b = key_at(col, *(const uint32_t *)pb);
	uint32_t i = 0, j = 0;

	if (a->nhosts != b->nhosts)
		return a->nhosts > b->nhosts ? -1 : 1;
	while (i < a->uses.n && j < b->uses.n) {
		const struct study_use *x = &uses[a->uses.at + i], *y = &uses[b->uses.at + j];
		int c = cmp_u32(x->host, y->host);

		if (c == 0 && col->step->keys != KEYS_OF_HOSTS)
			c = (int)group_of(x) - (int)group_of(y);
		if (c != 0)
			return c;
		i = next_user(col, a, i);
		j = next_user(col, b, j);
	}
	return (int)(i < a->uses.n) - (int)(j < b->uses.n);
}

static int
by_users_and_number(const void *pa, const void *pb, void *arg)
{
	int c = by_users(pa, pb, arg);

	return c != 0 ? c : cmp_u32(*(const uint32_t *)pa, *(const uint32_t *)pb);
}

static void
bundle_keys(struct collapse *x)
{
	uint32_t n = x->c->nshared, *order = xcalloc((size_t)n + 1, sizeof(*order));

	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	if (x->step->keys != KEYS_EACH)
		qsort_r(order, n, sizeof(*order), by_users_and_number, x);
	x->nbundles = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (i == 0 || x->step->keys == KEYS_EACH ||
		    by_users(&order[i - 1], &order[i], x) != 0)
			x->bundles[x->nbundles++] = (struct bundle){ .first = order[i],
				.nhosts = key_at(x, order[i])->nhosts };
		x->bundles[x->nbundles - 1].nkeys++;
		x->class[order[i]] = x->nbundles - 1;
	}
	free(order);
}

static int
by_item(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;
	int c = cmp_u32(a->key, b->key);

	return c != 0 ? c : cmp_u32(a->port, b->port);
}

/* The first and one past the last use of the shared key at that place. */
static const struct study_use *
first_use(const struct collapse *x, uint32_t key, const struct study_use **end)
{
	const struct study_use *u = &x->st->uses[key_at(x, key)->uses.at];

	*end = u + key_at(x, key)->uses.n;
	return u;
}

/* What each host shows of the shared keys: sorted, each once. */
static void
list_items(struct collapse *x)
{
	uint32_t nhosts = x->c->hosts.n, n = 0;
	uint32_t *at = xcalloc((size_t)nhosts + 2, sizeof(*at));
	const struct study_use *u, *end;

	for (uint32_t k = 0; k < x->c->nshared; k++) {
		for (u = first_use(x, k, &end); u < end; u++)
			at[x->st->place[u->host] - x->c->hosts.at + 2]++;
	}
	for (uint32_t i = 2; i <= nhosts + 1; i++)
		at[i] += at[i - 1];
	for (uint32_t k = 0; k < x->c->nshared;
	     k++) { /* at[i + 1] moves from the start of i's to their end */
		for (u = first_use(x, k, &end); u < end; u++) {
			uint32_t port = x->step->port_groups ? (uint32_t)group_of(u)
							     : port_table[u->port].port;

			x->items[at[x->st->place[u->host] - x->c->hosts.at + 1]++] =
			    (struct item){ x->class[k], port };
		}
	}
	for (uint32_t i = 0; i < nhosts; i++) {
		uint32_t start = at[i], stop = at[i + 1];

		x->item0[i] = n;
		qsort(x->items + start, stop - start, sizeof(*x->items), by_item);
		for (uint32_t k = start; k < stop; k++) {
			if (k == start || by_item(&x->items[n - 1], &x->items[k]) != 0)
				x->items[n++] = x->items[k];
		}
	}
	x->item0[nhosts] = n;
	free(at);
}

static int
by_looks(const void *pa, const void *pb, void *arg)
{
	const struct collapse *x = arg;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	uint32_t na = x->item0[a + 1] - x->item0[a];
	uint32_t nb = x->item0[b + 1] - x->item0[b];
	int c = cmp_u32(x->as[a], x->as[b]);

	if (c == 0)
		c = cmp_u32(na, nb);
	for (uint32_t i = 0; c == 0 && i < na; i++)
		c = by_item(&x->items[x->item0[a] + i], &x->items[x->item0[b] + i]);
	return c;
}

static int
by_looks_and_number(const void *pa, const void *pb, void *arg)
{
	int c = by_looks(pa, pb, arg);

	return c != 0 ? c : cmp_u32(*(const uint32_t *)pa, *(const uint32_t *)pb);
}

static void
group_hosts(struct collapse *x)
{
	uint32_t n = x->c->hosts.n;

	for (uint32_t i = 0; i < n; i++)
		x->order[i] = i;
	if (!x->step->hosts_each)
		qsort_r(x->order, n, sizeof(*x->order), by_looks_and_number, x);
	x->ngroups = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t h = x->order[i], as = x->st->hosts[collapse_host(x, h)].as;

		if (i == 0 || x->step->hosts_each ||
		    by_looks(&x->order[i - 1], &x->order[i], x) != 0)
			x->groups[x->ngroups++] = (struct group){ .as = as,
				.order0 = i,
				.item0 = x->item0[h],
				.nitems = x->item0[h + 1] - x->item0[h] };
		struct group *g = &x->groups[x->ngroups - 1];

		if (g->as != as)
			g->as = STUDY_NONE;
		g->nhosts++;
	}
}

/* How a step sees the AS of each host. */
static void
see_ases(struct collapse *x, const struct drawing *d)
{
	for (uint32_t i = 0; i < x->c->hosts.n; i++) {
		uint32_t as = x->st->hosts[collapse_host(x, i)].as;

		if (x->step->as == AS_COLOURED) {
			bool coloured = false;

			for (size_t k = 0; k < d->nases && k < NAS_COLOURS; k++)
				coloured |= d->ases[k].as == as;
			if (!coloured)
				as = STUDY_NONE;
		}
		x->as[i] = as;
	}
}

void
collapse(struct collapse *x, const struct drawing *d, const struct step *step)
{
	x->step = step;
	bundle_keys(x);
	list_items(x);
	see_ases(x, d);
	group_hosts(x);
}

void
collapse_init(struct collapse *x, const struct study *st, const struct study_cluster *c)
{
	size_t nhosts = c->hosts.n, nitems = 1;

	*x = (struct collapse){ .st = st, .c = c };
	for (uint32_t i = 0; i < c->nshared; i++)
		nitems += key_at(x, i)->uses.n;
	x->class = xcalloc((size_t)c->nshared + 1, sizeof(*x->class));
	x->bundles = xcalloc((size_t)c->nshared + 1, sizeof(*x->bundles));
	x->items = xcalloc(nitems, sizeof(*x->items));
	x->item0 = xcalloc(nhosts + 1, sizeof(*x->item0));
	x->as = xcalloc(nhosts + 1, sizeof(*x->as));
	x->order = xcalloc(nhosts + 1, sizeof(*x->order));
	x->groups = xcalloc(nhosts + 1, sizeof(*x->groups));
}

void
collapse_fini(struct collapse *x)
{
	free(x->class);
	free(x->bundles);
	free(x->items);
	free(x->item0);
	free(x->as);
	free(x->order);
	free(x->groups);
}

uint32_t
collapse_port_group(const struct collapse *x, const struct item *it)
{
	return x->step->port_groups ? it->port : (uint32_t)palette_group(it->port);
}
