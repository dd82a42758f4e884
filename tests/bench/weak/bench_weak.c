/*
 * Weak keys among generated ones, with the truth at hand.
 *
 *	bench_weak make FILE N          N moduli of 2,048 bits
 *	bench_weak test FILE [MEMORY]   weak_run() over them, as RSA keys
 *	bench_weak squares FILE         the usual way: remainders modulo N²
 *
 * A modulus is a product of primes of 40 bits, all of them different; that makes millions of
 * them in seconds, and for batch GCD they are as any others.  Some share half
 * of their primes with one other, some with two: these must be found, and no
 * others.  "test" and "squares" print a line of words: moduli, found ones,
 * missed ones, invented ones, wall and CPU seconds of batch GCD, those of all other checks,
 * the process's peak in KiB, bytes put into a file.
 */
#include <errno.h>
#include <gmp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/file.h"
#include "survey/mem.h"
#include "survey/parallel.h"
#include "survey/text.h"
#include "survey/weak.h"
#include "weak/nat.h"

#define BITS 2048
#define BYTES (BITS / 8)
#define LIMBS (BITS / 64)
#define PARTS 52 /* primes of a modulus */
#define COMMON (PARTS / 2)
#define FROM 713000000000 /* 2^39.375: a product of 52 primes from here on has 2,048 bits */
#define SEGMENT ((size_t)1 << 20) /* odd numbers that are sieved at a time */
#define BASE 900000 /* its square is above all these primes */
#define EVERY 1000 /* of so many moduli one begins a group of weak ones */

/* ---- making ---- */

/* xorshift64* (Vigna 2016): the same numbers each time. */
static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static size_t
sieve_base(uint32_t *primes)
{
	uint8_t *composite = xcalloc(BASE, 1);
	size_t n = 0;

	for (uint32_t i = 3; i < BASE; i += 2) {
		if (composite[i])
			continue;
		primes[n++] = i;
		for (uint64_t j = (uint64_t)i * i; j < BASE; j += 2 * (uint64_t)i)
			composite[j] = 1;
	}
	free(composite);
	return n;
}

/* The first n primes above FROM, in random order. */
static uint64_t *
make_primes(size_t n, uint64_t *random)
{
	uint64_t *primes = xreallocarray(NULL, n, sizeof(*primes)), start = FROM | 1;
	uint32_t *base = xreallocarray(NULL, BASE, sizeof(*base));
	size_t nbase = sieve_base(base), found = 0;
	uint8_t *composite = xmalloc(SEGMENT);

	for (; found < n; start += 2 * SEGMENT) {
		memset(composite, 0, SEGMENT);
		for (size_t i = 0; i < nbase; i++) {
			uint64_t p = base[i], first = (start + p - 1) / p * p;

			if (first % 2 == 0)
				first += p;
			for (uint64_t j = (first - start) / 2; j < SEGMENT; j += p)
				composite[j] = 1;
		}
		for (size_t i = 0; i < SEGMENT && found < n; i++) {
			if (!composite[i])
				primes[found++] = start + 2 * i;
		}
	}
	free(composite);
	free(base);
	for (size_t i = n; i > 1; i--) {
		size_t j = next_random(random) % i;
		uint64_t tmp = primes[i - 1];

		primes[i - 1] = primes[j];
		primes[j] = tmp;
	}
	return primes;
}

static void
multiply(mpz_t n, const uint64_t *a, const uint64_t *b)
{
	mpz_t factors[PARTS];

	for (size_t i = 0; i < PARTS; i++)
		mpz_init_set_ui(factors[i], i < COMMON ? a[i] : b[i - COMMON]);
	nat_product(n, (const mpz_t *)factors, PARTS);
	for (size_t i = 0; i < PARTS; i++)
		mpz_clear(factors[i]);
}

/* Does modulus i share half of its primes with its follower, or its forerunner? */
static bool
shares_with_next(size_t i, size_t n)
{
	/* Pairs, and every other time a chain of three, whose middle one has no prime of its own. */
	size_t group = i / EVERY, place = i % EVERY;

	return i + 1 < n && (place == 0 || (place == 1 && group % 2 == 1));
}

static bool
is_weak(size_t i, size_t n)
{
	return shares_with_next(i, n) || (i > 0 && shares_with_next(i - 1, n));
}

static int
make(const char *path, size_t n)
{
	uint64_t random = 88172645463325252, *primes = make_primes(n * PARTS, &random);
	uint8_t bytes[BYTES];
	FILE *f = fopen(path, "wb");
	mpz_t modulus;
	int rc = f != NULL ? 0 : 1;

	mpz_init(modulus);
	for (size_t i = 0; i < n && rc == 0; i++) {
		const uint64_t *own = primes + i * PARTS, *a = own, *b = own + COMMON;

		/* The second half is the next one's first half. */
		if (i > 0 && shares_with_next(i - 1, n))
			a = primes + (i - 1) * PARTS + COMMON;
		multiply(modulus, a, b);
		if (mpz_sizeinbase(modulus, 2) != BITS)
			abort();
		mpz_export(bytes, NULL, 1, 1, 1, 0, modulus);
		rc = fwrite(bytes, sizeof(bytes), 1, f) == 1 ? 0 : 1;
	}
	mpz_clear(modulus);
	free(primes);
	if (f != NULL && fclose(f) != 0)
		rc = 1;
	if (rc != 0)
		perror(path);
	return rc;
}

/* ---- testing ---- */

static void
report(size_t n, const uint8_t *found, const struct cost *batch, const struct cost *others,
    uint64_t file_bytes)
{
	size_t nfound = 0, missed = 0, invented = 0;

	for (size_t i = 0; i < n; i++) {
		nfound += found[i];
		missed += !found[i] && is_weak(i, n);
		invented += found[i] && !is_weak(i, n);
	}
	printf("%zu %zu %zu %zu %.3f %.3f %.3f %.3f %llu %llu\n", n, nfound, missed, invented,
	    (double)batch->wall_ns / 1e9, (double)batch->cpu_ns / 1e9,
	    (double)others->wall_ns / 1e9, (double)others->cpu_ns / 1e9,
	    (unsigned long long)cost_peak_kb(), (unsigned long long)file_bytes);
}

static int
test(const uint8_t *moduli, size_t n, size_t memory)
{
	static const uint8_t exponent[] = { 1, 0, 1 };
	struct weak_key *keys = xcalloc(n, sizeof(*keys));
	struct weak_options o = { .memory = memory, .dir = "/var/tmp" };
	uint8_t *found = xcalloc(n, 1);
	struct findings result;
	struct weak_costs costs;
	size_t others = 0;
	char *error;

	for (size_t i = 0; i < n; i++) {
		keys[i].key = (struct public_key){ .type = PUBLIC_RSA,
			.bits = BITS,
			.modulus = { moduli + i * BYTES, BYTES },
			.exponent = { exponent, sizeof(exponent) } };
		SHA256(moduli + i * BYTES, BYTES, keys[i].fp);
	}
	if (weak_run(keys, n, &o, &result, &costs, &error) != WEAK_DONE) {
		fprintf(stderr, "bench_weak: %s\n", error != NULL ? error : "stopped");
		free(error);
		return 1;
	}
	for (size_t i = 0; i < result.nfindings; i++) {
		others += result.findings[i].kind != FINDING_SHARED_PRIME;
		found[result.findings[i].key] = 1;
	}
	report(n, found, &costs.batch, &costs.single, costs.file_bytes);
	if (others > 0)
		fprintf(stderr, "bench_weak: %zu findings of other kinds\n", others);
	findings_fini(&result);
	free(found);
	free(keys);
	return others > 0;
}

/* ---- the usual way ---- */

struct level {
	mpz_t *v;
	size_t n;
};

struct squares {
	struct level *up; /* of products, the moduli first */
	size_t depth;
	struct level down, next; /* remainders */
	uint8_t *found;
};

static void
multiply_pair(size_t i, unsigned worker, void *arg)
{
	struct squares *s = arg;
	const struct level *below = &s->up[s->depth - 1];

	(void)worker;
	if (2 * i + 1 < below->n)
		mpz_mul(s->up[s->depth].v[i], below->v[2 * i], below->v[2 * i + 1]);
	else
		mpz_set(s->up[s->depth].v[i], below->v[2 * i]);
}

/* The parent's remainder modulo the square of a child; at a leaf, the gcd. */
static void
reduce(size_t i, unsigned worker, void *arg)
{
	struct squares *s = arg;
	const mpz_t *own = &s->up[s->depth].v[i];
	mpz_t square;

	(void)worker;
	mpz_init(square);
	mpz_mul(square, *own, *own);
	mpz_fdiv_r(s->next.v[i], s->down.v[i / 2], square);
	if (s->depth == 0) {
		mpz_divexact(square, s->next.v[i], *own);
		mpz_gcd(square, square, *own);
		s->found[i] = mpz_cmp_ui(square, 1) != 0;
	}
	mpz_clear(square);
}

static void
level_make(struct level *l, size_t n)
{
	l->n = n;
	l->v = xreallocarray(NULL, n, sizeof(*l->v));
	for (size_t i = 0; i < n; i++)
		mpz_init(l->v[i]);
}

static void
level_free(struct level *l)
{
	for (size_t i = 0; i < l->n; i++)
		mpz_clear(l->v[i]);
	free(l->v);
	l->n = 0;
}

static int
squares(const uint8_t *moduli, size_t n)
{
	struct squares s = { .up = xcalloc(64, sizeof(*s.up)), .found = xcalloc(n, 1) };
	struct cost batch = { .name = "squares" }, none = { .name = "" };
	unsigned threads = parallel_cpus();
	struct cost_watch watch;

	cost_start_process(&watch);
	level_make(&s.up[0], n);
	for (size_t i = 0; i < n; i++)
		mpz_import(s.up[0].v[i], BYTES, 1, 1, 1, 0, moduli + i * BYTES);
	for (s.depth = 1; s.up[s.depth - 1].n > 1; s.depth++) {
		level_make(&s.up[s.depth], (s.up[s.depth - 1].n + 1) / 2);
		parallel_for(threads, s.up[s.depth].n, multiply_pair, &s);
	}
	s.down = s.up[--s.depth];
	while (s.depth-- > 0) {
		level_make(&s.next, s.up[s.depth].n);
		parallel_for(threads, s.next.n, reduce, &s);
		level_free(&s.down);
		if (s.depth > 0)
			level_free(&s.up[s.depth]);
		s.down = s.next;
	}
	cost_stop_process(&watch, &batch, n);
	report(n, s.found, &batch, &none, 0);
	level_free(&s.down);
	level_free(&s.up[0]);
	free(s.up);
	free(s.found);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *way = argc > 2 ? argv[1] : "";
	uint64_t number = 0;
	uint8_t *moduli;
	size_t len;
	int rc;

	if (argc > 3 && !text_parse_bytes(argv[3], &number))
		return 2;
	if (strcmp(way, "make") == 0 && number > 0)
		return make(argv[2], (size_t)number);
	if (strcmp(way, "test") != 0 && strcmp(way, "squares") != 0) {
		fputs(
		    "usage: bench_weak make FILE N | test FILE [MEMORY] | squares FILE\n", stderr);
		return 2;
	}
	if ((moduli = (uint8_t *)file_read(argv[2], SIZE_MAX / 2, &len)) == NULL) {
		perror(argv[2]);
		return 1;
	}
	rc = strcmp(way, "test") == 0 ? test(moduli, len / BYTES, (size_t)number)
				      : squares(moduli, len / BYTES);
	free(moduli);
	return rc;
}
