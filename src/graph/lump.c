/* Pure: lumps together what a drawing has no room for. */
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/unionfind.h"

#include "collapse.h"

static int
cmp_u32(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

/* The largest, then those of most keys, then those of the keys that by_bundle_size() puts first. */
static int
by_group_size(const void *pa, const void *pb, void *arg)
{
	const struct collapse *col = arg;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	const struct group *x = &col->groups[a], *y = &col->groups[b];
	int c = cmp_u32(y->nhosts, x->nhosts);

	if (c == 0)
		c = cmp_u32(y->nitems, x->nitems);
	if (c == 0 && x->nitems > 0)
		c = cmp_u32(col->items[x->item0].key, col->items[y->item0].key);
	return c != 0 ? c : cmp_u32(a, b);
}

static int
by_bundle_size(const void *pa, const void *pb, void *arg)
{
	const struct collapse *x = arg;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	int c = cmp_u32(x->bundles[b].nhosts, x->bundles[a].nhosts);

	return c != 0 ? c : cmp_u32(a, b);
}

static void
keep_largest(struct rest *r, struct collapse *x, uint32_t ngroups, uint32_t nbundles)
{
	uint32_t most = x->ngroups > x->nbundles ? x->ngroups : x->nbundles;
	uint32_t *order = xcalloc((size_t)most + 1, sizeof(*order));

	for (uint32_t i = 0; i < most; i++)
		order[i] = i;
	qsort_r(order, x->ngroups, sizeof(*order), by_group_size, x);
	for (uint32_t i = 0; i < ngroups && i < x->ngroups; i++)
		r->kept[order[i]] = true;
	for (uint32_t i = 0; i < most; i++)
		order[i] = i;
	qsort_r(order, x->nbundles, sizeof(*order), by_bundle_size, x);
	for (uint32_t i = 0; i < nbundles && i < x->nbundles; i++)
		r->kept[x->ngroups + order[i]] = true;
	free(order);
}

static int
by_touch(const void *pa, const void *pb)
{
	const struct touch *a = pa, *b = pb;
	int c = cmp_u32(a->part, b->part);

	if (c == 0)
		c = cmp_u32(a->kept, b->kept);
	return c != 0 ? c : cmp_u32(a->group, b->group);
}

/* Put the touches in the order of their parts, one of each, and tell the parts where theirs are. */
static void
index_touches(struct rest *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->nparts; i++)
		r->parts[i].nnear = 0;
	if (r->ntouches > 0)
		qsort(r->touches, r->ntouches, sizeof(*r->touches), by_touch);
	for (uint32_t i = 0; i < r->ntouches; i++) {
		struct part *p = &r->parts[r->touches[i].part];

		if (n > 0 && by_touch(&r->touches[n - 1], &r->touches[i]) == 0)
			continue;
		if (p->nnear++ == 0)
			p->near0 = n;
		r->touches[n++] = r->touches[i];
	}
	r->ntouches = n;
}

/* What is not kept and hangs together is one part. */
static void
find_parts(struct rest *r, const struct collapse *x)
{
	uint32_t n = x->ngroups + x->nbundles;
	uint32_t *parent = unionfind_new(n);
	uint32_t *part = r->part_of;

	for (uint32_t i = 0; i < x->ngroups; i++) {
		for (uint32_t k = 0; k < x->groups[i].nitems; k++) {
			uint32_t b = x->ngroups + x->items[x->groups[i].item0 + k].key;

			if (!r->kept[i] && !r->kept[b])
				unionfind_join(parent, b, i);
		}
	}
	for (uint32_t i = 0; i < n; i++) {
		if (!r->kept[i] && unionfind_root(parent, i) == i)
			part[i] = r->nparts++;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct part *p;

		if (r->kept[i])
			continue;
		part[i] = part[unionfind_root(parent, i)];
		p = &r->parts[part[i]];
		if (i < x->ngroups)
			p->nhosts += x->groups[i].nhosts;
		else
			p->nkeys += x->bundles[i - x->ngroups].nkeys;
	}
	for (uint32_t i = 0; i < x->ngroups; i++) {
		for (uint32_t k = 0; k < x->groups[i].nitems; k++) {
			const struct item *it = &x->items[x->groups[i].item0 + k];
			uint32_t b = x->ngroups + it->key;

			if (r->kept[i] == r->kept[b])
				continue;
			r->touches[r->ntouches++] = (struct touch){ part[r->kept[i] ? b : i],
				r->kept[i] ? i : b, collapse_port_group(x, it) };
		}
	}
	free(parent);
}

/* Part i becomes part target[i], of which there are n. */
static void
join_parts(struct rest *r, uint32_t nnodes, const uint32_t *target, uint32_t n)
{
	struct part *parts = xcalloc((size_t)n + 1, sizeof(*parts));

	for (uint32_t i = 0; i < r->nparts; i++) {
		parts[target[i]].nhosts += r->parts[i].nhosts;
		parts[target[i]].nkeys += r->parts[i].nkeys;
	}
	for (uint32_t i = 0; i < r->ntouches; i++)
		r->touches[i].part = target[r->touches[i].part];
	for (uint32_t i = 0; i < nnodes; i++)
		r->part_of[i] = r->kept[i] ? 0 : target[r->part_of[i]];
	free(r->parts);
	r->parts = parts;
	r->nparts = n;
	index_touches(r);
}

static int
by_neighbours(const void *pa, const void *pb, void *arg)
{
	const struct rest *r = arg;
	const struct part *a = &r->parts[*(const uint32_t *)pa];
	const struct part *b = &r->parts[*(const uint32_t *)pb];
	int c = cmp_u32(a->nnear, b->nnear);

	for (uint32_t i = 0; c == 0 && i < a->nnear; i++) {
		const struct touch *s = &r->touches[a->near0 + i];
		const struct touch *t = &r->touches[b->near0 + i];

		c = cmp_u32(s->kept, t->kept);
		if (c == 0)
			c = cmp_u32(s->group, t->group);
	}
	return c;
}

static int
by_neighbours_and_number(const void *pa, const void *pb, void *arg)
{
	int c = by_neighbours(pa, pb, arg);

	return c != 0 ? c : cmp_u32(*(const uint32_t *)pa, *(const uint32_t *)pb);
}

static int
by_part_size(const void *pa, const void *pb, void *arg)
{
	const struct rest *r = arg;
	uint32_t ia = *(const uint32_t *)pa, ib = *(const uint32_t *)pb;
	const struct part *a = &r->parts[ia], *b = &r->parts[ib];
	int c = cmp_u32(b->nhosts, a->nhosts);

	if (c == 0)
		c = cmp_u32(b->nkeys, a->nkeys);
	return c != 0 ? c : cmp_u32(ia, ib);
}

static uint32_t *
sorted_parts(struct rest *r, int (*compare)(const void *, const void *, void *))
{
	uint32_t *order = xcalloc((size_t)r->nparts + 1, sizeof(*order));

	for (uint32_t i = 0; i < r->nparts; i++)
		order[i] = i;
	qsort_r(order, r->nparts, sizeof(*order), compare, r);
	return order;
}

static void
join_alike(struct rest *r, uint32_t nnodes)
{
	uint32_t *order = sorted_parts(r, by_neighbours_and_number);
	uint32_t *target = xcalloc((size_t)r->nparts + 1, sizeof(*target)), n = 0;

	for (uint32_t i = 0; i < r->nparts; i++) {
		n += i == 0 || by_neighbours(&order[i - 1], &order[i], r) != 0;
		target[order[i]] = n - 1;
	}
	join_parts(r, nnodes, target, n);
	free(order);
	free(target);
}

/* The largest stay; the others are joined by the least used key, or smallest group, they hang on. */
static void
join_small(struct rest *r, uint32_t nkept, uint32_t most)
{
	uint32_t *order = sorted_parts(r, by_part_size);
	uint32_t *target = xcalloc((size_t)r->nparts + 1, sizeof(*target));
	uint32_t *at = xcalloc((size_t)nkept + 1, sizeof(*at)), n = 0;

	for (uint32_t i = 0; i < r->nparts; i++) {
		const struct part *p = &r->parts[order[i]];
		uint32_t last = p->nnear > 0 ? r->touches[p->near0 + p->nnear - 1].kept : nkept;

		if (i < most) {
			target[order[i]] = n++;
			continue;
		}
		if (at[last] == 0)
			at[last] = ++n;
		target[order[i]] = at[last] - 1;
	}
	join_parts(r, nkept, target, n);
	free(order);
	free(target);
	free(at);
}

/* A part of one group, or of one bundle, is as well drawn as what it is. */
static void
keep_lone(struct rest *r, uint32_t nnodes)
{
	uint32_t *members = xcalloc((size_t)r->nparts + 1, sizeof(*members));
	uint32_t *number = xcalloc((size_t)r->nparts + 1, sizeof(*number)), n = 0, ntouches = 0;

	for (uint32_t i = 0; i < nnodes; i++) {
		if (!r->kept[i])
			members[r->part_of[i]]++;
	}
	for (uint32_t i = 0; i < nnodes; i++)
		r->kept[i] |= members[r->part_of[i]] == 1;
	for (uint32_t i = 0; i < r->nparts; i++) {
		if (members[i] == 1)
			continue;
		r->parts[n] = r->parts[i];
		number[i] = n++;
	}
	for (uint32_t i = 0; i < r->ntouches; i++) {
		struct touch t = r->touches[i];

		if (members[t.part] == 1)
			continue;
		t.part = number[t.part];
		r->touches[ntouches++] = t;
	}
	r->nparts = n;
	r->ntouches = ntouches;
	index_touches(r);
	free(members);
	free(number);
}

void
rest_init(struct rest *r, struct collapse *x, uint32_t ngroups, uint32_t nbundles, uint32_t nparts)
{
	size_t n = (size_t)x->ngroups + x->nbundles + 1, nitems = 1;

	for (uint32_t i = 0; i < x->ngroups; i++)
		nitems += x->groups[i].nitems;
	*r = (struct rest){ 0 };
	r->kept = xcalloc(n, sizeof(*r->kept));
	r->parts = xcalloc(n, sizeof(*r->parts));
	r->part_of = xcalloc(n, sizeof(*r->part_of));
	r->touches = xcalloc(nitems, sizeof(*r->touches));
	keep_largest(r, x, ngroups, nbundles);
	find_parts(r, x);
	index_touches(r);
	join_alike(r, x->ngroups + x->nbundles);
	if (r->nparts > nparts)
		join_small(r, x->ngroups + x->nbundles, nparts / 2);
	keep_lone(r, x->ngroups + x->nbundles);
}

void
rest_fini(struct rest *r)
{
	free(r->kept);
	free(r->part_of);
	free(r->parts);
	free(r->touches);
}
