/* The tree of batch GCD: its shape, its levels, and what those who work on it share. */
#ifndef WEAK_TREE_H
#define WEAK_TREE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "batchgcd.h"
#include "levels.h"
#include "wrap.h"

#define TREE_MAX_DEPTH 48
#define TREE_WRAP_MIN 320 /* limbs of a product; measured: shorter ones are faster with GMP */

/* Limbs of a fraction beyond those of its product: one is lost a level. */
#define TREE_GUARD(depth_left) ((depth_left) + 2)

struct tree_scratch {
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
	struct level product[TREE_MAX_DEPTH + 1]; /* by depth */
	struct level upper, lower; /* derivatives, going up; fractions, going down */
	unsigned level; /* depth that is made now */
	bool narrow; /* memory is short: what takes most is done one after the other */
	bool has_wrap;
	struct wrap wrap;
	struct level_store store;
	struct tree_scratch *scratch; /* by worker */
	atomic_int error; /* errno */
	void (*hit)(size_t i, struct nat g, void *arg);
	void *arg;
	pthread_mutex_t lock; /* of hit */
};

/* ---- where each node's limbs are in its level ---- */

static inline size_t
tree_limbs_before(const struct tree *t, unsigned depth, size_t node)
{
	return t->before[node << (t->depth - depth)];
}

static inline size_t
tree_node_limbs(const struct tree *t, unsigned depth, size_t node)
{
	return tree_limbs_before(t, depth, node + 1) - tree_limbs_before(t, depth, node);
}

/* A product: its moduli's limbs; one for the 1 that is the product of none. */
static inline size_t
tree_product_at(const struct tree *t, unsigned depth, size_t node)
{
	return tree_limbs_before(t, depth, node) + node;
}

/* A derivative: below P times half the number of moduli, so one limb more. */
static inline size_t
tree_derivative_at(const struct tree *t, unsigned depth, size_t node)
{
	return tree_limbs_before(t, depth, node) + 2 * node;
}

static inline size_t
tree_fraction_at(const struct tree *t, unsigned depth, size_t node)
{
	return tree_limbs_before(t, depth, node) + node * (TREE_GUARD(t->depth - depth) + 1);
}

static inline size_t
tree_fraction_size(const struct tree *t, unsigned depth, size_t node)
{
	return t->product[depth].size[node] + TREE_GUARD(t->depth - depth);
}

static inline bool
tree_is_one(const mp_limb_t *p, size_t n)
{
	return n == 1 && p[0] == 1;
}

static inline void
tree_put(mp_limb_t *to, const mp_limb_t *from, size_t n)
{
	memcpy(to, from, n * sizeof(*to));
}

/* ---- what is shared ---- */

void tree_init(struct tree *t, const struct nat *moduli, size_t n, const struct batch_options *o);
void tree_fini(struct tree *t);

/* An error, or somebody has stopped it. */
bool tree_given_up(const struct tree *t);
void tree_fail(struct tree *t, int error);

/* A worker's room for n limbs, aligned for doubles, too; what it held is gone. */
mp_limb_t *tree_room(struct tree *t, unsigned worker, size_t n);
/* Going down it holds fractions, from which factors follow: it is wiped. */
void tree_drop_scratch(struct tree *t);

/* What was made last is now what the next level is made of. */
void tree_turn(struct tree *t);
void tree_init_products(struct tree *t, unsigned depth);
void tree_init_derivatives(struct tree *t, unsigned depth);
void tree_init_fractions(struct tree *t, unsigned depth);
void tree_wipe(struct level *l);

/* ---- the steps ---- */

void tree_climb(struct tree *t);
/* Limbs of the longest product that tree_divide_roots() makes. */
size_t tree_roots_limbs(const struct tree *t);
void tree_divide_roots(struct tree *t);
void tree_descend(struct tree *t);

#endif
