/* Pure. */
#include <stdlib.h>
#include <string.h>

#include "lanes.h"
#include "wrap.h"

#define MIN_PRIMES 3
#define MAX_DIGIT_BITS 46 /* two or three of them, one times a power, are below 5/4 of a prime */
#define MAX_DIGITS 3
#define CHUNK 64 /* coefficients that are put together at a time */

/*
 * Bits of a coefficient: two products of as many coefficients as there are, summed, stay
 * below half of the primes' product.
 */
static unsigned
coefficient_bits(unsigned log, unsigned primes)
{
	return (NTT_PRIME_BITS * primes - 3 - log) / 2;
}

struct wrap_shape
wrap_shape(size_t limbs)
{
	struct wrap_shape best = { .log = 0 };

	for (unsigned log = NTT_MIN_LOG; log <= NTT_MAX_LOG; log++) {
		size_t n = (size_t)1 << log, bits = (limbs * 64 + n - 1) / n;

		for (unsigned primes = MIN_PRIMES; primes <= NTT_PRIMES; primes++) {
			unsigned digits = primes < 5 ? 2 : MAX_DIGITS, each;

			if (best.log != 0 && (size_t)best.primes << best.log <= (size_t)primes
										    << log)
				break;
			if (bits > coefficient_bits(log, primes))
				continue;
			each = (unsigned)(bits + digits - 1) / digits;
			if (each > MAX_DIGIT_BITS || each * digits > coefficient_bits(log, primes))
				continue;
			best = (struct wrap_shape){ log, primes, digits, each,
				n / 64 * digits * each };
			break;
		}
		if (best.log != 0 && log > best.log)
			break;
	}
	return best;
}

/* The factors' transforms, and when these are done with, the sum: limbs of 64 bits each, and a few. */
static size_t
first_part(const struct wrap_shape *s, size_t nfactors)
{
	size_t sum = s->digits * s->digit_bits <= 120 ? 2 : 3;

	return nfactors < sum ? sum : nfactors;
}

size_t
wrap_scratch(const struct wrap_shape *s, size_t nfactors, size_t nsums)
{
	return (first_part(s, nfactors) + nsums * s->primes) << s->log;
}

#if defined(__AVX2__) && defined(__FMA__)

static void
init_crt(struct wrap_crt *c, const struct ntt *t, unsigned primes)
{
	mp_limb_t all[WRAP_COMBINED + 1] = { 1 };

	memset(c, 0, sizeof(*c));
	for (unsigned k = 0; k < primes; k++)
		mpn_mul_1(all, all, WRAP_COMBINED, t->prime[k].n);
	mpn_neg(c->minus, all, WRAP_COMBINED);
	for (unsigned k = 0; k < primes; k++) {
		uint64_t n = t->prime[k].n;

		mpn_divrem_1(c->cofactor[k], 0, all, WRAP_COMBINED, n);
		c->inverse[k] = ntt_power(mpn_mod_1(c->cofactor[k], WRAP_COMBINED, n), n - 2, n);
	}
}

bool
wrap_init(struct wrap *w, size_t limbs)
{
	struct wrap_shape s = wrap_shape(limbs);

	if (s.log == 0)
		return false;
	ntt_init(&w->ntt, s.log);
	for (unsigned primes = MIN_PRIMES; primes <= NTT_PRIMES; primes++)
		init_crt(&w->crt[primes], &w->ntt, primes);
	return true;
}

void
wrap_fini(struct wrap *w)
{
	ntt_fini(&w->ntt);
}

/* ---- numbers to polynomials ---- */

/* A machine whose limbs are in order of their bytes; x86-64 is one. */
static inline long long
bits_at(const uint8_t *bytes, size_t bit)
{
	long long v;

	memcpy(&v, bytes + bit / 8, sizeof(v));
	return v;
}

/* Four digits, each `step` bits after the one before it. */
static inline lanes
digits_at(const uint8_t *bytes, size_t bit, size_t step, __m256i mask)
{
	const __m256i magic = _mm256_set1_epi64x(0x4330000000000000); /* 2^52 as a double */
	size_t b1 = bit + step, b2 = b1 + step, b3 = b2 + step;
	__m256i v = _mm256_set_epi64x(
	    bits_at(bytes, b3), bits_at(bytes, b2), bits_at(bytes, b1), bits_at(bytes, bit));
	__m256i shift = _mm256_set_epi64x(
	    (long long)(b3 % 8), (long long)(b2 % 8), (long long)(b1 % 8), (long long)(bit % 8));

	v = _mm256_and_si256(_mm256_srlv_epi64(v, shift), mask);
	return _mm256_sub_pd(
	    _mm256_castsi256_pd(_mm256_or_si256(v, magic)), _mm256_castsi256_pd(magic));
}

/* Coefficients from bit `bit` of bytes on, n of them, a multiple of 4. */
static inline __attribute__((always_inline)) void
read_coefficients(double *x, size_t n, const uint8_t *bytes, size_t bit, const struct wrap_shape *s,
    const struct ntt_prime *q, unsigned digits)
{
	const __m256i mask = _mm256_set1_epi64x((1LL << s->digit_bits) - 1);
	const lanes p = _mm256_set1_pd(q->p), inverse = _mm256_set1_pd(q->inverse);
	size_t step = (size_t)digits * s->digit_bits;
	lanes power[MAX_DIGITS], power_p[MAX_DIGITS];

	for (unsigned d = 1; d < digits; d++) {
		power[d] = _mm256_set1_pd(
		    ntt_element(ntt_power(2, (uint64_t)d * s->digit_bits, q->n), q->n));
		power_p[d] = _mm256_mul_pd(power[d], inverse);
	}
	for (size_t i = 0; i < n; i += LANES, bit += LANES * step) {
		lanes sum = digits_at(bytes, bit, step, mask);

		for (unsigned d = 1; d < digits; d++)
			sum = _mm256_add_pd(sum,
			    lanes_mul(digits_at(bytes, bit + (size_t)d * s->digit_bits, step, mask),
				power[d], power_p[d], p));
		_mm256_store_pd(x + i, sum);
	}
}

static void
read_some(double *x, size_t n, const uint8_t *bytes, size_t bit, const struct wrap_shape *s,
    const struct ntt_prime *q)
{
	if (s->digits == 2)
		read_coefficients(x, n, bytes, bit, s, q, 2);
	else
		read_coefficients(x, n, bytes, bit, s, q, MAX_DIGITS);
}

static void
read_number(double *x, struct nat a, const struct wrap_shape *s, const struct ntt_prime *q)
{
	const uint8_t *bytes = (const uint8_t *)a.d;
	size_t n = (size_t)1 << s->log, bits = (size_t)s->digits * s->digit_bits;
	size_t len = a.n * sizeof(*a.d), safe, done, at;
	uint8_t rest[512] = { 0 };

	/* A digit is read with the eight bytes that it starts in: not behind the last one. */
	safe = len < 16 ? 0 : (len - 16) * 8 / bits / LANES * LANES;
	read_some(x, safe, bytes, 0, s, q);
	at = safe * bits / 8;
	memcpy(rest, bytes + at, len - at);
	done = safe + ((len - at) * 8 + bits - 1) / bits + 1;
	done = (done + LANES - 1) / LANES * LANES;
	if (done > n)
		done = n;
	read_some(x + safe, done - safe, rest, safe * bits % 8, s, q);
	memset(x + done, 0, (n - done) * sizeof(*x));
}

/* ---- products ---- */

static void
multiply(double *r, const double *a, const double *b, size_t n, const struct ntt_prime *q)
{
	const lanes p = _mm256_set1_pd(q->p), inverse = _mm256_set1_pd(q->inverse);

	for (size_t i = 0; i < n; i += LANES) {
		lanes w = lanes_reduce(_mm256_load_pd(b + i), p, inverse);

		_mm256_store_pd(
		    r + i, lanes_mul(_mm256_load_pd(a + i), w, _mm256_mul_pd(w, inverse), p));
	}
}

static void
multiply_two(double *r, const double *a, const double *b, const double *c, const double *d,
    size_t n, const struct ntt_prime *q)
{
	const lanes p = _mm256_set1_pd(q->p), inverse = _mm256_set1_pd(q->inverse);

	for (size_t i = 0; i < n; i += LANES) {
		lanes u = lanes_reduce(_mm256_load_pd(b + i), p, inverse);
		lanes v = lanes_reduce(_mm256_load_pd(d + i), p, inverse);
		lanes sum = _mm256_add_pd(
		    lanes_mul(_mm256_load_pd(a + i), u, _mm256_mul_pd(u, inverse), p),
		    lanes_mul(_mm256_load_pd(c + i), v, _mm256_mul_pd(v, inverse), p));

		_mm256_store_pd(r + i, lanes_reduce(sum, p, inverse));
	}
}

/* ---- polynomials to numbers ---- */

struct residues {
	const double *x; /* of the first prime; the others' follow */
	lanes scale[NTT_PRIMES], scale_p[NTT_PRIMES], p[NTT_PRIMES], inverse[NTT_PRIMES];
};

/* Parts of the sum over primes, of which each is below its prime, and how often that passes 1. */
struct parts {
	uint64_t part[NTT_PRIMES][CHUNK];
	double whole[CHUNK];
};

static inline __attribute__((always_inline)) void
find_parts(struct parts *out, const struct residues *r, size_t at, size_t n, unsigned primes)
{
	const lanes magic = _mm256_set1_pd(0x1p52);
	lanes whole[CHUNK / LANES];

	/* The value is below half of the modulus: a quarter more rounds to nothing else. */
	for (size_t i = 0; i < CHUNK / LANES; i++)
		whole[i] = _mm256_set1_pd(0.25);
	for (unsigned k = 0; k < primes; k++) {
		const double *x = r->x + k * n + at;

		for (size_t i = 0; i < CHUNK / LANES; i++) {
			lanes v = lanes_mul(
			    _mm256_load_pd(x + i * LANES), r->scale[k], r->scale_p[k], r->p[k]);
			lanes below = _mm256_cmp_pd(v, _mm256_setzero_pd(), _CMP_LT_OQ);

			v = _mm256_add_pd(v, _mm256_and_pd(below, r->p[k]));
			whole[i] = _mm256_fmadd_pd(v, r->inverse[k], whole[i]);
			_mm256_storeu_pd((double *)(void *)&out->part[k][i * LANES],
			    _mm256_xor_pd(_mm256_add_pd(v, magic), magic));
		}
	}
	for (size_t i = 0; i < CHUNK / LANES; i++)
		_mm256_storeu_pd(out->whole + i * LANES, whole[i]);
}

/* Coefficients, one after the other, each `bits` bits further up. */
static inline __attribute__((always_inline)) void
add_up(mp_limb_t *to, const struct residues *r, const struct wrap_crt *c, size_t n, size_t bits,
    const unsigned primes, const unsigned limbs)
{
	struct parts parts;
	size_t bit = 0;

	for (size_t at = 0; at < n; at += CHUNK) {
		find_parts(&parts, r, at, n, primes);
		for (size_t i = 0; i < CHUNK; i++, bit += bits) {
			uint64_t times = (uint64_t)parts.whole[i];
			unsigned shift = (unsigned)(bit % 64);
			unsigned __int128 sum = 0, put = 0;
			mp_limb_t before = 0, *out = to + bit / 64;

			for (unsigned l = 0; l < limbs; l++) {
				sum += (unsigned __int128)times * c->minus[l];
				for (unsigned k = 0; k < primes; k++)
					sum += (unsigned __int128)parts.part[k][i] *
					       c->cofactor[k][l];
				put += (mp_limb_t)sum << shift | before >> 1 >> (63 - shift);
				put += out[l];
				out[l] = (mp_limb_t)put;
				put >>= 64;
				before = (mp_limb_t)sum;
				sum >>= 64;
			}
			out[limbs] += (before >> 1 >> (63 - shift)) + (mp_limb_t)put;
		}
	}
}

/* The sum modulo B^W − 1; to has WRAP_COMBINED + 1 limbs more than W. */
static void
combine(const struct wrap *w, const struct wrap_shape *s, const double *x, mp_limb_t *to)
{
	const struct wrap_crt *c = &w->crt[s->primes];
	size_t n = (size_t)1 << s->log, bits = (size_t)s->digits * s->digit_bits;
	struct residues r = { .x = x };

	for (unsigned k = 0; k < s->primes; k++) {
		const struct ntt_prime *q = &w->ntt.prime[k];
		uint64_t length = ntt_power((q->n + 1) / 2, s->log, q->n); /* 1/N */
		uint64_t scale = (uint64_t)((unsigned __int128)length * c->inverse[k] % q->n);

		r.p[k] = _mm256_set1_pd(q->p);
		r.inverse[k] = _mm256_set1_pd(q->inverse);
		r.scale[k] = _mm256_set1_pd(ntt_element(scale, q->n));
		r.scale_p[k] = _mm256_mul_pd(r.scale[k], r.inverse[k]);
	}
	memset(to, 0, (s->limbs + WRAP_COMBINED + 1) * sizeof(*to));
	switch (s->primes) {
	case 3:
		add_up(to, &r, c, n, bits, 3, 3);
		break;
	case 4:
		add_up(to, &r, c, n, bits, 4, 4);
		break;
	case 5:
		add_up(to, &r, c, n, bits, 5, 4);
		break;
	default:
		add_up(to, &r, c, n, bits, NTT_PRIMES, WRAP_COMBINED);
	}
	mpn_add_1(to, to, (mp_size_t)s->limbs,
	    mpn_add(to, to, (mp_size_t)s->limbs, to + s->limbs, WRAP_COMBINED + 1));
}

void
wrap_sums(const struct wrap *w, const struct wrap_shape *s, const struct nat *factors,
    size_t nfactors, const struct wrap_sum *sums, size_t nsums, double *scratch)
{
	size_t n = (size_t)1 << s->log;
	double *in = scratch, *out = scratch + first_part(s, nfactors) * n;

	for (unsigned k = 0; k < s->primes; k++) {
		const struct ntt_prime *q = &w->ntt.prime[k];

		for (size_t i = 0; i < nfactors; i++) {
			read_number(in + i * n, factors[i], s, q);
			ntt_forward(&w->ntt, k, in + i * n, s->log);
		}
		for (size_t i = 0; i < nsums; i++) {
			const struct wrap_sum *sum = &sums[i];
			double *x = out + (i * s->primes + k) * n;

			if (sum->npairs == 1)
				multiply(x, in + sum->pair[0].a * n, in + sum->pair[0].b * n, n, q);
			else
				multiply_two(x, in + sum->pair[0].a * n, in + sum->pair[0].b * n,
				    in + sum->pair[1].a * n, in + sum->pair[1].b * n, n, q);
			ntt_backward(&w->ntt, k, x, s->log);
		}
	}
	for (size_t i = 0; i < nsums; i++) {
		combine(w, s, out + i * s->primes * n, (mp_limb_t *)(void *)in);
		memcpy(sums[i].to, (const mp_limb_t *)(void *)in + sums[i].from,
		    sums[i].n * sizeof(*sums[i].to));
	}
}

#else

/* Nobody gets here: wrap_possible() has said no. */
bool
wrap_init(struct wrap *w, size_t limbs)
{
	(void)w, (void)limbs;
	return false;
}

void
wrap_fini(struct wrap *w)
{
	(void)w;
}

void
wrap_sums(const struct wrap *w, const struct wrap_shape *s, const struct nat *factors,
    size_t nfactors, const struct wrap_sum *sums, size_t nsums, double *scratch)
{
	(void)w, (void)s, (void)factors, (void)nfactors, (void)sums, (void)nsums, (void)scratch;
	abort();
}

#endif
