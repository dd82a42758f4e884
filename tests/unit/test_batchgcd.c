#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weak/batchgcd.h"
#include "weak/partners.h"
#include "weak/secret.h"

#define MAX 400

static gmp_randstate_t rnd;

struct set {
	mpz_t v[MAX], got[MAX];
	struct nat view[MAX];
	size_t n;
};

static void
set_init(struct set *s)
{
	s->n = 0;
	for (size_t i = 0; i < MAX; i++)
		mpz_inits(s->v[i], s->got[i], NULL);
}

static void
set_fini(struct set *s)
{
	for (size_t i = 0; i < MAX; i++)
		mpz_clears(s->v[i], s->got[i], NULL);
}

static void
random_prime(mpz_t to, unsigned bits)
{
	mpz_urandomb(to, rnd, bits);
	mpz_setbit(to, bits - 1);
	mpz_nextprime(to, to);
}

static void
take(size_t i, struct nat g, void *arg)
{
	struct set *s = arg;
	mpz_t value;

	assert_true(i < s->n);
	assert_int_equal(mpz_sgn(s->got[i]), 0); /* once */
	mpz_set(s->got[i], mpz_roinit_n(value, g.d, (mp_size_t)g.n));
}

static enum batch_result
run_once(struct set *s, const struct batch_options *o, struct batch_cost *cost)
{
	for (size_t i = 0; i < s->n; i++) {
		s->view[i] = (struct nat){ mpz_limbs_read(s->v[i]), mpz_size(s->v[i]) };
		mpz_set_ui(s->got[i], 0);
	}
	return batch_gcd(s->view, s->n, o, take, s, cost);
}

/* With GMP's products alone, then with transforms: the same, which stays for the caller. */
static enum batch_result
run(struct set *s, const struct batch_options *o, struct batch_cost *cost)
{
	struct batch_options plain = *o;
	static mpz_t first[MAX];
	enum batch_result result;

	plain.plain = true;
	result = run_once(s, &plain, NULL);
	for (size_t i = 0; i < s->n; i++)
		mpz_init_set(first[i], s->got[i]);
	assert_int_equal(run_once(s, o, cost), result);
	for (size_t i = 0; i < s->n; i++) {
		assert_int_equal(mpz_cmp(first[i], s->got[i]), 0);
		mpz_clear(first[i]);
	}
	return result;
}

/* By the definition: the gcd with the product of all others. */
static void
assert_right(const struct set *s, const mpz_t extra, bool only_extra)
{
	mpz_t product, others, g;

	mpz_inits(product, others, g, NULL);
	mpz_set_ui(product, 1);
	for (size_t i = 0; i < s->n && !only_extra; i++)
		mpz_mul(product, product, s->v[i]);
	for (size_t i = 0; i < s->n; i++) {
		if (only_extra)
			mpz_set_ui(others, 1);
		else
			mpz_divexact(others, product, s->v[i]);
		mpz_mod(others, others, s->v[i]);
		mpz_mul(others, others, extra);
		mpz_gcd(g, others, s->v[i]);
		if (mpz_cmp_ui(g, 1) == 0)
			assert_int_equal(mpz_sgn(s->got[i]), 0);
		else
			assert_int_equal(mpz_cmp(g, s->got[i]), 0);
	}
	mpz_clears(product, others, g, NULL);
}

static bool
is_new(const struct set *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (mpz_cmp(s->v[i], s->v[n]) == 0)
			return false;
	}
	return mpz_cmp_ui(s->v[n], 1) > 0;
}

/* Numbers of all lengths, many of them with common factors, even, tiny, squares. */
static void
fill(struct set *s, size_t n, unsigned bits)
{
	for (s->n = 0; s->n < n;) {
		unsigned long kind = gmp_urandomm_ui(rnd, 8);

		mpz_urandomb(
		    s->v[s->n], rnd, 1 + gmp_urandomm_ui(rnd, kind == 0 ? 8 * bits : bits));
		if (kind == 1 && s->n > 0)
			mpz_mul(s->v[s->n], s->v[s->n], s->v[gmp_urandomm_ui(rnd, s->n)]);
		if (kind == 2)
			mpz_mul(s->v[s->n], s->v[s->n], s->v[s->n]);
		if (is_new(s, s->n))
			s->n++;
	}
}

static void
test_random(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 4, 5, 7, 8, 9, 31, 64, 100, 257, 400 };
	struct batch_options o = { .threads = 1 };
	struct set s;
	mpz_t one, extra;

	(void)state;
	set_init(&s);
	mpz_init_set_ui(one, 1);
	mpz_init(extra);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (unsigned bits = 64; bits <= 2048; bits *= 4) {
			fill(&s, sizes[i], bits);
			o.threads = 1 + (unsigned)(i % 3);
			o.memory = i % 2 == 0 ? 0 : 1;
			o.dir = "/tmp";
			o.extra = (struct nat){ NULL, 0 };
			o.only_extra = false;
			assert_int_equal(run(&s, &o, NULL), BATCH_OK);
			assert_right(&s, one, false);
			mpz_urandomb(extra, rnd, bits * 3);
			mpz_add_ui(extra, extra, 1);
			mpz_mul(extra, extra, s.v[0]);
			o.extra = (struct nat){ mpz_limbs_read(extra), mpz_size(extra) };
			assert_int_equal(run(&s, &o, NULL), BATCH_OK);
			assert_right(&s, extra, false);
			o.only_extra = true;
			assert_int_equal(run(&s, &o, NULL), BATCH_OK);
			assert_right(&s, extra, true);
		}
	}
	mpz_clears(one, extra, NULL);
	set_fini(&s);
}

/* The greatest values that limbs can have, where carries and roundings go furthest. */
static void
test_extremes(void **state)
{
	struct batch_options o = { .threads = 2 };
	struct set s;
	mpz_t one;

	(void)state;
	set_init(&s);
	mpz_init_set_ui(one, 1);
	for (unsigned variant = 0; variant < 4; variant++) {
		for (s.n = 0; s.n < 200; s.n++) {
			mpz_set_ui(s.v[s.n], 0);
			mpz_setbit(s.v[s.n], 1024 + 64 * (s.n / 4));
			switch (variant) {
			case 0:
				mpz_sub_ui(s.v[s.n], s.v[s.n], 1 + s.n % 4);
				break;
			case 1:
				mpz_add_ui(s.v[s.n], s.v[s.n], s.n % 4);
				break;
			case 2:
				mpz_setbit(s.v[s.n], s.n % 4);
				break;
			default:
				mpz_add_ui(s.v[s.n], s.v[s.n % 2], 2 * s.n + 1);
				break;
			}
		}
		assert_int_equal(run(&s, &o, NULL), BATCH_OK);
		assert_right(&s, one, false);
	}
	mpz_clear(one);
	set_fini(&s);
}

/* One number far longer than the others leaves lowest nodes without any. */
static void
test_unequal(void **state)
{
	struct batch_options o = { .threads = 2 };
	struct set s;
	mpz_t one, p;

	(void)state;
	set_init(&s);
	mpz_init_set_ui(one, 1);
	mpz_init(p);
	random_prime(p, 256);
	for (size_t place = 0; place < 40; place += 13) {
		for (s.n = 0; s.n < 40; s.n++) {
			random_prime(s.v[s.n], s.n == place ? 300 : 200);
			if (s.n == place || s.n == 5) {
				mpz_pow_ui(s.v[s.n], s.v[s.n], s.n == place ? 400 : 1);
				mpz_mul(s.v[s.n], s.v[s.n], p);
			}
		}
		assert_int_equal(run(&s, &o, NULL), BATCH_OK);
		assert_right(&s, one, false);
	}
	mpz_clears(one, p, NULL);
	set_fini(&s);
}

static void
test_files(void **state)
{
	volatile sig_atomic_t stop = 1;
	struct batch_options o = { .threads = 2, .memory = 1, .dir = "/tmp" };
	struct batch_cost cost;
	struct set s;

	(void)state;
	set_init(&s);
	fill(&s, 300, 2048);
	assert_int_equal(run(&s, &o, &cost), BATCH_OK);
	assert_true(cost.depth > 3);
	/* All levels but the roots'. */
	assert_true(cost.file_bytes >= (cost.depth - 1) * cost.moduli_bytes);
	o.memory = SIZE_MAX;
	assert_int_equal(run(&s, &o, &cost), BATCH_OK);
	assert_int_equal(cost.file_bytes, 0);
	/* Room for the work and for a few levels: the others go into the file. */
	o.memory = 29 * cost.moduli_bytes;
	assert_int_equal(run(&s, &o, &cost), BATCH_OK);
	assert_true(cost.file_bytes >= (cost.depth - 4) * cost.moduli_bytes);
	assert_true(cost.file_bytes < (cost.depth - 2) * cost.moduli_bytes);
	o.memory = 1;
	o.dir = "/nowhere/at/all";
	assert_int_equal(run_once(&s, &o, NULL), BATCH_FAILED);
	assert_int_equal(errno, ENOENT);
	o.dir = NULL;
	assert_int_equal(run(&s, &o, NULL), BATCH_FAILED);
	o.dir = "/tmp";
	o.stop = &stop;
	assert_int_equal(run(&s, &o, NULL), BATCH_STOPPED);
	set_fini(&s);
}

/* ---- partners ---- */

static bool
in_group(const struct partner_group *g, uint32_t member)
{
	for (size_t i = 0; i < g->n; i++) {
		if (g->members[i] == member)
			return true;
	}
	return false;
}

/* Two are in a common group exactly when they share a factor. */
static void
assert_partners(const struct set *s, const struct partner_groups *g)
{
	mpz_t d;

	mpz_init(d);
	for (uint32_t i = 0; i < s->n; i++) {
		for (uint32_t j = 0; j < s->n; j++) {
			bool together = false;

			for (size_t k = 0; k < g->n; k++)
				together = together || (in_group(&g->groups[k], i) &&
							   in_group(&g->groups[k], j));
			mpz_gcd(d, s->v[i], s->v[j]);
			assert_int_equal(together, mpz_cmp_ui(d, 1) > 0);
		}
	}
	mpz_clear(d);
}

static void
assert_parts(const struct partner_groups *g, size_t n)
{
	mpz_t d;

	mpz_init(d);
	assert_int_equal(g->n, n);
	for (size_t i = 0; i < g->n; i++) {
		for (size_t j = 0; j < i; j++) {
			mpz_gcd(d, g->groups[i].factor, g->groups[j].factor);
			assert_int_equal(mpz_cmp_ui(d, 1), 0);
		}
	}
	mpz_clear(d);
}

static void
find(struct set *s, struct partner_groups *g)
{
	struct batch_options o = { .threads = 2 };

	assert_int_equal(partners_find((const mpz_t *)s->v, s->n, &o, g), BATCH_OK);
	assert_partners(s, g);
}

/* p, q, p·q; then all products of two of nine primes, where no number shares only one factor. */
static void
test_partners(void **state)
{
	struct partner_groups g;
	mpz_t p[20];
	struct set s;

	(void)state;
	set_init(&s);
	for (int i = 0; i < 20; i++) {
		mpz_init(p[i]);
		random_prime(p[i], 128);
	}
	find(&s, &g); /* nothing at all */
	assert_int_equal(g.n, 0);
	partner_groups_fini(&g);

	mpz_set(s.v[0], p[0]);
	mpz_set(s.v[1], p[1]);
	mpz_mul(s.v[2], p[0], p[1]);
	mpz_set(s.v[3], p[2]);
	mpz_set(s.v[4], p[2]);
	mpz_set(s.v[5], p[3]);
	s.n = 6;
	find(&s, &g);
	assert_parts(&g, 4);
	partner_groups_fini(&g);

	s.n = 0;
	for (int i = 0; i < 9; i++) {
		for (int j = 0; j < i; j++)
			mpz_mul(s.v[s.n++], p[i], p[j]);
	}
	find(&s, &g);
	assert_parts(&g, 9);
	partner_groups_fini(&g);

	s.n = 0;
	for (int i = 0; i < 20; i++) { /* 190, each prime in 19 */
		for (int j = 0; j < i; j++)
			mpz_mul(s.v[s.n++], p[i], p[j]);
	}
	find(&s, &g);
	assert_parts(&g, 20);
	partner_groups_fini(&g);

	/* Squares and multiples. */
	mpz_mul(s.v[0], p[0], p[0]);
	mpz_mul(s.v[1], p[0], p[1]);
	mpz_mul(s.v[2], s.v[1], p[2]);
	mpz_pow_ui(s.v[3], p[3], 3);
	mpz_pow_ui(s.v[4], p[3], 2);
	s.n = 5;
	find(&s, &g);
	assert_parts(&g, 4);
	partner_groups_fini(&g);
	for (int i = 0; i < 20; i++)
		mpz_clear(p[i]);
	set_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_unequal),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_partners),
	};

	secret_init();
	gmp_randinit_default(rnd);
	gmp_randseed_ui(rnd, 20260701);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
