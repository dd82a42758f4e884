/*
 * Memory that held primes.  A prime is the private key, of the partner's host,
 * too: what GMP frees is overwritten first, and what its functions leave on
 * the stack can be.
 */
#ifndef WEAK_SECRET_H
#define WEAK_SECRET_H

/* From now on GMP overwrites memory before it frees it.  Any number of calls, from one thread. */
void secret_init(void);
/* Overwrite the stack below the caller's, as deep as GMP's functions for numbers of keys' size go. */
void secret_wipe_stack(void);

#endif
