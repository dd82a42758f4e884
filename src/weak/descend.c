/* Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "survey/parallel.h"

#include "secret.h"
#include "tree.h"

/* Units of the last place that a fraction may be below its value; a guard limb has far more. */
#define ERROR_UNITS (1U << 16)

/* n limbs of a node's product, in memory or read into room; NULL: it cannot be read. */
static const mp_limb_t *
product(struct tree *t, unsigned depth, size_t node, mp_limb_t *room)
{
	const struct level *l = &t->product[depth];
	const mp_limb_t *p = level_read(
	    &t->store, l, tree_product_at(t, depth, node), l->size[node], room);

	if (p == NULL)
		tree_fail(t, errno);
	return p;
}

/*
 * A child's fraction: the middle limbs of its parent's times its sibling's product.
 * What wraps around lands below the limbs that are wanted, or carries 1 into them.
 */
static void
descend_plain(struct tree *t, size_t node, unsigned worker)
{
	unsigned depth = t->level;
	size_t sibling = node ^ 1, s = t->product[depth].size[sibling];
	size_t f = t->lower.size[node / 2], want = tree_fraction_size(t, depth, node);
	const mp_limb_t *parent = t->lower.limbs + tree_fraction_at(t, depth - 1, node / 2);
	mp_limb_t *x = t->upper.limbs + tree_fraction_at(t, depth, node), *r;
	size_t m = nat_wrap_size(f), nr = m != 0 ? m + nat_wrap_scratch(m) : f + s;
	const mp_limb_t *p;

	r = tree_room(t, worker, nr + s);
	if ((p = product(t, depth, sibling, r + nr)) == NULL)
		return;
	if (m != 0)
		nat_mul_wrapped(r, m, parent, f, p, s, r + m);
	else
		nat_mul(r, parent, f, p, s);
	tree_put(x, r + f - want, want);
	t->upper.size[node] = (uint32_t)want;
}

/* Both children's at once. */
static void
descend_wrapped(struct tree *t, size_t parent, unsigned worker)
{
	unsigned depth = t->level;
	size_t f = t->lower.size[parent], nroom;
	struct wrap_shape shape = wrap_shape(f);
	struct nat factors[3] = { { t->lower.limbs + tree_fraction_at(t, depth - 1, parent), f } };
	struct wrap_sum sums[2];
	mp_limb_t *room;

	nroom = wrap_scratch(&shape, 3, 2);
	room = tree_room(t, worker, nroom + tree_node_limbs(t, depth - 1, parent) + 2);
	for (unsigned i = 0; i < 2; i++) {
		size_t child = 2 * parent + i, want = tree_fraction_size(t, depth, child);
		size_t n = t->product[depth].size[child];

		factors[1 + i] = (struct nat){ product(t, depth, child, room + nroom), n };
		if (factors[1 + i].d == NULL)
			return;
		nroom += n;
		sums[i] = (struct wrap_sum){ .npairs = 1,
			.pair = { { 0, 2 - i } },
			.to = t->upper.limbs + tree_fraction_at(t, depth, child),
			.from = f - want,
			.n = want };
		t->upper.size[child] = (uint32_t)want;
	}
	wrap_sums(&t->wrap, &shape, factors, 3, sums, 2, (double *)(void *)room);
}

static void
descend(size_t parent, unsigned worker, void *arg)
{
	struct tree *t = arg;

	if (tree_given_up(t))
		return;
	if (t->has_wrap && t->lower.size[parent] >= TREE_WRAP_MIN) {
		descend_wrapped(t, parent, worker);
		return;
	}
	descend_plain(t, 2 * parent, worker);
	descend_plain(t, 2 * parent + 1, worker);
}

/* gcd(N, D mod N) of a group's moduli. */
static void
finish_group(size_t group, unsigned worker, void *arg)
{
	struct tree *t = arg;
	size_t n = t->product[t->depth].size[group], f = t->lower.size[group], nr;
	mp_limb_t *x = t->lower.limbs + tree_fraction_at(t, t->depth, group);
	mp_limb_t *tmp, *all, *quotient, *rest;
	const mp_limb_t *p;
	mpz_t g, modulus, remainder;
	bool secret = false;

	if (tree_given_up(t) || t->first[group] == t->first[group + 1])
		return;
	tmp = tree_room(t, worker, n + f + 3 * (n + 1));
	all = tmp;
	quotient = tmp + n + f + n;
	rest = quotient + n + 1;
	if ((p = product(t, t->depth, group, tmp + n + f)) == NULL)
		return;
	/* Just above the true value, so that cutting off gives the integer. */
	mpn_add_1(x, x, (mp_size_t)f, ERROR_UNITS);
	nat_mul(all, x, f, p, n);
	all += f;
	nr = nat_size(all, n);
	mpz_init(g);
	for (size_t i = t->first[group]; i < t->first[group + 1]; i++) {
		const struct nat *m = &t->moduli[i];
		const mp_limb_t *r = all;
		size_t rn = nr;

		if (rn >= m->n) {
			mpn_tdiv_qr(quotient, rest, 0, all, (mp_size_t)nr, m->d, (mp_size_t)m->n);
			r = rest;
			rn = nat_size(rest, m->n);
		}
		mpz_gcd(g, mpz_roinit_n(modulus, m->d, (mp_size_t)m->n),
		    mpz_roinit_n(remainder, r, (mp_size_t)rn));
		if (mpz_cmp_ui(g, 1) != 0) {
			pthread_mutex_lock(&t->lock);
			t->hit(i, (struct nat){ mpz_limbs_read(g), mpz_size(g) }, t->arg);
			pthread_mutex_unlock(&t->lock);
			secret = true;
		}
	}
	if (secret) {
		explicit_bzero(tmp, (n + f + 3 * (n + 1)) * sizeof(*tmp));
		secret_wipe_stack();
	}
	mpz_clear(g);
}

void
tree_descend(struct tree *t)
{
	for (t->level = 2; t->level <= t->depth; t->level++) {
		tree_wipe(&t->lower);
		tree_turn(t);
		tree_init_fractions(t, t->level);
		level_fini(&t->store, &t->product[t->level - 1]);
		parallel_for(t->o->threads, (size_t)1 << (t->level - 1), descend, t);
		tree_drop_scratch(t);
		if (tree_given_up(t))
			return;
	}
	tree_wipe(&t->lower);
	tree_turn(t);
	parallel_for(t->o->threads, t->ngroups, finish_group, t);
}
