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
 *
 * Long products are made modulo B^W − 1 by transforms (wrap.h): going up P1, P2, D1 and
 * D2 are transformed once each for two ways back, going down a fraction and both products.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "tree.h"

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

enum batch_result
batch_gcd(const struct nat *moduli, size_t n, const struct batch_options *o,
    void (*hit)(size_t i, struct nat g, void *arg), void *arg, struct batch_cost *cost)
{
	struct tree t = { .hit = hit, .arg = arg };
	struct batch_cost c = { .moduli_bytes = 0 };
	double start = seconds();
	int error;

	if (cost != NULL)
		*cost = c;
	if (n == 0)
		return BATCH_OK;
	tree_init(&t, moduli, n, o);
	c.depth = t.depth;
	c.moduli_bytes = t.before[t.ngroups] * sizeof(mp_limb_t);
	tree_climb(&t);
	c.up_s = seconds() - start;
	if (!tree_given_up(&t)) {
		start = seconds();
		tree_divide_roots(&t);
		c.root_s = seconds() - start;
	}
	if (!tree_given_up(&t)) {
		start = seconds();
		tree_descend(&t);
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
