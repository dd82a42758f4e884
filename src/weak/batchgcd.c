/*
 * A product tree upwards, then a remainder tree downwards that never divides.
 *
 * With P the product of all moduli, the derivative D = Σ P/N is ≡ P/N modulo
 * each N: all other terms contain N.  So gcd(N, D mod N) is what N shares with
 * the others.  D = D1·P2 + D2·P1 comes up the tree beside P = P1·P2.
 *
 * Downwards each node has the fraction D/P mod 1, as many limbs of it as P
 * has and a few more.  D/P1 = D/P · P2, so a child's fraction is the parent's
 * times the sibling's product, of which only the middle limbs count.  At a
 * leaf, D mod N = (D/N mod 1) · N.
 *
 * The last step upwards and the first one downwards are the dearest and would
 * run in one thread, so there are two roots.  For the left one D ≡ D1·P2, which
 * is divided by P1; the right one likewise, at the same time.
 *
 * A number that all are tested against, too, is a factor of D at the roots.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "survey/mem.h"
#include "survey/parallel.h"

#include "batchgcd.h"
#include "levels.h"
#include "secret.h"

#define GROUP_LIMBS 96 /* of a lowest node, at least: a few moduli, handled one by one */
#define MAX_DEPTH 48

/* Limbs of a fraction beyond those of its product: one is lost a level. */
#define GUARD(depth_left) ((depth_left) + 2)
/* Units of the last place that a fraction may be off: up to 2 more a level. */
#define ERROR_UNITS (2 * MAX_DEPTH + 4)

struct scratch {
	mp_limb_t *limbs;
	size_t cap;
};

struct tree {
	const struct nat *moduli;
	const struct batch_options *o;
	unsigned depth; /* of the lowest nodes; the two roots are at depth 1 */
	size_t ngroups; /* lowest nodes: 1 << depth */
	size_t *first; /* by group, and one more: its first modulus */
	size_t *before; /* by group, and one more: limbs of all moduli before it */
	struct level product[MAX_DEPTH + 1]; /* by depth */
	struct level upper, lower; /* derivatives, going up; fractions, going down */
	unsigned level; /* depth that is made now */
	struct level_store store;
	struct scratch *scratch; /* by worker */
	atomic_int error; /* errno */
	void (*hit)(size_t i, struct nat g, void *arg);
	void *arg;
	pthread_mutex_t lock; /* of hit */
};

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool
given_up(const struct tree *t)
{
	return atomic_load(&t->error) != 0 || (t->o->stop != NULL && *t->o->stop != 0);
}

static mp_limb_t *
room(struct scratch *s, size_t n)
{
	if (n > s->cap) {
		if (s->limbs != NULL)
			explicit_bzero(s->limbs, s->cap * sizeof(*s->limbs));
		free(s->limbs);
		s->cap = n + n / 8;
		s->limbs = xreallocarray(NULL, s->cap, sizeof(*s->limbs));
	}
	return s->limbs;
}

/* Going down it holds fractions, from which factors follow. */
static void
drop_scratch(struct tree *t)
{
	for (unsigned i = 0; i < t->o->threads; i++) {
		if (t->scratch[i].limbs != NULL)
			explicit_bzero(
			    t->scratch[i].limbs, t->scratch[i].cap * sizeof(*t->scratch[i].limbs));
		free(t->scratch[i].limbs);
		t->scratch[i] = (struct scratch){ NULL, 0 };
	}
}

/* ---- shape: where each node's limbs are in its level ---- */

static size_t
limbs_before(const struct tree *t, unsigned depth, size_t node)
{
	return t->before[node << (t->depth - depth)];
}

static size_t
node_limbs(const struct tree *t, unsigned depth, size_t node)
{
	return limbs_before(t, depth, node + 1) - limbs_before(t, depth, node);
}

/* A product: its moduli's limbs; one for the 1 that is the product of none. */
static size_t
product_at(const struct tree *t, unsigned depth, size_t node)
{
	return limbs_before(t, depth, node) + node;
}

/* A derivative: below P times half the number of moduli, so one limb more. */
static size_t
derivative_at(const struct tree *t, unsigned depth, size_t node)
{
	return limbs_before(t, depth, node) + 2 * node;
}

static size_t
fraction_at(const struct tree *t, unsigned depth, size_t node)
{
	return limbs_before(t, depth, node) + node * (GUARD(t->depth - depth) + 1);
}

static size_t
fraction_size(const struct tree *t, unsigned depth, size_t node)
{
	return t->product[depth].size[node] + GUARD(t->depth - depth);
}

static void
plan(struct tree *t, const struct nat *moduli, size_t n)
{
	size_t all = 0, seen = 0, group = 0;

	for (size_t i = 0; i < n; i++)
		all += moduli[i].n;
	t->depth = 1;
	while (t->depth < MAX_DEPTH && all >> (t->depth + 1) >= GROUP_LIMBS)
		t->depth++;
	t->ngroups = (size_t)1 << t->depth;
	t->first = xcalloc(t->ngroups + 1, sizeof(*t->first));
	t->before = xcalloc(t->ngroups + 1, sizeof(*t->before));
	/* By limbs, not by number: a node is as large as its sibling. */
	for (size_t i = 0; i < n; i++) {
		while (group <= seen * t->ngroups / all) {
			t->first[group] = i;
			t->before[group++] = seen;
		}
		seen += moduli[i].n;
	}
	for (; group <= t->ngroups; group++) {
		t->first[group] = n;
		t->before[group] = all;
	}
}

/* ---- upwards ---- */

static void
put(mp_limb_t *to, const mp_limb_t *from, size_t n)
{
	memcpy(to, from, n * sizeof(*to));
}

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
	mp_limb_t *p = t->product[t->depth].limbs + product_at(t, t->depth, group);
	mp_limb_t *d = t->upper.limbs + derivative_at(t, t->depth, group);
	size_t limbs = node_limbs(t, t->depth, group), np = 1, nd = 0;
	mp_limb_t *tmp = room(&t->scratch[worker], limbs + 2);

	p[0] = 1;
	for (size_t i = t->first[group]; i < t->first[group + 1]; i++) {
		const struct nat *m = &t->moduli[i];

		if (i == t->first[group]) {
			put(p, m->d, m->n);
			np = m->n;
			d[0] = 1;
			nd = 1;
			continue;
		}
		if (!t->o->only_extra) {
			nat_mul(tmp, d, nd, m->d, m->n);
			nd = nat_size(tmp, nd + m->n);
			put(d, tmp, nd);
			nd = add(d, p, nd, np);
		}
		nat_mul(tmp, p, np, m->d, m->n);
		np = nat_size(tmp, np + m->n);
		put(p, tmp, np);
	}
	t->product[t->depth].size[group] = (uint32_t)np;
	t->upper.size[group] = (uint32_t)nd;
}

static bool
is_one(const mp_limb_t *p, size_t n)
{
	return n == 1 && p[0] == 1;
}

/* A node above: P = P1·P2, D = D1·P2 + D2·P1. */
static void
make_node(size_t node, unsigned worker, void *arg)
{
	struct tree *t = arg;
	unsigned below = t->level + 1;
	const struct level *products = &t->product[below];
	size_t left = 2 * node, right = left + 1;
	const mp_limb_t *p1 = products->limbs + product_at(t, below, left);
	const mp_limb_t *p2 = products->limbs + product_at(t, below, right);
	const mp_limb_t *d1 = t->lower.limbs + derivative_at(t, below, left);
	const mp_limb_t *d2 = t->lower.limbs + derivative_at(t, below, right);
	size_t n1 = products->size[left], n2 = products->size[right];
	size_t m1 = t->lower.size[left], m2 = t->lower.size[right], np, nd, nt;
	mp_limb_t *p = t->product[t->level].limbs + product_at(t, t->level, node);
	mp_limb_t *d = t->upper.limbs + derivative_at(t, t->level, node);
	mp_limb_t *tmp;

	if (given_up(t))
		return;
	if (is_one(p2, n2) || is_one(p1, n1)) { /* without moduli: the node is its other child */
		bool take_left = is_one(p2, n2);

		np = take_left ? n1 : n2;
		nd = take_left ? m1 : m2;
		put(p, take_left ? p1 : p2, np);
		put(d, take_left ? d1 : d2, nd);
	} else {
		nat_mul(p, p1, n1, p2, n2);
		np = nat_size(p, n1 + n2);
		d[0] = 1;
		t->product[t->level].size[node] = (uint32_t)np;
		t->upper.size[node] = 1;
		if (t->o->only_extra)
			return;
		tmp = room(&t->scratch[worker], m1 + n2 > m2 + n1 ? m1 + n2 : m2 + n1);
		nat_mul(tmp, d1, m1, p2, n2);
		nd = nat_size(tmp, m1 + n2);
		put(d, tmp, nd);
		nat_mul(tmp, d2, m2, p1, n1);
		nt = nat_size(tmp, m2 + n1);
		nd = add(d, tmp, nd, nt);
	}
	t->product[t->level].size[node] = (uint32_t)np;
	t->upper.size[node] = (uint32_t)nd;
}

static void
init_derivatives(struct tree *t, unsigned depth)
{
	level_init(&t->upper, derivative_at(t, depth, (size_t)1 << depth), (size_t)1 << depth);
}

static void
init_products(struct tree *t, unsigned depth)
{
	level_init(
	    &t->product[depth], product_at(t, depth, (size_t)1 << depth), (size_t)1 << depth);
}

/* What was made last is now what the next level is made of. */
static void
turn(struct tree *t)
{
	level_fini(&t->store, &t->lower);
	t->lower = t->upper;
	t->upper = (struct level){ .limbs = NULL };
}

static void
climb(struct tree *t)
{
	init_products(t, t->depth);
	init_derivatives(t, t->depth);
	parallel_for(t->o->threads, t->ngroups, make_group, t);
	for (t->level = t->depth; t->level-- > 1;) {
		turn(t);
		init_products(t, t->level);
		init_derivatives(t, t->level);
		parallel_for(t->o->threads, (size_t)1 << t->level, make_node, t);
		drop_scratch(t);
		if (!given_up(t) && level_keep(&t->store, &t->product[t->level + 1]) == -1)
			atomic_store(&t->error, errno);
		if (given_up(t))
			return;
	}
	t->level = 1;
}

/* ---- at the roots ---- */

/* x = frac(top / own), f limbs of it; top has room for f limbs below its n. */
static void
divide(mp_limb_t *x, size_t f, const mp_limb_t *top, size_t n, const mp_limb_t *own, size_t nown)
{
	mp_limb_t *num, *q, *r;
	size_t nq;

	memset(x, 0, f * sizeof(*x));
	if (n == 0 || is_one(own, nown) || n + f < nown)
		return;
	nq = n + f - nown + 1;
	num = xcalloc(n + f, sizeof(*num));
	q = xreallocarray(NULL, nq, sizeof(*q));
	r = xreallocarray(NULL, nown, sizeof(*r));
	put(num + f, top, n);
	mpn_tdiv_qr(q, r, 0, num, (mp_size_t)(n + f), own, (mp_size_t)nown);
	put(x, q, nq < f ? nq : f);
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
		put(m, a, na);
		return na;
	}
	q = xreallocarray(NULL, na - nown + 1, sizeof(*q));
	mpn_tdiv_qr(q, m, 0, a, (mp_size_t)na, own, (mp_size_t)nown);
	free(q);
	return nat_size(m, nown);
}

/* The fraction of one root: own derivative · other's product · extra / own product. */
static void
divide_root(size_t side, unsigned worker, void *arg)
{
	struct tree *t = arg;
	const struct level *products = &t->product[1];
	const mp_limb_t *own = products->limbs + product_at(t, 1, side);
	const mp_limb_t *other = products->limbs + product_at(t, 1, 1 - side);
	const mp_limb_t *d = t->lower.limbs + derivative_at(t, 1, side);
	size_t nown = products->size[side], nother = products->size[1 - side];
	size_t nd = t->lower.size[side], ntop = 0, f = fraction_size(t, 1, side);
	const struct nat extra = t->o->extra;
	mp_limb_t *x = t->upper.limbs + fraction_at(t, 1, side), *m, *top, *with = NULL;

	(void)worker;
	if (given_up(t))
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
	top = xreallocarray(NULL, nother + nd + 1, sizeof(*top));
	if (nother > 0 && nd > 0) {
		nat_mul(top, m, nother, d, nd);
		ntop = nat_size(top, nother + nd);
	}
	free(m);
	divide(x, f, top, ntop, own, nown);
	free(top);
	t->upper.size[side] = (uint32_t)f;
}

static void
init_fractions(struct tree *t, unsigned depth)
{
	level_init(&t->upper, fraction_at(t, depth, (size_t)1 << depth), (size_t)1 << depth);
}

/* ---- downwards ---- */

/* A child's fraction: the middle limbs of its parent's times its sibling's product. */
static void
descend(size_t node, unsigned worker, void *arg)
{
	struct tree *t = arg;
	unsigned depth = t->level;
	size_t sibling = node ^ 1, s = t->product[depth].size[sibling];
	size_t f = t->lower.size[node / 2], want = fraction_size(t, depth, node);
	const mp_limb_t *parent = t->lower.limbs + fraction_at(t, depth - 1, node / 2);
	mp_limb_t *x = t->upper.limbs + fraction_at(t, depth, node), *r, *tmp;
	size_t m = nat_wrap_size(f), nr = m != 0 ? m + nat_wrap_scratch(m) : f + s;
	bool from_file = t->product[depth].limbs == NULL;
	const mp_limb_t *p;

	if (given_up(t))
		return;
	tmp = room(&t->scratch[worker], nr + (from_file ? s : 0));
	p = level_read(&t->store, &t->product[depth], product_at(t, depth, sibling), s, tmp + nr);
	if (p == NULL) {
		atomic_store(&t->error, errno);
		return;
	}
	r = tmp;
	/* What wraps around lands below the limbs that are wanted, or carries 1 into them. */
	if (m != 0)
		nat_mul_wrapped(r, m, parent, f, p, s, tmp + m);
	else
		nat_mul(r, parent, f, p, s);
	put(x, r + f - want, want);
	t->upper.size[node] = (uint32_t)want;
}

/* gcd(N, D mod N) of a group's moduli. */
static void
finish_group(size_t group, unsigned worker, void *arg)
{
	struct tree *t = arg;
	size_t n = t->product[t->depth].size[group], f = t->lower.size[group], nr;
	mp_limb_t *x = t->lower.limbs + fraction_at(t, t->depth, group);
	mp_limb_t *tmp, *all, *quotient, *rest;
	const mp_limb_t *p;
	mpz_t g, modulus, remainder;
	bool secret = false;

	if (given_up(t) || t->first[group] == t->first[group + 1])
		return;
	tmp = room(&t->scratch[worker], n + f + 3 * (n + 1));
	all = tmp;
	quotient = tmp + n + f + n;
	rest = quotient + n + 1;
	p = level_read(
	    &t->store, &t->product[t->depth], product_at(t, t->depth, group), n, tmp + n + f);
	if (p == NULL) {
		atomic_store(&t->error, errno);
		return;
	}
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

static void
wipe(struct level *l)
{
	if (l->limbs != NULL)
		explicit_bzero(l->limbs, l->nlimbs * sizeof(*l->limbs));
}

static void
sink(struct tree *t)
{
	for (t->level = 2; t->level <= t->depth; t->level++) {
		size_t nodes = (size_t)1 << t->level;

		wipe(&t->lower);
		turn(t);
		init_fractions(t, t->level);
		level_fini(&t->store, &t->product[t->level - 1]);
		parallel_for(t->o->threads, nodes, descend, t);
		drop_scratch(t);
		if (given_up(t))
			return;
	}
	wipe(&t->lower);
	turn(t);
	parallel_for(t->o->threads, t->ngroups, finish_group, t);
}

size_t
batch_gcd_working_set(size_t moduli_bytes, unsigned threads)
{
	(void)threads;
	return moduli_bytes * 14;
}

static void
tree_fini(struct tree *t)
{
	wipe(&t->lower);
	wipe(&t->upper);
	level_fini(&t->store, &t->lower);
	level_fini(&t->store, &t->upper);
	for (unsigned i = 0; i <= t->depth; i++)
		level_fini(&t->store, &t->product[i]);
	drop_scratch(t);
	level_store_fini(&t->store);
	free(t->scratch);
	free(t->first);
	free(t->before);
	pthread_mutex_destroy(&t->lock);
}

enum batch_result
batch_gcd(const struct nat *moduli, size_t n, const struct batch_options *o,
    void (*hit)(size_t i, struct nat g, void *arg), void *arg, struct batch_cost *cost)
{
	struct tree t = { .moduli = moduli, .o = o, .hit = hit, .arg = arg };
	struct batch_cost c = { .moduli_bytes = 0 };
	size_t working, budget = SIZE_MAX;
	double start = seconds();
	int error;

	if (cost != NULL)
		*cost = c;
	if (n == 0)
		return BATCH_OK;
	plan(&t, moduli, n);
	c.depth = t.depth;
	c.moduli_bytes = t.before[t.ngroups] * sizeof(mp_limb_t);
	working = batch_gcd_working_set(c.moduli_bytes, o->threads);
	if (o->memory != 0)
		budget = o->memory > working ? o->memory - working : 0;
	level_store_init(&t.store, o->dir, budget);
	t.scratch = xcalloc(o->threads, sizeof(*t.scratch));
	pthread_mutex_init(&t.lock, NULL);

	climb(&t);
	c.up_s = seconds() - start;
	if (!given_up(&t)) {
		start = seconds();
		turn(&t);
		init_fractions(&t, 1);
		parallel_for(o->threads, 2, divide_root, &t);
		c.root_s = seconds() - start;
	}
	if (!given_up(&t)) {
		start = seconds();
		sink(&t);
		c.down_s = seconds() - start;
	}
	c.file_bytes = (uint64_t)t.store.end;
	if (cost != NULL)
		*cost = c;
	error = atomic_load(&t.error);
	tree_fini(&t);
	errno = error;
	return error != 0			  ? BATCH_FAILED
	       : o->stop != NULL && *o->stop != 0 ? BATCH_STOPPED
						  : BATCH_OK;
}
