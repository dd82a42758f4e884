/* Primes that are publicly known, as products. */
#ifndef WEAK_PRIMES_H
#define WEAK_PRIMES_H

#include <gmp.h>
#include <stddef.h>

/*
 * Multiply product by the numbers of files, and of the files *.dat and
 * *.primes of folders.  Two formats: badkeys' (a byte 1, a byte 1, one product in
 * little-endian bytes) and ours, a text: "survey-primes 1 N", then N lines with a
 * prime or a product of some in hexadecimal; lines with # are comments.  A file
 * that cannot be used changes nothing.  Returns the number of files used;
 * *fault: the first fault, or NULL; the caller frees it.  Paths that do not
 * exist are no fault.
 */
size_t known_primes_read(const char *const *paths, size_t n, mpz_t product, char **fault);

#endif
