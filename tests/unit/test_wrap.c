/* Products by transforms against GMP's, with numbers where carries and roundings go furthest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "weak/wrap.h"

#define MAX_LIMBS 6000

static gmp_randstate_t rnd;

enum filling { RANDOM, ONES, RUNS, TOP_BIT, ZEROS, NFILLINGS };

static void
fill(mp_limb_t *to, size_t n, enum filling filling)
{
	mpz_t v;

	memset(to, filling == ONES ? 0xff : 0, n * sizeof(*to));
	if (filling == TOP_BIT && n > 0)
		to[n - 1] = (mp_limb_t)1 << 63;
	if (filling != RANDOM && filling != RUNS)
		return;
	mpz_init(v);
	if (filling == RANDOM)
		mpz_urandomb(v, rnd, n * 64);
	else
		mpz_rrandomb(v, rnd, n * 64);
	mpz_export(to, NULL, -1, sizeof(*to), 0, 0, v);
	mpz_clear(v);
}

/* v modulo B^w − 1, in w limbs. */
static void
wrapped(mp_limb_t *to, const mpz_t v, size_t w)
{
	mpz_t m, rest;

	mpz_inits(m, rest, NULL);
	mpz_setbit(m, w * 64);
	mpz_sub_ui(m, m, 1);
	mpz_mod(rest, v, m);
	memset(to, 0, w * sizeof(*to));
	mpz_export(to, NULL, -1, sizeof(*to), 0, 0, rest);
	mpz_clears(m, rest, NULL);
}

/* Zero may come as B^W − 1. */
static void
assert_wrapped(const mp_limb_t *got, const mpz_t want, size_t w)
{
	mp_limb_t *expected = xcalloc(w, sizeof(*expected));

	wrapped(expected, want, w);
	if (nat_size(expected, w) == 0 && got[0] == ~(mp_limb_t)0)
		memset(expected, 0xff, w * sizeof(*expected));
	assert_memory_equal(got, expected, w * sizeof(*expected));
	free(expected);
}

/* a·b and a·d + c·b of four numbers of the given lengths, modulo B^W − 1. */
static void
check(const struct wrap *w, size_t limbs, const size_t len[4], enum filling filling)
{
	struct wrap_shape s = wrap_shape(limbs);
	mp_limb_t *in[4], *to[2];
	struct nat factors[4];
	double *scratch = xaligned(wrap_scratch(&s, 4, 2) * sizeof(double));
	struct wrap_sum sums[2] = { { .npairs = 1, .pair = { { 0, 1 } }, .n = s.limbs },
		{ .npairs = 2, .pair = { { 0, 3 }, { 2, 1 } }, .n = s.limbs } };
	mpz_t v[4], want[2];

	assert_in_range(s.limbs, limbs, wrap_room(limbs));
	mpz_inits(want[0], want[1], NULL);
	for (int i = 0; i < 4; i++) {
		/* Of just its length, so that a sanitizer sees what reads beyond. */
		in[i] = xcalloc(len[i] + (len[i] == 0), sizeof(*in[i]));
		fill(in[i], len[i], filling);
		factors[i] = (struct nat){ in[i], len[i] };
		mpz_init(v[i]);
		mpz_import(v[i], len[i], -1, sizeof(*in[i]), 0, 0, in[i]);
	}
	mpz_mul(want[0], v[0], v[1]);
	mpz_mul(want[1], v[0], v[3]);
	mpz_addmul(want[1], v[2], v[1]);
	for (int i = 0; i < 2; i++)
		sums[i].to = to[i] = xcalloc(s.limbs, sizeof(*to[i]));
	wrap_sums(w, &s, factors, 4, sums, 2, scratch);
	for (int i = 0; i < 2; i++)
		assert_wrapped(to[i], want[i], s.limbs);
	/* A part of it, and of two factors alone. */
	sums[0].from = s.limbs / 3;
	sums[0].n = s.limbs / 2;
	memcpy(to[1], to[0] + sums[0].from, sums[0].n * sizeof(*to[0]));
	wrap_sums(w, &s, factors, 2, sums, 1, scratch);
	assert_memory_equal(to[0], to[1], sums[0].n * sizeof(*to[0]));
	for (int i = 0; i < 4; i++) {
		free(in[i]);
		mpz_clear(v[i]);
	}
	mpz_clears(want[0], want[1], NULL);
	free(to[0]);
	free(to[1]);
	free(scratch);
}

static void
test_products(void **state)
{
	struct wrap w;

	(void)state;
	if (!wrap_possible()) { /* another processor: GMP does it all */
		skip();
		return;
	}
	assert_true(wrap_init(&w, MAX_LIMBS));
	for (size_t limbs = 1; limbs <= MAX_LIMBS; limbs += 1 + limbs / 5) {
		size_t all = wrap_shape(limbs).limbs, half = limbs / 2 + 1;
		const size_t whole[4] = { all, all, all, all },
			     halves[4] = { half, half, half, half },
			     uneven[4] = { all, limbs / 7, 0, all - all / 9 };

		for (int filling = 0; filling < NFILLINGS; filling++) {
			check(&w, limbs, whole, (enum filling)filling);
			if (half <= all)
				check(&w, limbs, halves, (enum filling)filling);
			check(&w, limbs, uneven, (enum filling)filling);
		}
	}
	wrap_fini(&w);
}

/* Every number of primes comes up, and no shape is beyond the roots of its largest. */
static void
test_shapes(void **state)
{
	unsigned seen[NTT_PRIMES + 1] = { 0 }, last = 0;

	(void)state;
	if (!wrap_possible()) {
		skip();
		return;
	}
	for (size_t limbs = 1; limbs < (size_t)1 << 28; limbs += 1 + limbs / 50) {
		struct wrap_shape s = wrap_shape(limbs);

		assert_in_range(s.limbs, limbs, wrap_room(limbs));
		assert_in_range(s.primes, 1, NTT_PRIMES);
		assert_int_equal(s.limbs * 64, (size_t)s.digits * s.digit_bits << s.log);
		assert_true(s.log >= last);
		last = s.log;
		seen[s.primes]++;
	}
	assert_true(seen[3] > 0 && seen[4] > 0 && seen[5] > 0 && seen[6] > 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_products),
		cmocka_unit_test(test_shapes),
	};
	int rc;

	gmp_randinit_default(rnd);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	gmp_randclear(rnd);
	return rc;
}
