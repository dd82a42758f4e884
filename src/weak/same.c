/* The same public key under several fingerprints, which hash different blobs. */
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"

#include "run.h"

struct entry {
	uint32_t key;
	uint8_t type;
	uint16_t curve; /* bits and place of the curve's name, to tell curves of one size apart */
};

static int
compare_numbers(struct octets a, struct octets b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return a.len > 0 ? memcmp(a.data, b.data, a.len) : 0;
}

/* A DSA value is a key only together with its group. */
static int
compare_groups(const struct public_key *a, const struct public_key *b)
{
	int c = compare_numbers(octets_minimal(a->modulus), octets_minimal(b->modulus));

	if (c == 0)
		c = compare_numbers(octets_minimal(a->exponent), octets_minimal(b->exponent));
	if (c == 0)
		c = compare_numbers(octets_minimal(a->generator), octets_minimal(b->generator));
	return c;
}

static int
compare(const struct weak_run_state *r, const struct entry *a, const struct entry *b)
{
	int c;

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->curve != b->curve)
		return a->curve < b->curve ? -1 : 1;
	c = compare_numbers(r->number[a->key], r->number[b->key]);
	if (c == 0 && a->type == PUBLIC_DSA)
		c = compare_groups(&run_key(r, a->key)->key, &run_key(r, b->key)->key);
	return c;
}

static int
by_number(const void *a, const void *b, void *arg)
{
	const struct entry *x = a, *y = b;
	int c = compare(arg, x, y);

	return c != 0 ? c : (x->key > y->key) - (x->key < y->key);
}

static void
judge(struct weak_run_state *r, const struct entry *e, size_t n)
{
	uint32_t count[2] = { 0, 0 }, *keys;
	struct finding finding = { .refs_at = 0 };

	if (n < 2)
		return;
	keys = xcalloc(n, sizeof(*keys));
	for (size_t i = 0; i < n; i++) {
		keys[i] = e[i].key;
		count[run_key(r, e[i].key)->kind == KEY_SSH_HOST]++;
	}
	finding.refs_at = run_group(r, keys, n);
	finding.nrefs = 1;
	for (size_t i = 0; i < n; i++) {
		finding.key = keys[i];
		finding.kind = FINDING_SSH_AND_TLS;
		if (count[0] > 0 && count[1] > 0)
			run_find(&r->found[0], finding);
		finding.kind = FINDING_SAME_KEY;
		if (count[run_key(r, e[i].key)->kind == KEY_SSH_HOST] > 1)
			run_find(&r->found[0], finding);
	}
	free(keys);
}

/*
 * Keys by number: true of those that anyone can make of another's number without its private
 * key, as the checks of single keys have found.
 */
static bool *
find_made_up(const struct weak_run_state *r)
{
	static const uint32_t kinds = UINT32_C(1) << FINDING_EXPONENT_ONE |
				      UINT32_C(1) << FINDING_BAD_EXPONENT |
				      UINT32_C(1) << FINDING_BAD_GROUP;
	bool *made_up = xcalloc((size_t)r->all + 1, sizeof(*made_up));

	for (unsigned i = 0; i < r->threads; i++) {
		for (size_t j = 0; j < r->found[i].n; j++) {
			const struct finding *f = &r->found[i].v[j];

			if ((kinds >> f->kind & 1) != 0)
				made_up[f->key] = true;
		}
	}
	for (uint32_t key = 0; key < r->all; key++) {
		const struct public_key *k = &run_key(r, key)->key;

		if (k->type == PUBLIC_RSA && octets_minimal(k->exponent).len == 0)
			made_up[key] = true;
	}
	return made_up;
}

void
run_same(struct weak_run_state *r)
{
	struct entry *e = xcalloc(r->all + 1, sizeof(*e));
	bool *made_up = find_made_up(r);
	size_t n = 0, first = 0;

	for (uint32_t key = 0; key < r->all; key++) {
		const struct weak_key *k = run_key(r, key);
		const struct curve *c = k->key.type == PUBLIC_EC
					    ? curve_find(&r->curves, k->key.curve)
					    : NULL;

		if (r->number[key].len == 0 || made_up[key])
			continue;
		e[n++] = (struct entry){ key, (uint8_t)k->key.type,
			c != NULL ? (uint16_t)(c - r->curves.curves + 1) : 0 };
		if (key < r->n)
			r->out->checks[CHECK_SAME_KEY].keys++;
	}
	qsort_r(e, n, sizeof(*e), by_number, r);
	for (size_t i = 1; i <= n; i++) {
		if (i == n || compare(r, &e[i], &e[first]) != 0) {
			judge(r, e + first, i - first);
			first = i;
		}
	}
	free(made_up);
	free(e);
}
