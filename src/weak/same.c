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
compare(const struct weak_run_state *r, const struct entry *a, const struct entry *b)
{
	const struct octets *x = &r->number[a->key], *y = &r->number[b->key];

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->curve != b->curve)
		return a->curve < b->curve ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->data, y->data, x->len);
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

void
run_same(struct weak_run_state *r)
{
	struct entry *e = xcalloc(r->all + 1, sizeof(*e));
	size_t n = 0, first = 0;

	for (uint32_t key = 0; key < r->all; key++) {
		const struct weak_key *k = run_key(r, key);
		const struct curve *c = k->key.type == PUBLIC_EC
					    ? curve_find(&r->curves, k->key.curve)
					    : NULL;

		if (r->number[key].len == 0)
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
	free(e);
}
