/*
 * Which public keys are already broken?
 *
 * All keys of a survey are tested together: RSA moduli for factors that they
 * share (batch GCD), every key by itself and against lists of known ones.
 *
 * A prime is the private key, of the partner's host, too.  No finding holds
 * one; they are given to weak_options.factors only, and wiped.
 */
/* Layer: weak */
#ifndef SURVEY_WEAK_H
#define SURVEY_WEAK_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/cost.h"
#include "survey/finding.h"
#include "survey/publickey.h"

/* Longer moduli are named, not tested: OpenSSL's bound, and none of them is a server's key. */
#define WEAK_MAX_BITS 16384

/* A distinct public key; everything is borrowed. */
struct weak_key {
	uint8_t fp[KEY_LEN]; /* what plain lists hold */
	uint8_t kind; /* enum key_kind */
	uint8_t result; /* enum public_result: is `key` there? */
	uint8_t
	    sha1_only; /* enum fact; ssh: a server that showed it offers signatures with SHA-1 only */
	struct public_key key;
};

#define WEAK_LIST_NAMES "badkeysdata.json" /* beside a list of rows: what its parts are called */

/* The path in "PATH" or "NAME=PATH". */
const char *weak_list_path(const char *spec);

struct weak_options {
	unsigned threads; /* 0: one a processor */
	size_t memory; /* bytes that batch GCD may take; 0: half of the machine's */
	const char *dir; /* where what does not fit goes, as a file without a name; NULL: nowhere */
	const char *const *lists; /* files of fingerprints: "PATH" or "NAME=PATH" */
	size_t nlists;
	const char *const
	    *primes; /* files of primes, or folders of them; those that are missing are left out */
	size_t nprimes;
	const volatile sig_atomic_t *stop;
	/*
	 * Called with two factors of a key's modulus, as hexadecimal texts that are
	 * wiped afterwards; NULL: they are wiped at once.
	 */
	void (*factors)(uint32_t key, const char *p, const char *q, void *arg);
	void *arg;
};

/* What it took. */
struct weak_costs {
	struct cost batch, single,
	    plants; /* batch GCD, all other checks, making the self-check's keys */
	uint64_t file_bytes; /* that batch GCD wrote */
};

enum weak_status {
	WEAK_DONE,
	WEAK_STOPPED,
	WEAK_FAILED /* *error says why; the caller frees it */
};

/*
 * Test n keys.  Known-bad keys, made anew each time, are among them, and the
 * run fails when one of these is not found.  costs may be NULL.
 */
enum weak_status weak_run(const struct weak_key *keys, size_t n, const struct weak_options *o,
    struct findings *result, struct weak_costs *costs, char **error);

#endif
