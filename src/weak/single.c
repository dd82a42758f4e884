/* What is wrong with each key by itself. */
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/parallel.h"

#include "run.h"
#include "secret.h"

#define CHUNK 64 /* keys that a thread takes at a time */
#define SMALL_CURVE_BITS 224 /* NIST SP 800-57: 112 bits of strength */

static struct weak_bytes
minimal(struct weak_bytes b)
{
	while (b.len > 0 && b.data[0] == 0) {
		b.data++;
		b.len--;
	}
	return b;
}

static size_t
bit_length(struct weak_bytes minimal)
{
	size_t bits = minimal.len * 8;

	if (minimal.len == 0)
		return 0;
	for (unsigned top = minimal.data[0]; (top & 0x80) == 0; top <<= 1)
		bits--;
	return bits;
}

void
run_find(struct findings *f, struct weak_finding finding)
{
	mem_grow(&f->v, &f->cap, f->n + 1, sizeof(*f->v));
	f->v[f->n++] = finding;
}

struct worker {
	struct weak_run_state *r;
	unsigned number;
	mpz_t n, e, p;
};

static void
find(struct worker *w, uint32_t key, enum weak_kind kind)
{
	run_find(
	    &w->r->found[w->number], (struct weak_finding){ .key = key, .kind = (uint8_t)kind });
}

static void
checked(struct worker *w, uint32_t key, enum weak_check check)
{
	if (key < w->r->n)
		w->r->checked[w->number][check]++;
}

static void
skip(struct worker *w, uint32_t key, enum weak_skip reason)
{
	struct weak_run_state *r = w->r;
	size_t *n = &r->nskipped[w->number];

	if (key >= r->n)
		return;
	mem_grow(&r->skipped[w->number], &r->skip_caps[w->number], *n + 1, sizeof(**r->skipped));
	r->skipped[w->number][(*n)++] = (struct weak_skipped){ key, (uint8_t)reason };
}

void
run_factors(struct weak_run_state *r, uint32_t key, const mpz_t p, const mpz_t n)
{
	char *a, *b;
	mpz_t q;

	if (r->o->factors == NULL || key >= r->n)
		return;
	mpz_init(q);
	mpz_divexact(q, n, p);
	a = xmalloc(mpz_sizeinbase(p, 16) + 2);
	b = xmalloc(mpz_sizeinbase(q, 16) + 2);
	mpz_get_str(a, 16, p);
	mpz_get_str(b, 16, q);
	pthread_mutex_lock(&r->lock);
	r->o->factors(key, a, b, r->o->arg);
	pthread_mutex_unlock(&r->lock);
	explicit_bzero(a, strlen(a));
	explicit_bzero(b, strlen(b));
	free(a);
	free(b);
	mpz_clear(q);
}

static void
import(mpz_t to, struct weak_bytes b)
{
	mpz_import(to, b.len, 1, 1, 1, 0, b.data);
}

static void
check_rsa(struct worker *w, uint32_t key, const struct weak_key *k)
{
	static const uint32_t factored = UINT32_C(1) << WEAK_SQUARE |
					 UINT32_C(1) << WEAK_CLOSE_PRIMES |
					 UINT32_C(1) << WEAK_SMALL_PRIVATE;
	struct weak_bytes n = minimal(k->modulus), e = minimal(k->exponent);
	uint32_t kinds;

	if (bit_length(n) < 2) {
		skip(w, key, WEAK_SKIP_NO_NUMBER);
		return;
	}
	if (bit_length(n) > WEAK_MAX_BITS) {
		skip(w, key, WEAK_SKIP_TOO_LONG);
		return;
	}
	w->r->number[key] = n;
	checked(w, key, WEAK_CHECK_RSA);
	import(w->n, n);
	if (k->exponent.len == 0) { /* the modulus is tested all the same */
		skip(w, key, WEAK_SKIP_NO_NUMBER);
		mpz_set_ui(w->e, 65537);
	} else if (e.len > n.len) { /* not below the modulus, however long */
		mpz_set(w->e, w->n);
	} else {
		import(w->e, e);
	}
	kinds = rsa_check(&w->r->rsa, w->n, w->e, w->p);
	if (k->exponent.len == 0)
		kinds &= ~(UINT32_C(1) << WEAK_BAD_EXPONENT);
	for (unsigned kind = 0; kind < WEAK_NKINDS; kind++) {
		if ((kinds >> kind & 1) != 0)
			find(w, key, (enum weak_kind)kind);
	}
	if ((kinds & factored) != 0) {
		run_factors(w->r, key, w->p, w->n);
		secret_wipe_stack();
	}
}

static void
check_ec(struct worker *w, uint32_t key, const struct weak_key *k)
{
	const struct curve *c = curve_find(&w->r->curves, k->curve);

	if (c == NULL || k->point.len == 0) {
		skip(w, key, c == NULL ? WEAK_SKIP_CURVE : WEAK_SKIP_NO_NUMBER);
		return;
	}
	checked(w, key, WEAK_CHECK_EC);
	w->r->number[key] = curve_point_x(c, k->point);
	if (c->bits < SMALL_CURVE_BITS)
		find(w, key, WEAK_SMALL_CURVE);
	if (curve_check(c, k->point) == POINT_OFF_CURVE)
		find(w, key, WEAK_OFF_CURVE);
}

static void
check_ed25519(struct worker *w, uint32_t key, const struct weak_key *k)
{
	enum point_result result;

	if (k->point.len == 0) {
		skip(w, key, WEAK_SKIP_NO_NUMBER);
		return;
	}
	checked(w, key, WEAK_CHECK_ED25519);
	w->r->number[key] = minimal(k->point);
	result = curve_check_ed25519(&w->r->curves, k->point);
	if (result == POINT_OFF_CURVE)
		find(w, key, WEAK_OFF_CURVE);
	else if (result == POINT_SMALL_ORDER)
		find(w, key, WEAK_SMALL_ORDER);
}

static void
check_lists(struct worker *w, uint32_t key, const struct weak_key *k)
{
	const struct weak_run_state *r = w->r;
	uint8_t hash[SHA256_DIGEST_LENGTH] = { 0 }, part;
	struct findings *f = &w->r->found[w->number];

	if (r->number[key].len > 0)
		SHA256(r->number[key].data, r->number[key].len, hash);
	for (size_t i = 0; i < r->lists.n; i++) {
		/* Without a number the hash is none; no list has zeros. */
		if (fp_list_has(&r->lists.lists[i], k->fp, hash, &part))
			run_find(f, (struct weak_finding){ .key = key,
					.kind = WEAK_LISTED,
					.list = (uint8_t)i,
					.part = part });
	}
	if (key >= r->n && (fp_list_has(&r->plants.rows, k->fp, hash, &part) ||
			       fp_list_has(&r->plants.text, k->fp, hash, &part)))
		find(w, key, WEAK_LISTED);
	checked(w, key, WEAK_CHECK_LISTS);
}

static void
check_key(struct worker *w, uint32_t key)
{
	const struct weak_key *k = run_key(w->r, key);

	switch ((enum weak_type)k->type) {
	case WEAK_RSA:
		check_rsa(w, key, k);
		break;
	case WEAK_EC:
		check_ec(w, key, k);
		break;
	case WEAK_ED25519:
		check_ed25519(w, key, k);
		break;
	case WEAK_DSA:
		checked(w, key, WEAK_CHECK_DSA);
		w->r->number[key] = minimal(k->point);
		find(w, key, WEAK_DSA_KEY);
		break;
	case WEAK_OTHER:
	default:
		skip(w, key, WEAK_SKIP_TYPE);
		break;
	}
	if (k->kind == KEY_SSH_HOST) {
		checked(w, key, WEAK_CHECK_SSH);
		if (k->sha1_only)
			find(w, key, WEAK_SHA1_ONLY);
	}
	check_lists(w, key, k);
}

static void
check_chunk(size_t chunk, unsigned worker, void *arg)
{
	struct weak_run_state *r = arg;
	struct worker w = { .r = r, .number = worker };
	uint32_t first = (uint32_t)(chunk * CHUNK);

	if (run_stopped(r))
		return;
	mpz_inits(w.n, w.e, w.p, NULL);
	for (uint32_t key = first; key < first + CHUNK && key < r->all; key++)
		check_key(&w, key);
	mpz_clears(w.n, w.e, w.p, NULL);
}

void
run_single(struct weak_run_state *r)
{
	parallel_for(r->threads, (r->all + CHUNK - 1) / CHUNK, check_chunk, r);
}
