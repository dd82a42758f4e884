/* Pure. */
#include <stdlib.h>

#include "survey/mem.h"

#include "lanes.h"
#include "ntt.h"

#define BASE_LOG 12 /* transforms of up to so many elements stay in a cache of 32 KiB */

uint64_t
ntt_power(uint64_t v, uint64_t e, uint64_t n)
{
	unsigned __int128 result = 1, square = v % n;

	for (; e != 0; e >>= 1) {
		if ((e & 1) != 0)
			result = result * square % n;
		square = square * square % n;
	}
	return (uint64_t)result;
}

double
ntt_element(uint64_t v, uint64_t n)
{
	return v > n / 2 ? -(double)(n - v) : (double)v;
}

#if defined(__AVX2__) && defined(__FMA__)

/* p − 1 is a multiple of 2^30; g is no square modulo p. */
static const struct {
	uint64_t p, g;
} primes[NTT_PRIMES] = { { 562948879679489, 3 }, { 562941363486721, 11 }, { 562932773552129, 3 },
	{ 562887676395521, 3 }, { 562860832849921, 13 }, { 562842579238913, 3 } };

static double
times(double element, uint64_t v, uint64_t n)
{
	uint64_t u = element < 0 ? n - (uint64_t)-element : (uint64_t)element;

	return ntt_element((uint64_t)((unsigned __int128)u * v % n), n);
}

/*
 * Block j of a level stands for a factor X^2n − c_j² of X^N − 1, which falls
 * into X^n − c_j and X^n + c_j: root[j] = c_j.  With c_0 = 1 these are blocks 2j and
 * 2j + 1 of the next level, whatever its depth; so root[2^k + i] = root[2^k]·root[i] with
 * a primitive root of 1 of order 2^(k + 2) as root[2^k], and root[2j + 1] = i·root[2j].
 */
static void
init_prime(struct ntt_prime *q, unsigned number, unsigned log)
{
	uint64_t n = primes[number].p;
	size_t len = (size_t)1 << (log - 1);
	lanes p, inverse;

	*q = (struct ntt_prime){ .n = n, .p = (double)n, .inverse = 1.0 / (double)n };
	q->root = xaligned(len * sizeof(*q->root));
	p = _mm256_set1_pd(q->p);
	inverse = _mm256_set1_pd(q->inverse);
	q->root[0] = 1;
	for (size_t k = 1; k < len; k *= 2) {
		uint64_t first = ntt_power(primes[number].g, (n - 1) / (4 * k), n);
		lanes w = _mm256_set1_pd(ntt_element(first, n)), w_p = _mm256_mul_pd(w, inverse);

		for (size_t i = 0; i < k && k < LANES; i++)
			q->root[k + i] = times(q->root[i], first, n);
		for (size_t i = 0; i < k && k >= LANES; i += LANES) {
			lanes x = lanes_mul(_mm256_load_pd(q->root + i), w, w_p, p);

			_mm256_store_pd(q->root + k + i, lanes_reduce(x, p, inverse));
		}
	}
}

void
ntt_init(struct ntt *t, unsigned log)
{
	t->log = log < NTT_MIN_LOG ? NTT_MIN_LOG : log;
	for (unsigned i = 0; i < NTT_PRIMES; i++)
		init_prime(&t->prime[i], i, t->log);
}

void
ntt_fini(struct ntt *t)
{
	for (unsigned i = 0; i < NTT_PRIMES; i++) {
		free(t->prime[i].root);
		t->prime[i].root = NULL;
	}
}

/* 1/root[j] = −root[mirror(j)], but for j = 0. */
static size_t
mirror(size_t j)
{
	size_t top = (size_t)1 << (63 - __builtin_clzll(j));

	return 3 * top - 1 - j;
}

struct field {
	lanes p, inverse;
	const double *root;
};

/* A root for all lanes, and what lanes_mul() wants beside it. */
struct factor {
	lanes w, w_p;
};

static inline struct factor
factor_of(const struct field *f, double root)
{
	lanes w = _mm256_set1_pd(root);

	return (struct factor){ w, _mm256_mul_pd(w, f->inverse) };
}

static inline struct factor
factor_inverse(const struct field *f, size_t j)
{
	return factor_of(f, j == 0 ? 1 : -f->root[mirror(j)]);
}

/* Two levels of a transform in one pass: elements x[0…3] of each quarter. */
static inline void
split(lanes x[static 4], const struct field *f, const struct factor *upper,
    const struct factor *low0, const struct factor *low1)
{
	lanes a = lanes_reduce(x[0], f->p, f->inverse);
	lanes c = lanes_mul(x[2], upper->w, upper->w_p, f->p);
	lanes d = lanes_mul(x[3], upper->w, upper->w_p, f->p);
	lanes e = lanes_mul(_mm256_add_pd(x[1], d), low0->w, low0->w_p, f->p);
	lanes g = lanes_mul(_mm256_sub_pd(x[1], d), low1->w, low1->w_p, f->p);
	lanes sum = _mm256_add_pd(a, c), difference = _mm256_sub_pd(a, c);

	x[0] = _mm256_add_pd(sum, e);
	x[1] = _mm256_sub_pd(sum, e);
	x[2] = _mm256_add_pd(difference, g);
	x[3] = _mm256_sub_pd(difference, g);
}

/* What split() did, but for a factor of 4; the factors are the inverse ones. */
static inline void
join(lanes x[static 4], const struct field *f, const struct factor *upper,
    const struct factor *low0, const struct factor *low1)
{
	lanes a = _mm256_add_pd(x[0], x[1]), c = _mm256_add_pd(x[2], x[3]);
	lanes b = lanes_mul(_mm256_sub_pd(x[0], x[1]), low0->w, low0->w_p, f->p);
	lanes d = lanes_mul(_mm256_sub_pd(x[2], x[3]), low1->w, low1->w_p, f->p);

	x[0] = lanes_reduce(_mm256_add_pd(a, c), f->p, f->inverse);
	x[1] = lanes_reduce(_mm256_add_pd(b, d), f->p, f->inverse);
	x[2] = lanes_mul(_mm256_sub_pd(a, c), upper->w, upper->w_p, f->p);
	x[3] = lanes_mul(_mm256_sub_pd(b, d), upper->w, upper->w_p, f->p);
}

static inline void
load_quarters(lanes x[static 4], const double *at, size_t quarter)
{
	for (size_t i = 0; i < 4; i++)
		x[i] = _mm256_load_pd(at + i * quarter);
}

static inline void
store_quarters(double *at, size_t quarter, const lanes x[static 4])
{
	for (size_t i = 0; i < 4; i++)
		_mm256_store_pd(at + i * quarter, x[i]);
}

static void
split_block(double *x, size_t quarter, const struct field *f, size_t block)
{
	struct factor upper = factor_of(f, f->root[block]);
	struct factor low0 = factor_of(f, f->root[2 * block]);
	struct factor low1 = factor_of(f, f->root[2 * block + 1]);
	lanes v[4];

	for (size_t i = 0; i < quarter; i += LANES) {
		load_quarters(v, x + i, quarter);
		split(v, f, &upper, &low0, &low1);
		store_quarters(x + i, quarter, v);
	}
}

static void
join_block(double *x, size_t quarter, const struct field *f, size_t block)
{
	struct factor upper = factor_inverse(f, block);
	struct factor low0 = factor_inverse(f, 2 * block);
	struct factor low1 = factor_inverse(f, 2 * block + 1);
	lanes v[4];

	for (size_t i = 0; i < quarter; i += LANES) {
		load_quarters(v, x + i, quarter);
		join(v, f, &upper, &low0, &low1);
		store_quarters(x + i, quarter, v);
	}
}

static inline void
transpose(lanes x[static 4])
{
	lanes a = _mm256_unpacklo_pd(x[0], x[1]), b = _mm256_unpackhi_pd(x[0], x[1]);
	lanes c = _mm256_unpacklo_pd(x[2], x[3]), d = _mm256_unpackhi_pd(x[2], x[3]);

	x[0] = _mm256_permute2f128_pd(a, c, 0x20);
	x[1] = _mm256_permute2f128_pd(b, d, 0x20);
	x[2] = _mm256_permute2f128_pd(a, c, 0x31);
	x[3] = _mm256_permute2f128_pd(b, d, 0x31);
}

/* Every other one of eight: from the first on, and from the second on. */
static inline void
pick(lanes *even, lanes *odd, lanes a, lanes b)
{
	*even = _mm256_permute4x64_pd(_mm256_unpacklo_pd(a, b), 0xd8);
	*odd = _mm256_permute4x64_pd(_mm256_unpackhi_pd(a, b), 0xd8);
}

static inline struct factor
factor_lanes(const struct field *f, lanes w)
{
	return (struct factor){ w, _mm256_mul_pd(w, f->inverse) };
}

/* The last two levels: blocks of four elements, four at a time.  They stay transposed. */
static void
split_last(double *x, size_t n, const struct field *f, size_t block)
{
	for (size_t i = 0; i < n; i += 16, block += 4) {
		lanes v[4], even, odd;
		struct factor upper, low0, low1;

		pick(&even, &odd, _mm256_loadu_pd(f->root + 2 * block),
		    _mm256_loadu_pd(f->root + 2 * block + 4));
		upper = factor_lanes(f, _mm256_loadu_pd(f->root + block));
		low0 = factor_lanes(f, even);
		low1 = factor_lanes(f, odd);
		load_quarters(v, x + i, 4);
		transpose(v);
		split(v, f, &upper, &low0, &low1);
		store_quarters(x + i, 4, v);
	}
}

/* Four roots from j on, inverted; j is a multiple of 4 and above 0. */
static inline lanes
inverses(const struct field *f, size_t j)
{
	lanes v = _mm256_loadu_pd(f->root + mirror(j) - 3);

	return _mm256_sub_pd(_mm256_setzero_pd(), _mm256_permute4x64_pd(v, 0x1b));
}

static inline lanes
first_inverses(const struct field *f)
{
	return _mm256_set_pd(-f->root[2], -f->root[3], -f->root[1], 1);
}

static void
join_last(double *x, size_t n, const struct field *f, size_t block)
{
	for (size_t i = 0; i < n; i += 16, block += 4) {
		lanes v[4], even, odd;
		struct factor upper, low0, low1;

		pick(&even, &odd, block == 0 ? first_inverses(f) : inverses(f, 2 * block),
		    inverses(f, 2 * block + 4));
		upper = factor_lanes(f, block == 0 ? first_inverses(f) : inverses(f, block));
		low0 = factor_lanes(f, even);
		low1 = factor_lanes(f, odd);
		load_quarters(v, x + i, 4);
		join(v, f, &upper, &low0, &low1);
		transpose(v);
		store_quarters(x + i, 4, v);
	}
}

/* n is a power of 4: a block of that length. */
static void
forward(double *x, size_t n, const struct field *f, size_t block)
{
	if (n > (size_t)1 << BASE_LOG) {
		split_block(x, n / 4, f, block);
		for (size_t i = 0; i < 4; i++)
			forward(x + i * (n / 4), n / 4, f, 4 * block + i);
		return;
	}
	for (size_t len = n, first = block; len >= 16; len /= 4, first *= 4) {
		for (size_t i = 0; i < n / len; i++)
			split_block(x + i * len, len / 4, f, first + i);
	}
	split_last(x, n, f, block * (n / 4));
}

static void
backward(double *x, size_t n, const struct field *f, size_t block)
{
	if (n > (size_t)1 << BASE_LOG) {
		for (size_t i = 0; i < 4; i++)
			backward(x + i * (n / 4), n / 4, f, 4 * block + i);
		join_block(x, n / 4, f, block);
		return;
	}
	join_last(x, n, f, block * (n / 4));
	for (size_t len = 16; len <= n; len *= 4) {
		for (size_t i = 0; i < n / len; i++)
			join_block(x + i * len, len / 4, f, block * (n / len) + i);
	}
}

static struct field
field_of(const struct ntt_prime *q)
{
	return (struct field){ _mm256_set1_pd(q->p), _mm256_set1_pd(q->inverse), q->root };
}

/* X^N − 1 = (X^N/2 − 1)(X^N/2 + 1) */
static void
halve(double *x, size_t half)
{
	for (size_t i = 0; i < half; i += LANES) {
		lanes a = _mm256_load_pd(x + i), b = _mm256_load_pd(x + half + i);

		_mm256_store_pd(x + i, _mm256_add_pd(a, b));
		_mm256_store_pd(x + half + i, _mm256_sub_pd(a, b));
	}
}

void
ntt_forward(const struct ntt *t, unsigned prime, double *x, unsigned log)
{
	struct field f = field_of(&t->prime[prime]);
	size_t n = (size_t)1 << log;

	if (log % 2 == 0) {
		forward(x, n, &f, 0);
		return;
	}
	halve(x, n / 2);
	forward(x, n / 2, &f, 0);
	forward(x + n / 2, n / 2, &f, 1);
}

void
ntt_backward(const struct ntt *t, unsigned prime, double *x, unsigned log)
{
	struct field f = field_of(&t->prime[prime]);
	size_t n = (size_t)1 << log;

	if (log % 2 == 0) {
		backward(x, n, &f, 0);
		return;
	}
	backward(x, n / 2, &f, 0);
	backward(x + n / 2, n / 2, &f, 1);
	halve(x, n / 2);
}

#endif
