/* What is wrong with each key by itself. */
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/parallel.h"

#include "dsa.h"
#include "run.h"
#include "secret.h"

#define CHUNK 64 /* keys that a thread takes at a time */
#define SMALL_CURVE_BITS 224 /* NIST SP 800-57: 112 bits of strength */

void
run_find(struct found *f, struct finding finding)
{
	mem_grow(&f->v, &f->cap, f->n + 1, sizeof(*f->v));
	f->v[f->n++] = finding;
}

struct worker {
	struct weak_run_state *r;
	unsigned number;
	mpz_t n, e, p, g;
};

static void
find(struct worker *w, uint32_t key, enum finding_kind kind)
{
	run_find(&w->r->found[w->number], (struct finding){ .key = key, .kind = (uint8_t)kind });
}

/* All kinds whose bits are set. */
static void
find_kinds(struct worker *w, uint32_t key, uint32_t kinds)
{
	for (unsigned kind = 0; kind < FINDING_NKINDS; kind++) {
		if ((kinds >> kind & 1) != 0)
			find(w, key, (enum finding_kind)kind);
	}
}

static void
checked(struct worker *w, uint32_t key, enum finding_check check)
{
	if (key < w->r->n)
		w->r->checked[w->number][check]++;
}

static void
skip(struct worker *w, uint32_t key, enum finding_skip reason)
{
	struct weak_run_state *r = w->r;
	size_t *n = &r->nskipped[w->number];

	if (key >= r->n)
		return;
	mem_grow(&r->skipped[w->number], &r->skip_caps[w->number], *n + 1, sizeof(**r->skipped));
	r->skipped[w->number][(*n)++] = (struct finding_skipped){ key, (uint8_t)reason };
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
import(mpz_t to, struct octets b)
{
	mpz_import(to, b.len, 1, 1, 1, 0, b.data);
}

static void
check_rsa(struct worker *w, uint32_t key, const struct weak_key *k)
{
	static const uint32_t factored = UINT32_C(1) << FINDING_SQUARE |
					 UINT32_C(1) << FINDING_CLOSE_PRIMES |
					 UINT32_C(1) << FINDING_SMALL_PRIVATE;
	struct octets n = octets_minimal(k->key.modulus), e = octets_minimal(k->key.exponent);
	uint32_t kinds;

	if (octets_bits(n) < 2) {
		skip(w, key, FINDING_SKIP_NO_NUMBER);
		return;
	}
	if (octets_bits(n) > WEAK_MAX_BITS) {
		skip(w, key, FINDING_SKIP_TOO_LONG);
		return;
	}
	w->r->number[key] = n;
	checked(w, key, CHECK_RSA);
	import(w->n, n);
	if (k->key.exponent.len == 0) { /* the modulus is tested all the same */
		skip(w, key, FINDING_SKIP_NO_NUMBER);
		mpz_set_ui(w->e, 65537);
	} else if (e.len > n.len) { /* not below the modulus, however long */
		mpz_set(w->e, w->n);
	} else {
		import(w->e, e);
	}
	kinds = rsa_check(&w->r->rsa, w->n, w->e, w->p);
	if (k->key.exponent.len == 0)
		kinds &= ~(UINT32_C(1) << FINDING_BAD_EXPONENT);
	find_kinds(w, key, kinds);
	if ((kinds & factored) != 0) {
		run_factors(w->r, key, w->p, w->n);
		secret_wipe_stack();
	}
}

static void
check_ec(struct worker *w, uint32_t key, const struct weak_key *k)
{
	const struct curve *c = curve_find(&w->r->curves, k->key.curve);

	if (c == NULL || k->key.point.len == 0) {
		skip(w, key, c == NULL ? FINDING_SKIP_CURVE : FINDING_SKIP_NO_NUMBER);
		return;
	}
	checked(w, key, CHECK_EC);
	if (c->bits < SMALL_CURVE_BITS)
		find(w, key, FINDING_SMALL_CURVE);
	if (curve_check(c, k->key.point) == POINT_OFF_CURVE)
		find(w, key, FINDING_OFF_CURVE);
	else
		w->r->number[key] = curve_point_x(c, k->key.point);
}

static void
check_ed25519(struct worker *w, uint32_t key, const struct weak_key *k)
{
	enum point_result result;

	if (k->key.point.len == 0) {
		skip(w, key, FINDING_SKIP_NO_NUMBER);
		return;
	}
	checked(w, key, CHECK_ED25519);
	/* Equal bytes are an equal key, on the curve or not; of EC keys only x is compared. */
	w->r->number[key] = octets_minimal(k->key.point);
	result = curve_check_ed25519(&w->r->curves, k->key.point);
	if (result == POINT_OFF_CURVE)
		find(w, key, FINDING_OFF_CURVE);
	if (result == POINT_SMALL_ORDER)
		find(w, key, FINDING_SMALL_ORDER);
}

static void
check_dsa(struct worker *w, uint32_t key, const struct weak_key *k)
{
	uint32_t kinds;

	find(w, key, FINDING_DSA_KEY);
	if (k->key.modulus.len == 0 || k->key.exponent.len == 0) {
		skip(w, key, FINDING_SKIP_NO_NUMBER);
		return;
	}
	if (octets_bits(octets_minimal(k->key.modulus)) > DSA_MAX_BITS ||
	    octets_bits(octets_minimal(k->key.exponent)) > DSA_MAX_ORDER_BITS ||
	    k->key.point.len > k->key.modulus.len || k->key.generator.len > k->key.modulus.len) {
		skip(w, key, FINDING_SKIP_TOO_LONG);
		return;
	}
	checked(w, key, CHECK_DSA);
	import(w->p, k->key.modulus);
	import(w->e, k->key.exponent);
	import(w->g, k->key.generator);
	import(w->n, k->key.point);
	kinds = dsa_check(w->p, w->e, w->g, w->n);
	find_kinds(w, key, kinds);
	if ((kinds & (UINT32_C(1) << FINDING_OFF_GROUP | UINT32_C(1) << FINDING_SMALL_ORDER)) == 0)
		w->r->number[key] = octets_minimal(k->key.point);
}

static void
check_lists(struct worker *w, uint32_t key, const struct weak_key *k)
{
	const struct weak_run_state *r = w->r;
	uint8_t hash[SHA256_DIGEST_LENGTH] = { 0 }, part;
	struct found *f = &w->r->found[w->number];

	if (r->number[key].len > 0)
		SHA256(r->number[key].data, r->number[key].len, hash);
	for (size_t i = 0; i < r->lists.n; i++) {
		/* Without a number the hash is none; no list has zeros. */
		if (fp_list_has(&r->lists.lists[i], k->fp, hash, &part))
			run_find(f, (struct finding){ .key = key,
					.kind = FINDING_LISTED,
					.list = (uint8_t)i,
					.part = part });
	}
	if (key >= r->n && (fp_list_has(&r->plants.rows, k->fp, hash, &part) ||
			       fp_list_has(&r->plants.text, k->fp, hash, &part)))
		find(w, key, FINDING_LISTED);
	checked(w, key, CHECK_LISTS);
}

/* What is known without the public key itself. */
static void
check_by_fingerprint(struct worker *w, uint32_t key, const struct weak_key *k)
{
	if (k->kind == KEY_SSH_HOST && k->sha1_only != FACT_UNKNOWN) {
		checked(w, key, CHECK_SSH);
		if (k->sha1_only == FACT_YES)
			find(w, key, FINDING_SHA1_ONLY);
	}
	check_lists(w, key, k);
}

static void
check_key(struct worker *w, uint32_t key)
{
	const struct weak_key *k = run_key(w->r, key);

	if (k->result != PUBLIC_OK) {
		static const uint8_t reasons[NPUBLIC_RESULTS] = {
			[PUBLIC_ABSENT] = FINDING_SKIP_ABSENT,
			[PUBLIC_MISMATCH] = FINDING_SKIP_MISMATCH,
			[PUBLIC_MALFORMED] = FINDING_SKIP_MALFORMED
		};

		skip(w, key, (enum finding_skip)reasons[k->result]);
		check_by_fingerprint(w, key, k);
		return;
	}
	switch (k->key.type) {
	case PUBLIC_RSA:
		check_rsa(w, key, k);
		break;
	case PUBLIC_EC:
		check_ec(w, key, k);
		break;
	case PUBLIC_ED25519:
		check_ed25519(w, key, k);
		break;
	case PUBLIC_DSA:
		check_dsa(w, key, k);
		break;
	case PUBLIC_ED448:
	case PUBLIC_UNKNOWN:
	case NPUBLIC_TYPES:
		skip(w, key, FINDING_SKIP_TYPE);
		break;
	}
	check_by_fingerprint(w, key, k);
}

static void
check_chunk(size_t chunk, unsigned worker, void *arg)
{
	struct weak_run_state *r = arg;
	struct worker w = { .r = r, .number = worker };
	uint32_t first = (uint32_t)(chunk * CHUNK);

	if (run_stopped(r))
		return;
	mpz_inits(w.n, w.e, w.p, w.g, NULL);
	for (uint32_t key = first; key < first + CHUNK && key < r->all; key++)
		check_key(&w, key);
	mpz_clears(w.n, w.e, w.p, w.g, NULL);
}

void
run_single(struct weak_run_state *r)
{
	parallel_for(r->threads, (r->all + CHUNK - 1) / CHUNK, check_chunk, r);
}
