/* What is wrong with an RSA key by itself. */
#ifndef WEAK_RSA_H
#define WEAK_RSA_H

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "nat.h"

#define ROCA_PRIMES 39 /* of the smallest primes: those of the shortest keys that RSALib makes */
#define RSA_SMALL_PRIME 65537 /* the largest that is looked for */

struct roca_prime {
	uint16_t prime;
	uint16_t order; /* of 65537 modulo it */
	int16_t log[168]; /* by residue: its logarithm to base 65537, or -1 */
};

/* Made once, then only read. */
struct rsa_tables {
	mpz_t primorial; /* product of the primes up to RSA_SMALL_PRIME */
	struct roca_prime roca[ROCA_PRIMES];
};

void rsa_tables_init(struct rsa_tables *t);
void rsa_tables_fini(struct rsa_tables *t);

/*
 * All checks but those for factors shared, known or small: kinds as bits (1 << enum finding_kind).
 * Where one gives the modulus away, p gets a factor of it.
 */
uint32_t rsa_check(const struct rsa_tables *t, const mpz_t n, const mpz_t e, mpz_t p);

/* Divide by all primes up to RSA_SMALL_PRIME, as often as they divide; false when none does. */
bool rsa_strip_small(const struct rsa_tables *t, mpz_t n);

/* Was the modulus made by Infineon's RSALib? */
bool rsa_is_roca(const struct rsa_tables *t, const mpz_t n);

#endif
