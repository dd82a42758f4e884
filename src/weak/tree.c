/* Pure. */
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"

#include "tree.h"

#define GROUP_LIMBS 96 /* of a lowest node, at least: a few moduli, handled one by one */

bool
tree_given_up(const struct tree *t)
{
	return atomic_load(&t->error) != 0 || (t->o->stop != NULL && *t->o->stop != 0);
}

void
tree_fail(struct tree *t, int error)
{
	atomic_store(&t->error, error);
}

mp_limb_t *
tree_room(struct tree *t, unsigned worker, size_t n)
{
	struct tree_scratch *s = &t->scratch[worker];

	if (n > s->cap) {
		if (s->limbs != NULL)
			explicit_bzero(s->limbs, s->cap * sizeof(*s->limbs));
		free(s->limbs);
		s->cap = n + n / 8;
		s->limbs = xaligned(s->cap * sizeof(*s->limbs));
	}
	return s->limbs;
}

void
tree_drop_scratch(struct tree *t)
{
	for (unsigned i = 0; i < t->o->threads; i++) {
		if (t->scratch[i].limbs != NULL)
			explicit_bzero(
			    t->scratch[i].limbs, t->scratch[i].cap * sizeof(*t->scratch[i].limbs));
		free(t->scratch[i].limbs);
		t->scratch[i] = (struct tree_scratch){ NULL, 0 };
	}
}

void
tree_init_derivatives(struct tree *t, unsigned depth)
{
	level_init(&t->upper, tree_derivative_at(t, depth, (size_t)1 << depth), (size_t)1 << depth);
}

void
tree_init_products(struct tree *t, unsigned depth)
{
	level_init(
	    &t->product[depth], tree_product_at(t, depth, (size_t)1 << depth), (size_t)1 << depth);
}

void
tree_turn(struct tree *t)
{
	level_fini(&t->store, &t->lower);
	t->lower = t->upper;
	t->upper = (struct level){ .limbs = NULL };
}

void
tree_init_fractions(struct tree *t, unsigned depth)
{
	level_init(&t->upper, tree_fraction_at(t, depth, (size_t)1 << depth), (size_t)1 << depth);
}

void
tree_wipe(struct level *l)
{
	if (l->limbs != NULL)
		explicit_bzero(l->limbs, l->nlimbs * sizeof(*l->limbs));
}

static void
plan(struct tree *t, const struct nat *moduli, size_t n)
{
	size_t all = 0, seen = 0, group = 0;

	for (size_t i = 0; i < n; i++)
		all += moduli[i].n;
	t->depth = 1;
	while (t->depth < TREE_MAX_DEPTH && all >> (t->depth + 1) >= GROUP_LIMBS)
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

/* Bytes beside the levels that stay: two levels in work, and room for the workers. */
static size_t
working_set(size_t moduli_bytes, bool narrow)
{
	return moduli_bytes * (narrow ? 16 : 26);
}

void
tree_init(struct tree *t, const struct nat *moduli, size_t n, const struct batch_options *o)
{
	size_t bytes, working, budget = SIZE_MAX;

	t->moduli = moduli;
	t->o = o;
	plan(t, moduli, n);
	bytes = t->before[t->ngroups] * sizeof(mp_limb_t);
	t->narrow = o->memory != 0 && o->memory < working_set(bytes, false);
	working = working_set(bytes, t->narrow);
	if (o->memory != 0)
		budget = o->memory > working ? o->memory - working : 0;
	level_store_init(&t->store, o->dir, budget);
	t->scratch = xcalloc(o->threads, sizeof(*t->scratch));
	pthread_mutex_init(&t->lock, NULL);
	/* The longest are at the roots: a numerator's, times an inverse. */
	if (!o->plain && wrap_possible() && t->before[t->ngroups] >= TREE_WRAP_MIN)
		t->has_wrap = wrap_init(&t->wrap, tree_roots_limbs(t));
}

void
tree_fini(struct tree *t)
{
	tree_wipe(&t->lower);
	tree_wipe(&t->upper);
	level_fini(&t->store, &t->lower);
	level_fini(&t->store, &t->upper);
	for (unsigned i = 0; i <= t->depth; i++)
		level_fini(&t->store, &t->product[i]);
	tree_drop_scratch(t);
	level_store_fini(&t->store);
	if (t->has_wrap)
		wrap_fini(&t->wrap);
	free(t->scratch);
	free(t->first);
	free(t->before);
	pthread_mutex_destroy(&t->lock);
}
