/* Pure. */
#include <errno.h>
#include <string.h>

#include "survey/parallel.h"

#include "tree.h"

/* d = a + b, with as many limbs as fit; returns those in use. */
static size_t
add(mp_limb_t *d, const mp_limb_t *b, size_t dn, size_t bn)
{
	mp_limb_t carry;

	if (dn < bn) {
		memset(d + dn, 0, (bn - dn) * sizeof(*d));
		dn = bn;
	}
	carry = mpn_add(d, d, (mp_size_t)dn, b, (mp_size_t)bn);
	if (carry != 0)
		d[dn++] = carry;
	return dn;
}

/* The lowest nodes: one modulus after the other. */
static void
make_group(size_t group, unsigned worker, void *arg)
{
	struct tree *t = arg;
	mp_limb_t *p = t->product[t->depth].limbs + tree_product_at(t, t->depth, group);
	mp_limb_t *d = t->upper.limbs + tree_derivative_at(t, t->depth, group);
	size_t limbs = tree_node_limbs(t, t->depth, group), np = 1, nd = 0;
	mp_limb_t *tmp = tree_room(t, worker, limbs + 2);

	p[0] = 1;
	for (size_t i = t->first[group]; i < t->first[group + 1]; i++) {
		const struct nat *m = &t->moduli[i];

		if (i == t->first[group]) {
			tree_put(p, m->d, m->n);
			np = m->n;
			d[0] = 1;
			nd = 1;
			continue;
		}
		if (!t->o->only_extra) {
			nat_mul(tmp, d, nd, m->d, m->n);
			nd = nat_size(tmp, nd + m->n);
			tree_put(d, tmp, nd);
			nd = add(d, p, nd, np);
		}
		nat_mul(tmp, p, np, m->d, m->n);
		np = nat_size(tmp, np + m->n);
		tree_put(p, tmp, np);
	}
	t->product[t->depth].size[group] = (uint32_t)np;
	t->upper.size[group] = (uint32_t)nd;
}

/* A node's children, and where it goes. */
struct family {
	struct nat p1, p2, d1, d2;
	mp_limb_t *p, *d;
};

static struct family
family_of(const struct tree *t, size_t node)
{
	unsigned below = t->level + 1;
	const struct level *products = &t->product[below];
	size_t left = 2 * node, right = left + 1;

	return (struct family){
		.p1 = { products->limbs + tree_product_at(t, below, left), products->size[left] },
		.p2 = { products->limbs + tree_product_at(t, below, right), products->size[right] },
		.d1 = { t->lower.limbs + tree_derivative_at(t, below, left), t->lower.size[left] },
		.d2 = { t->lower.limbs + tree_derivative_at(t, below, right),
		    t->lower.size[right] },
		.p = t->product[t->level].limbs + tree_product_at(t, t->level, node),
		.d = t->upper.limbs + tree_derivative_at(t, t->level, node),
	};
}

static void
set_sizes(struct tree *t, size_t node, size_t np, size_t nd)
{
	t->product[t->level].size[node] = (uint32_t)np;
	t->upper.size[node] = (uint32_t)nd;
}

/* P = P1·P2, D = D1·P2 + D2·P1, with whole products. */
static void
multiply_plain(struct tree *t, size_t node, unsigned worker, const struct family *f)
{
	size_t left = f->d1.n + f->p2.n, right = f->d2.n + f->p1.n, nd;
	mp_limb_t *tmp;

	nat_mul(f->p, f->p1.d, f->p1.n, f->p2.d, f->p2.n);
	f->d[0] = 1;
	nd = 1;
	if (!t->o->only_extra) {
		tmp = tree_room(t, worker, left > right ? left : right);
		nat_mul(tmp, f->d1.d, f->d1.n, f->p2.d, f->p2.n);
		nd = nat_size(tmp, left);
		tree_put(f->d, tmp, nd);
		nat_mul(tmp, f->d2.d, f->d2.n, f->p1.d, f->p1.n);
		nd = add(f->d, tmp, nd, nat_size(tmp, right));
	}
	set_sizes(t, node, nat_size(f->p, f->p1.n + f->p2.n), nd);
}

/* The same by transforms, long enough that nothing wraps around. */
static void
multiply_wrapped(struct tree *t, size_t node, unsigned worker, const struct family *f)
{
	size_t n = f->p1.n + f->p2.n;
	struct wrap_shape shape = wrap_shape(n + 1);
	struct nat factors[] = { f->p1, f->p2, f->d1, f->d2 };
	struct wrap_sum sums[] = {
		{ .npairs = 1, .pair = { { 0, 1 } }, .to = f->p, .n = n },
		{ .npairs = 2, .pair = { { 0, 3 }, { 1, 2 } }, .to = f->d, .n = n + 1 },
	};
	/* The last level has the largest numbers: there both sums at once take too much room. */
	size_t nsums = t->level == 1 ? 1 : 2, nfactors = t->o->only_extra ? 2 : 4;
	double *room = (double *)(void *)tree_room(
	    t, worker, wrap_scratch(&shape, nfactors, nsums));

	if (t->o->only_extra) {
		wrap_sums(&t->wrap, &shape, factors, 2, sums, 1, room);
		f->d[0] = 1;
		set_sizes(t, node, nat_size(f->p, n), 1);
		return;
	}
	for (size_t i = 0; i < 2; i += nsums)
		wrap_sums(&t->wrap, &shape, factors, i + nsums == 1 ? 2 : 4, sums + i, nsums, room);
	set_sizes(t, node, nat_size(f->p, n), nat_size(f->d, n + 1));
}

static void
make_node(size_t node, unsigned worker, void *arg)
{
	struct tree *t = arg;
	struct family f = family_of(t, node);

	if (tree_given_up(t))
		return;
	/* Without moduli: the node is its other child. */
	if (tree_is_one(f.p1.d, f.p1.n) || tree_is_one(f.p2.d, f.p2.n)) {
		bool take_left = tree_is_one(f.p2.d, f.p2.n);
		const struct nat *p = take_left ? &f.p1 : &f.p2, *d = take_left ? &f.d1 : &f.d2;

		tree_put(f.p, p->d, p->n);
		tree_put(f.d, d->d, d->n);
		set_sizes(t, node, p->n, d->n);
	} else if (t->has_wrap && f.p1.n + f.p2.n >= TREE_WRAP_MIN) {
		multiply_wrapped(t, node, worker, &f);
	} else {
		multiply_plain(t, node, worker, &f);
	}
}

void
tree_climb(struct tree *t)
{
	tree_init_products(t, t->depth);
	tree_init_derivatives(t, t->depth);
	parallel_for(t->o->threads, t->ngroups, make_group, t);
	for (t->level = t->depth; t->level-- > 1;) {
		tree_turn(t);
		tree_init_products(t, t->level);
		tree_init_derivatives(t, t->level);
		parallel_for(t->o->threads, (size_t)1 << t->level, make_node, t);
		tree_drop_scratch(t);
		if (!tree_given_up(t) && level_keep(&t->store, &t->product[t->level + 1]) == -1)
			tree_fail(t, errno);
		if (tree_given_up(t))
			return;
	}
	t->level = 1;
}
