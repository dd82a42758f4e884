#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "survey/mem.h"
#include "survey/order.h"
#include "survey/parallel.h"

#include "partners.h"

#define ROUNDS 200
#define FEW 16 /* numbers that are tested one by one */

/* Numbers, owned. */
struct numbers {
	mpz_t *v;
	size_t n, cap;
};

static void
numbers_add(struct numbers *s, const mpz_t value)
{
	mem_grow(&s->v, &s->cap, s->n + 1, sizeof(*s->v));
	mpz_init_set(s->v[s->n++], value);
}

static void
numbers_fini(struct numbers *s)
{
	for (size_t i = 0; i < s->n; i++)
		mpz_clear(s->v[i]);
	free(s->v);
	*s = (struct numbers){ NULL, 0, 0 };
}

static int
by_value(const void *a, const void *b)
{
	return mpz_cmp(*(const mpz_t *)a, *(const mpz_t *)b);
}

/* Sorted, each once, none of them 1. */
static void
numbers_tidy(struct numbers *s)
{
	size_t n = 0;

	if (s->n > 1)
		qsort(s->v, s->n, sizeof(*s->v), by_value);
	for (size_t i = 0; i < s->n; i++) {
		if (mpz_cmp_ui(s->v[i], 1) <= 0 || (n > 0 && mpz_cmp(s->v[i], s->v[n - 1]) == 0)) {
			mpz_clear(s->v[i]);
			continue;
		}
		if (n != i)
			memcpy(&s->v[n], &s->v[i], sizeof(*s->v));
		n++;
	}
	s->n = n;
}

static struct nat
view(const mpz_t value)
{
	return (struct nat){ mpz_limbs_read(value), mpz_size(value) };
}

/* ---- parts without common factors ---- */

struct split {
	const struct numbers *of;
	const struct batch_options *o;
	size_t block; /* numbers that are compared with each other */
	mpz_t *common; /* by number: what it has in common with others of its block; 1: nothing */
	enum batch_result result;
};

struct block {
	mpz_t *common;
};

static void
note_common(size_t i, struct nat g, void *arg)
{
	const struct block *b = arg;
	mpz_t value;

	mpz_set(b->common[i], mpz_roinit_n(value, g.d, (mp_size_t)g.n));
}

static void
compare_block(size_t number, unsigned worker, void *arg)
{
	struct split *s = arg;
	size_t at = number * s->block, n = s->of->n - at;
	struct batch_options o = *s->o;
	struct block b = { s->common + at };
	enum batch_result result;
	struct nat *moduli;

	(void)worker;
	if (n > s->block)
		n = s->block;
	if (s->block < s->of->n) /* blocks are compared at the same time, each in one thread */
		o.threads = 1;
	moduli = xcalloc(n, sizeof(*moduli));
	for (size_t i = 0; i < n; i++)
		moduli[i] = view(s->of->v[at + i]);
	result = batch_gcd(moduli, n, &o, note_common, &b, NULL);
	if (result != BATCH_OK)
		s->result = result;
	free(moduli);
}

static void
shuffle(struct numbers *s)
{
	for (size_t i = s->n; i > 1; i--) {
		uint64_t any;
		mpz_t tmp;
		size_t j;

		if (getrandom(&any, sizeof(any), 0) != (ssize_t)sizeof(any))
			any = i / 2;
		j = (size_t)(any % i);
		memcpy(&tmp, &s->v[i - 1], sizeof(tmp));
		memcpy(&s->v[i - 1], &s->v[j], sizeof(tmp));
		memcpy(&s->v[j], &tmp, sizeof(tmp));
	}
}

/*
 * One round: numbers that have a part in common with others of their block
 * fall apart into this and the rest.  A block of all tells, too, which have
 * nothing in common with any other: these are finished parts.
 */
static enum batch_result
split_round(
    struct numbers *open, struct numbers *parts, size_t block, const struct batch_options *o)
{
	struct split s = { open, o, block, xcalloc(open->n, sizeof(*s.common)), BATCH_OK };
	struct numbers next = { NULL, 0, 0 };
	mpz_t rest;

	mpz_init(rest);
	for (size_t i = 0; i < open->n; i++)
		mpz_init_set_ui(s.common[i], 1);
	parallel_for(
	    block < open->n ? o->threads : 1, (open->n + block - 1) / block, compare_block, &s);
	for (size_t i = 0; i < open->n; i++) {
		if (mpz_cmp_ui(s.common[i], 1) == 0 && block >= open->n) {
			numbers_add(parts, open->v[i]);
		} else if (mpz_cmp_ui(s.common[i], 1) == 0) {
			numbers_add(&next, open->v[i]);
		} else {
			mpz_divexact(rest, open->v[i], s.common[i]);
			numbers_add(&next, s.common[i]);
			numbers_add(&next, rest);
		}
		mpz_clear(s.common[i]);
	}
	mpz_clear(rest);
	free(s.common);
	numbers_fini(open);
	*open = next;
	numbers_tidy(open);
	return s.result;
}

/*
 * A number all of whose parts others have, too, does not fall apart in a
 * block of all; in a small one, by chance, only some of them are there.  So
 * blocks of all and random ones of falling sizes take turns.
 */
static enum batch_result
find_parts(struct numbers *open, struct numbers *parts, const struct batch_options *o)
{
	enum batch_result result = BATCH_OK;
	size_t block = 0;

	for (unsigned round = 0; round < ROUNDS && open->n > 0 && result == BATCH_OK; round++) {
		if (round % 2 == 0) {
			result = split_round(open, parts, open->n, o);
			continue;
		}
		block = block <= 2 ? (open->n + 1) / 2 : (block + 1) / 2;
		shuffle(open);
		result = split_round(open, parts, block > 2 ? block : 2, o);
	}
	/* What is left keeps a part in common with another, and its group has the other's members, too. */
	for (size_t i = 0; i < open->n; i++)
		numbers_add(parts, open->v[i]);
	numbers_tidy(parts);
	return result;
}

/* ---- members ---- */

struct assign {
	const struct numbers *values; /* distinct */
	const struct numbers *parts;
	const struct batch_options *o;
	struct partner_groups *out;
	enum batch_result result;
};

struct chosen {
	const uint32_t *from;
	uint32_t *to;
	size_t n;
};

static void
choose(size_t i, struct nat g, void *arg)
{
	struct chosen *c = arg;

	(void)g;
	c->to[c->n++] = c->from[i];
}

/* Of these values, those that have a factor in common with the product; returns how many. */
static size_t
filter(struct assign *a, const mpz_t product, const uint32_t *values, size_t n, uint32_t *to)
{
	struct chosen c = { values, to, 0 };
	struct batch_options o = *a->o;
	struct nat *moduli;
	mpz_t g;

	if (n <= FEW) {
		mpz_init(g);
		for (size_t i = 0; i < n; i++) {
			mpz_gcd(g, a->values->v[values[i]], product);
			if (mpz_cmp_ui(g, 1) > 0)
				to[c.n++] = values[i];
		}
		mpz_clear(g);
		return c.n;
	}
	moduli = xcalloc(n, sizeof(*moduli));
	for (size_t i = 0; i < n; i++)
		moduli[i] = view(a->values->v[values[i]]);
	o.extra = view(product);
	o.only_extra = true;
	a->result = batch_gcd(moduli, n, &o, choose, &c, NULL);
	free(moduli);
	return c.n;
}

static void
add_group(struct partner_groups *out, const mpz_t factor, const uint32_t *members, size_t n)
{
	struct partner_group *g;

	mem_grow(&out->groups, &out->cap, out->n + 1, sizeof(*out->groups));
	g = &out->groups[out->n++];
	*g = (struct partner_group){ .n = n };
	mpz_init_set(g->factor, factor);
	g->members = xcalloc(n, sizeof(*g->members));
	memcpy(g->members, members, n * sizeof(*members));
}

/* Half of the parts at a time: a value goes down only where a part of it is. */
static void
assign(struct assign *a, size_t first, size_t n, const uint32_t *values, size_t nvalues)
{
	uint32_t *mine = xcalloc(nvalues + 1, sizeof(*mine));
	size_t nmine;
	mpz_t product;

	mpz_init(product);
	nat_product(product, (const mpz_t *)a->parts->v + first, n);
	nmine = filter(a, product, values, nvalues, mine);
	mpz_clear(product);
	if (a->result != BATCH_OK || nmine == 0) {
		free(mine);
		return;
	}
	if (n == 1) {
		add_group(a->out, a->parts->v[first], mine, nmine);
	} else {
		assign(a, first, n / 2, mine, nmine);
		assign(a, first + n / 2, n - n / 2, mine, nmine);
	}
	free(mine);
}

/* Members are distinct values so far; now they are the numbers that have these. */
static void
expand(struct partner_group *g, const uint32_t *order, const size_t *start)
{
	uint32_t *members = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < g->n; i++) {
		for (size_t j = start[g->members[i]]; j < start[g->members[i] + 1]; j++) {
			mem_grow(&members, &cap, n + 1, sizeof(*members));
			members[n++] = order[j];
		}
	}
	if (n > 0)
		qsort(members, n, sizeof(*members), order_u32);
	free(g->members);
	g->members = members;
	g->n = n;
	g->cap = cap;
}

static int
by_pointed(const void *a, const void *b)
{
	const mpz_t *const *x = a, *const *y = b;
	int c = mpz_cmp(**x, **y);

	return c != 0 ? c : (*x > *y) - (*x < *y);
}

enum batch_result
partners_find(
    const mpz_t *numbers, size_t n, const struct batch_options *o, struct partner_groups *out)
{
	struct numbers values = { NULL, 0, 0 }, open = { NULL, 0, 0 }, parts = { NULL, 0, 0 };
	struct batch_options mine = *o;
	struct assign a = { .values = &values, .parts = &parts, .o = &mine, .out = out };
	const mpz_t **sorted = xcalloc(n + 1, sizeof(*sorted));
	uint32_t *order = xcalloc(n + 1, sizeof(*order)), *all;
	size_t *start = xcalloc(n + 1, sizeof(*start));

	*out = (struct partner_groups){ NULL, 0, 0 };
	mine.extra = (struct nat){ NULL, 0 };
	mine.only_extra = false;
	for (size_t i = 0; i < n; i++)
		sorted[i] = &numbers[i];
	qsort(sorted, n, sizeof(*sorted), by_pointed);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || mpz_cmp(*sorted[i], *sorted[i - 1]) != 0) {
			start[values.n] = i;
			numbers_add(&values, *sorted[i]);
			numbers_add(&open, *sorted[i]);
		}
		order[i] = (uint32_t)(sorted[i] - numbers);
	}
	start[values.n] = n;
	a.result = find_parts(&open, &parts, &mine);
	if (a.result == BATCH_OK && parts.n > 0) {
		all = xcalloc(values.n, sizeof(*all));
		for (size_t i = 0; i < values.n; i++)
			all[i] = (uint32_t)i;
		assign(&a, 0, parts.n, all, values.n);
		free(all);
	}
	for (size_t i = 0; i < out->n; i++)
		expand(&out->groups[i], order, start);
	numbers_fini(&values);
	numbers_fini(&open);
	numbers_fini(&parts);
	free(sorted);
	free(order);
	free(start);
	return a.result;
}

void
partner_groups_fini(struct partner_groups *g)
{
	for (size_t i = 0; i < g->n; i++) {
		mpz_clear(g->groups[i].factor);
		free(g->groups[i].members);
	}
	free(g->groups);
	*g = (struct partner_groups){ NULL, 0, 0 };
}
