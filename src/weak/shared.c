/* What moduli have in common: with one another, with known primes, with small ones. */
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"

#include "partners.h"
#include "run.h"
#include "secret.h"

#define KNOWN_BITS 64 /* shorter common factors with a product of known primes are none of these */
#define PRIME_MAX_BITS 4096 /* no prime of a server's key has more; the test takes its time */

/* A modulus that has a factor in common with something. */
struct hit {
	uint32_t modulus;
	mpz_t factor;
};

struct hits {
	struct weak_run_state *r;
	struct hit *v;
	size_t n, cap;
};

static int
by_number(const void *a, const void *b, void *arg)
{
	const struct weak_run_state *r = arg;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct octets *bx = &r->number[x], *by = &r->number[y];
	int c;

	if (bx->len != by->len)
		return bx->len < by->len ? -1 : 1;
	c = memcmp(bx->data, by->data, bx->len);
	return c != 0 ? c : (x > y) - (x < y);
}

static bool
same_number(const struct weak_run_state *r, uint32_t a, uint32_t b)
{
	const struct octets *x = &r->number[a], *y = &r->number[b];

	return x->len == y->len && memcmp(x->data, y->data, x->len) == 0;
}

/* Each distinct modulus once, in the order of their lengths. */
static void
collect(struct weak_run_state *r)
{
	size_t n = 0, limbs = 0, at = 0;

	r->by_modulus = xcalloc(r->all + 1, sizeof(*r->by_modulus));
	for (uint32_t key = 0; key < r->all; key++) {
		if (run_key(r, key)->key.type == PUBLIC_RSA && r->number[key].len > 0)
			r->by_modulus[n++] = key;
	}
	qsort_r(r->by_modulus, n, sizeof(*r->by_modulus), by_number, r);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || !same_number(r, r->by_modulus[i], r->by_modulus[i - 1])) {
			limbs += nat_limbs(r->number[r->by_modulus[i]].len);
			r->nmoduli++;
		}
	}
	r->moduli = xcalloc(r->nmoduli + 1, sizeof(*r->moduli));
	r->limbs = xcalloc(limbs + 1, sizeof(*r->limbs));
	r->nmoduli = 0;
	for (size_t i = 0; i < n; i++) {
		const struct octets *b = &r->number[r->by_modulus[i]];
		struct modulus *m = &r->moduli[r->nmoduli];

		if (i > 0 && same_number(r, r->by_modulus[i], r->by_modulus[i - 1])) {
			m[-1].nkeys++;
			continue;
		}
		*m = (struct modulus){ { r->limbs + at, nat_limbs(b->len) }, (uint32_t)i, 1 };
		nat_from_bytes(r->limbs + at, b->data, b->len);
		at += m->n.n;
		r->nmoduli++;
	}
}

static void
take_hit(size_t i, struct nat g, void *arg)
{
	struct hits *h = arg;
	mpz_t value;

	mem_grow(&h->v, &h->cap, h->n + 1, sizeof(*h->v));
	h->v[h->n].modulus = (uint32_t)i;
	mpz_init_set(h->v[h->n++].factor, mpz_roinit_n(value, g.d, (mp_size_t)g.n));
}

static int
by_modulus(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	return (x->modulus > y->modulus) - (x->modulus < y->modulus);
}

/* Of all keys with that modulus; p: a factor of it. */
static void
find_all(struct weak_run_state *r, const struct modulus *m, struct finding finding, const mpz_t p)
{
	mpz_t n;

	mpz_roinit_n(n, m->n.d, (mp_size_t)m->n.n);
	for (uint32_t i = 0; i < m->nkeys; i++) {
		finding.key = r->by_modulus[m->at + i];
		run_find(&r->found[0], finding);
		if (p != NULL && mpz_cmp_ui(p, 1) > 0 && mpz_cmp(p, n) < 0)
			run_factors(r, finding.key, p, n);
	}
}

/* Small and known factors; what is left of the hit's factor is shared. */
static void
judge_hit(struct weak_run_state *r, struct hit *h)
{
	const struct modulus *m = &r->moduli[h->modulus];
	mpz_t n, rest, g;

	mpz_roinit_n(n, m->n.d, (mp_size_t)m->n.n);
	mpz_inits(rest, g, NULL);
	mpz_set(rest, n);
	if (rsa_strip_small(&r->rsa, rest)) {
		mpz_divexact(g, n, rest);
		find_all(r, m, (struct finding){ .kind = FINDING_SMALL_FACTOR }, g);
		rsa_strip_small(&r->rsa, h->factor);
	}
	if (mpz_cmp_ui(h->factor, 1) > 0) {
		mpz_gcd(g, rest, r->known);
		if (mpz_sizeinbase(g, 2) >= KNOWN_BITS)
			find_all(r, m, (struct finding){ .kind = FINDING_KNOWN_PRIME }, g);
	}
	mpz_clears(rest, g, NULL);
}

/* Keys of a group's moduli as a group of the result. */
static size_t
group_of_keys(struct weak_run_state *r, const struct hits *h, const struct partner_group *g)
{
	uint32_t *keys = NULL;
	size_t n = 0, cap = 0, number;

	for (size_t i = 0; i < g->n; i++) {
		const struct modulus *m = &r->moduli[h->v[g->members[i]].modulus];

		mem_grow(&keys, &cap, n + m->nkeys, sizeof(*keys));
		memcpy(keys + n, r->by_modulus + m->at, m->nkeys * sizeof(*keys));
		n += m->nkeys;
	}
	number = run_group(r, keys, n);
	free(keys);
	return number;
}

/* The factor that a modulus has in common with its group; true where that is all but small primes. */
static bool
common_factor(
    const struct weak_run_state *r, const struct modulus *m, const mpz_t factor, mpz_t common)
{
	mpz_t n, rest;
	bool all;

	mpz_roinit_n(n, m->n.d, (mp_size_t)m->n.n);
	mpz_init(rest);
	mpz_gcd(common, n, factor);
	mpz_divexact(rest, n, common);
	rsa_strip_small(&r->rsa, rest);
	all = mpz_cmp_ui(rest, 1) == 0;
	mpz_clear(rest);
	return all;
}

/*
 * Is a group's factor the whole modulus of one of its keys?  Anyone can publish multiples of other
 * people's moduli: they factor nothing, unless such a modulus is a prime.
 */
static bool
is_modulus(const struct weak_run_state *r, const struct hits *h, const struct partner_group *g)
{
	bool all = false;
	mpz_t common;

	mpz_init(common);
	for (size_t i = 0; i < g->n && !all; i++)
		all = common_factor(r, &r->moduli[h->v[g->members[i]].modulus], g->factor, common);
	mpz_clear(common);
	return all && (mpz_sizeinbase(g->factor, 2) > PRIME_MAX_BITS ||
			  mpz_probab_prime_p(g->factor, 1) == 0);
}

/* One hit's part in a group: a factor, or a number that a modulus is a multiple of. */
static void
judge_member(struct weak_run_state *r, const struct hit *h, const struct partner_group *g,
    bool multiple, size_t group)
{
	const struct modulus *m = &r->moduli[h->modulus];
	struct finding finding = { .kind = FINDING_SHARED_PRIME, .refs_at = group, .nrefs = 1 };
	mpz_t common;

	mpz_init(common);
	if (common_factor(r, m, g->factor, common) || multiple)
		finding.kind = FINDING_MULTIPLE;
	find_all(r, m, finding, finding.kind == FINDING_SHARED_PRIME ? common : NULL);
	mpz_clear(common);
}

static enum batch_result
judge_shared(struct weak_run_state *r, struct hits *h, const struct batch_options *o)
{
	mpz_t *factors = xcalloc(h->n + 1, sizeof(*factors));
	struct partner_groups groups;
	enum batch_result result;
	size_t n = 0;

	/* Those with nothing but small primes go. */
	for (size_t i = 0; i < h->n; i++) {
		if (mpz_cmp_ui(h->v[i].factor, 1) <= 0) {
			mpz_clear(h->v[i].factor);
			continue;
		}
		if (n != i)
			memcpy(&h->v[n], &h->v[i], sizeof(h->v[n]));
		n++;
	}
	h->n = n;
	for (size_t i = 0; i < n; i++)
		memcpy(&factors[i], &h->v[i].factor, sizeof(factors[i]));
	result = partners_find((const mpz_t *)factors, n, o, &groups);
	for (size_t i = 0; i < groups.n && result == BATCH_OK; i++) {
		const struct partner_group *g = &groups.groups[i];
		size_t number;
		bool multiple;

		if (g->n < 2)
			continue;
		number = group_of_keys(r, h, g);
		multiple = is_modulus(r, h, g);
		for (size_t j = 0; j < g->n; j++)
			judge_member(r, &h->v[g->members[j]], g, multiple, number);
	}
	partner_groups_fini(&groups);
	free(factors);
	return result;
}

enum batch_result
run_shared(struct weak_run_state *r)
{
	struct batch_options o = {
		.threads = r->threads, .memory = r->o->memory, .dir = r->o->dir, .stop = r->o->stop
	};
	struct hits h = { .r = r };
	struct batch_cost cost;
	enum batch_result result;
	struct nat *moduli;
	mpz_t extra;

	collect(r);
	moduli = xcalloc(r->nmoduli + 1, sizeof(*moduli));
	for (size_t i = 0; i < r->nmoduli; i++)
		moduli[i] = r->moduli[i].n;
	mpz_init(extra);
	mpz_mul(extra, r->known, r->rsa.primorial);
	o.extra = (struct nat){ mpz_limbs_read(extra), mpz_size(extra) };
	result = batch_gcd(moduli, r->nmoduli, &o, take_hit, &h, &cost);
	r->costs.file_bytes = cost.file_bytes;
	free(moduli);
	mpz_clear(extra);
	o.extra = (struct nat){ NULL, 0 };
	if (h.n > 1) /* threads found them in any order */
		qsort(h.v, h.n, sizeof(*h.v), by_modulus);
	for (size_t i = 0; i < h.n && result == BATCH_OK; i++)
		judge_hit(r, &h.v[i]);
	if (result == BATCH_OK)
		result = judge_shared(r, &h, &o);
	for (size_t i = 0; i < h.n; i++)
		mpz_clear(h.v[i].factor);
	free(h.v);
	secret_wipe_stack();
	for (uint32_t i = 0; i < r->nmoduli; i++) {
		for (uint32_t j = 0; j < r->moduli[i].nkeys; j++) {
			if (r->by_modulus[r->moduli[i].at + j] < r->n)
				r->out->checks[CHECK_SHARED_PRIMES].keys++;
		}
	}
	return result;
}
