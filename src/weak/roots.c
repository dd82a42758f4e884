/*
 * At the roots: for the left one D ≡ D1·P2 modulo P1, and D1·P2/P1 modulo 1 is the fraction
 * to begin with.  GMP's division would be a third of all the work, so P1 is inverted by
 * Newton's method, with products modulo B^W − 1 whose known parts wrap around.
 *
 * Pure.
 */
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/parallel.h"

#include "tree.h"

/* x = frac(top / own), f limbs of it. */
static void
divide(mp_limb_t *x, size_t f, const mp_limb_t *top, size_t n, const mp_limb_t *own, size_t nown)
{
	mp_limb_t *num, *q, *r;
	size_t nq;

	memset(x, 0, f * sizeof(*x));
	if (n == 0 || tree_is_one(own, nown) || n + f < nown)
		return;
	nq = n + f - nown + 1;
	num = xcalloc(n + f, sizeof(*num));
	q = xreallocarray(NULL, nq, sizeof(*q));
	r = xreallocarray(NULL, nown, sizeof(*r));
	tree_put(num + f, top, n);
	mpn_tdiv_qr(q, r, 0, num, (mp_size_t)(n + f), own, (mp_size_t)nown);
	tree_put(x, q, nq < f ? nq : f);
	explicit_bzero(q, nq * sizeof(*q));
	explicit_bzero(r, nown * sizeof(*r));
	free(num);
	free(q);
	free(r);
}

/* m = a mod own; a is not changed.  Returns the limbs of m, which has room for nown. */
static size_t
reduce(mp_limb_t *m, const mp_limb_t *a, size_t na, const mp_limb_t *own, size_t nown)
{
	mp_limb_t *q;

	if (na < nown) {
		tree_put(m, a, na);
		return na;
	}
	q = xreallocarray(NULL, na - nown + 1, sizeof(*q));
	mpn_tdiv_qr(q, m, 0, a, (mp_size_t)na, own, (mp_size_t)nown);
	free(q);
	return nat_size(m, nown);
}

/* ---- by an inverse ---- */

#define NEWTON_MIN 96 /* limbs; shorter ones are divided */
#define SLACK 4 /* units that an inverse may be off by, at most */

struct newton {
	struct tree *t;
	unsigned worker;
	const mp_limb_t *own; /* what is inverted */
	size_t n;
	mp_limb_t *tmp; /* of 2·n limbs and a few */
};

/* r = a·b modulo B^W − 1 with W >= limbs; r has wrap_room(limbs).  Returns W. */
static size_t
wrapped_product(const struct newton *w, mp_limb_t *r, struct nat a, struct nat b, size_t limbs)
{
	struct wrap_shape shape = wrap_shape(limbs);
	struct nat factors[] = { a, b };
	struct wrap_sum sum = { .npairs = 1, .pair = { { 0, 1 } }, .to = r, .n = shape.limbs };

	wrap_sums(&w->t->wrap, &shape, factors, 2, &sum, 1,
	    (double *)(void *)tree_room(w->t, w->worker, wrap_scratch(&shape, 2, 1)));
	return shape.limbs;
}

static void
invert_plain(const struct newton *w, mp_limb_t *k, size_t p)
{
	size_t top = w->n < p + 3 ? w->n : p + 3;
	mp_limb_t *num = xcalloc(top + p + 1, sizeof(*num));
	mp_limb_t *rest = xreallocarray(NULL, top, sizeof(*rest));

	num[top + p] = 1;
	mpn_tdiv_qr(k, rest, 0, num, (mp_size_t)(top + p + 1), w->own + w->n - top, (mp_size_t)top);
	free(num);
	free(rest);
}

/*
 * k = B^(n + p) / own in p + 2 limbs, below it by at most 2·SLACK.
 *
 * From an inverse of half the precision q: with E = B^(top + q) − k·own, of own's upper limbs, the
 * better one is k·B^(p − q) + k·E / B^(top + 2q − p).  E is short, and all that is known of it
 * may wrap around.  Its low limbs that count for nothing are left out.
 */
static void
invert(const struct newton *w, mp_limb_t *k, size_t p)
{
	size_t q = p / 2 + 2, top = w->n < p + 3 ? w->n : p + 3, size, drop, n, shift;
	mp_limb_t *half = k + p - q, *e = w->tmp;
	struct nat better, error;

	if (p < NEWTON_MIN) {
		invert_plain(w, k, p);
		mpn_sub_1(k, k, (mp_size_t)(p + 2), SLACK);
		return;
	}
	invert(w, half, q);
	better = (struct nat){ half, nat_size(half, q + 2) };
	size = wrapped_product(w, e, better, (struct nat){ w->own + w->n - top, top },
	    top + 3 > better.n ? top + 3 : better.n);
	/* −x is the complement of x. */
	mpn_com(e, e, (mp_size_t)size);
	n = (top + q) % size;
	if (mpn_add_1(e + n, e + n, (mp_size_t)(size - n), 1) != 0)
		mpn_add_1(e, e, (mp_size_t)size, 1);
	drop = top + q > p + 2 ? top + q - p - 2 : 0;
	n = nat_size(e, size);
	error = n > drop ? (struct nat){ e + drop, n - drop } : (struct nat){ e, 0 };
	memset(k, 0, (p - q) * sizeof(*k));
	if (error.n > 0) {
		size = wrapped_product(w, e, better, error, better.n + error.n);
		shift = top + 2 * q - p - drop;
		n = nat_size(e, size);
		if (n > shift)
			mpn_add(k, k, (mp_size_t)(p + 2), e + shift, (mp_size_t)(n - shift));
	}
	mpn_sub_1(k, k, (mp_size_t)(p + 2), SLACK);
}

/* x = frac(top / own), to about one unit of the last of f limbs. */
static void
divide_wrapped(struct newton *w, mp_limb_t *x, size_t f, struct nat top)
{
	size_t p = top.n + f - w->n + 2, at = w->n + p - f;
	mp_limb_t *k = xreallocarray(NULL, p + 2, sizeof(*k));
	struct wrap_shape shape;
	struct nat factors[2];
	struct wrap_sum sum = { .npairs = 1, .pair = { { 0, 1 } }, .to = x, .from = at, .n = f };

	w->tmp = xreallocarray(NULL, wrap_room((w->n > p ? w->n : p) + 16), sizeof(*w->tmp));
	invert(w, k, p);
	free(w->tmp);
	factors[0] = top;
	factors[1] = (struct nat){ k, nat_size(k, p + 2) };
	shape = wrap_shape(at + f);
	wrap_sums(&w->t->wrap, &shape, factors, 2, &sum, 1,
	    (double *)(void *)tree_room(w->t, w->worker, wrap_scratch(&shape, 2, 1)));
	free(k);
}

/* ---- one root ---- */

/* The fraction of one root: own derivative · other's product · extra / own product. */
static void
divide_root(size_t side, unsigned worker, void *arg)
{
	struct tree *t = arg;
	const struct level *products = &t->product[1];
	const mp_limb_t *own = products->limbs + tree_product_at(t, 1, side);
	const mp_limb_t *other = products->limbs + tree_product_at(t, 1, 1 - side);
	const mp_limb_t *d = t->lower.limbs + tree_derivative_at(t, 1, side);
	size_t nown = products->size[side], nother = products->size[1 - side];
	size_t nd = t->lower.size[side], ntop = 0, f = tree_fraction_size(t, 1, side);
	const struct nat extra = t->o->extra;
	mp_limb_t *x = t->upper.limbs + tree_fraction_at(t, 1, side), *m, *top, *with = NULL;
	struct newton w = { t, worker, own, nown, NULL };

	if (tree_given_up(t))
		return;
	if (t->o->only_extra) {
		other = extra.d;
		nother = extra.n;
	} else if (extra.n > 0) {
		with = xreallocarray(NULL, nother + extra.n, sizeof(*with));
		nat_mul(with, other, nother, extra.d, extra.n);
		nother = nat_size(with, nother + extra.n);
		other = with;
	}
	m = xreallocarray(NULL, nown, sizeof(*m));
	nother = reduce(m, other, nother, own, nown);
	free(with);
	top = xreallocarray(NULL, wrap_room(nother + nd), sizeof(*top));
	if (nother == 0 || nd == 0) {
		memset(x, 0, f * sizeof(*x));
	} else if (t->has_wrap && nown >= NEWTON_MIN) {
		ntop = wrapped_product(
		    &w, top, (struct nat){ m, nother }, (struct nat){ d, nd }, nother + nd);
		divide_wrapped(&w, x, f, (struct nat){ top, nat_size(top, ntop) });
	} else {
		nat_mul(top, m, nother, d, nd);
		divide(x, f, top, nat_size(top, nother + nd), own, nown);
	}
	free(m);
	free(top);
	t->upper.size[side] = (uint32_t)f;
}

size_t
tree_roots_limbs(const struct tree *t)
{
	size_t left = tree_node_limbs(t, 1, 0), right = tree_node_limbs(t, 1, 1);

	return 3 * (left > right ? left : right) + 2 * TREE_GUARD(t->depth) + 16;
}

void
tree_divide_roots(struct tree *t)
{
	tree_turn(t);
	tree_init_fractions(t, 1);
	parallel_for(t->narrow ? 1 : t->o->threads, 2, divide_root, t);
	tree_drop_scratch(t);
}
