/* Are a DSA key's parameters a group of prime order, and is its value in it? */
#ifndef WEAK_DSA_H
#define WEAK_DSA_H

#include <gmp.h>
#include <stdint.h>

/* FIPS 186-4 knows p of up to 3,072 bits and q of up to 256; longer ones cost time, and are nobody's. */
#define DSA_MAX_BITS 3072
#define DSA_MAX_ORDER_BITS 512

/*
 * The findings of a key (FIPS 186-4, 4.1 and appendix A; SP 800-89, 5.3.1), as bits
 * (1 << enum finding_kind).  g = 0: it is not known, and nothing is said of it.
 */
uint32_t dsa_check(const mpz_t p, const mpz_t q, const mpz_t g, const mpz_t y);

#endif
