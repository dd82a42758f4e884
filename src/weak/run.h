/* One run over all keys: what its parts share. */
#ifndef WEAK_RUN_H
#define WEAK_RUN_H

#include <pthread.h>
#include <stdint.h>

#include "survey/weak.h"

#include "batchgcd.h"
#include "curve.h"
#include "lists.h"
#include "plants.h"
#include "rsa.h"

/* A modulus that several keys may have. */
struct modulus {
	struct nat n;
	uint32_t at, nkeys; /* in weak_run_state.by_modulus */
};

struct found {
	struct finding *v;
	size_t n, cap;
};

struct weak_run_state {
	const struct weak_key *keys;
	uint32_t n; /* the caller's; the planted ones follow */
	uint32_t all;
	const struct weak_options *o;
	unsigned threads;
	struct findings *out;
	struct weak_costs costs;
	size_t groups_cap, members_cap, skipped_cap, findings_cap;

	struct plants plants;
	struct rsa_tables rsa;
	struct curve_tables curves;
	struct fp_lists lists;
	mpz_t known; /* product of the known primes, a planted one among them */

	struct octets
	    *number; /* by key: modulus or point, in the fewest bytes; len 0: nothing to test */
	struct found *found; /* by worker */
	struct finding_skipped **skipped; /* by worker */
	size_t *nskipped, *skip_caps;
	uint32_t (*checked)[NCHECKS]; /* by worker: the caller's keys */
	size_t unsigned_ssh; /* SSH keys of which nobody knows what they sign with */
	pthread_mutex_t lock; /* of o->factors */

	uint32_t *by_modulus; /* keys with RSA moduli that are tested, equal ones together */
	struct modulus *moduli;
	size_t nmoduli;
	mp_limb_t *limbs;
};

static inline const struct weak_key *
run_key(const struct weak_run_state *r, uint32_t key)
{
	return key < r->n ? &r->keys[key] : &r->plants.plants[key - r->n].key;
}

static inline bool
run_stopped(const struct weak_run_state *r)
{
	return r->o->stop != NULL && *r->o->stop != 0;
}

/*
 * Tables, lists, primes and, for all but fuzzers, the planted keys.  keys, n, o, threads and
 * out are set by the caller.
 */
void run_init(struct weak_run_state *r, bool with_plants);
void run_fini(struct weak_run_state *r);

/* Kinds of findings that keys have by themselves, and lists: run_single(). */
void run_single(struct weak_run_state *r);
/* Give away two factors of a key's modulus, p and n/p. */
void run_factors(struct weak_run_state *r, uint32_t key, const mpz_t p, const mpz_t n);
void run_find(struct found *f, struct finding finding);

/* Moduli with common, known and small factors. */
enum batch_result run_shared(struct weak_run_state *r);
/* Keys that are the same under several fingerprints. */
void run_same(struct weak_run_state *r);

/* A group of the result, of keys; returns its number. */
size_t run_group(struct weak_run_state *r, const uint32_t *keys, size_t n);

#endif
