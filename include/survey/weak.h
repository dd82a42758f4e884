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
#include "survey/port.h"

#define WEAK_FP_LEN 32 /* SHA-256 */
/* Longer moduli are named, not tested: OpenSSL's bound, and none of them is a server's key. */
#define WEAK_MAX_BITS 16384
#define WEAK_MAX_LISTS 255

enum weak_type { WEAK_RSA, WEAK_EC, WEAK_ED25519, WEAK_DSA, WEAK_OTHER };

struct weak_bytes {
	const uint8_t *data; /* big-endian; leading zeros mean nothing */
	size_t len;
};

/* A distinct public key; everything is borrowed. */
struct weak_key {
	uint8_t fp[WEAK_FP_LEN]; /* of the SSH blob or the SPKI: what plain lists hold */
	uint8_t kind; /* enum key_kind */
	uint8_t type; /* enum weak_type */
	bool sha1_only; /* ssh: a server that showed it signs with SHA-1 and nothing else */
	const char *curve; /* EC: its name, "P-256"; NULL unknown */
	struct weak_bytes modulus; /* RSA; DSA: the prime p */
	struct weak_bytes exponent; /* RSA */
	struct weak_bytes point; /* EC: as in SEC 1, 2.3.3; Ed25519: 32 bytes; DSA: y */
};

/* From the worst to the least, as they are sorted and told. */
enum weak_severity { WEAK_CRITICAL, WEAK_HIGH, WEAK_MEDIUM, WEAK_LOW, WEAK_NSEVERITIES };

enum weak_kind {
	WEAK_SHARED_PRIME,
	WEAK_KNOWN_PRIME,
	WEAK_LISTED,
	WEAK_SQUARE,
	WEAK_CLOSE_PRIMES,
	WEAK_ROCA,
	WEAK_SMALL_PRIVATE,
	WEAK_ZERO_BLOCKS,
	WEAK_EXPONENT_ONE,
	WEAK_FACTORABLE_LENGTH,
	WEAK_SMALL_ORDER,
	WEAK_SMALL_FACTOR,
	WEAK_BAD_EXPONENT,
	WEAK_OFF_CURVE,
	WEAK_VERY_SHORT,
	WEAK_SMALL_CURVE,
	WEAK_SHORT,
	WEAK_DSA_KEY,
	WEAK_MULTIPLE,
	WEAK_SAME_MODULUS,
	WEAK_SSH_AND_TLS,
	WEAK_SHA1_ONLY,
	WEAK_ODD_WEIGHT,
	WEAK_HUGE_EXPONENT,
	WEAK_NKINDS
};

struct weak_kind_def {
	const char *name; /* "shared-prime": in files and tables */
	uint8_t severity;
	const char *evidence; /* one sentence */
};

extern const struct weak_kind_def weak_kinds[WEAK_NKINDS];

/* Keys that stand together: a common prime, a common modulus, … */
struct weak_group {
	size_t at, n; /* in weak_result.members */
};

struct weak_finding {
	uint32_t key;
	uint8_t kind; /* enum weak_kind */
	uint8_t list; /* WEAK_LISTED: number of the list */
	uint8_t
	    part; /* WEAK_LISTED: the list's own number of a part of it, 0 where there is none */
	size_t groups_at,
	    ngroups; /* in weak_result.groups: the key is in each, the others are its partners */
};

/* A key that could not be tested, or not in full. */
enum weak_skip {
	WEAK_SKIP_NO_NUMBER, /* modulus, exponent or point is missing, zero or one */
	WEAK_SKIP_TOO_LONG, /* over WEAK_MAX_BITS */
	WEAK_SKIP_CURVE, /* not one that is known here */
	WEAK_SKIP_TYPE, /* neither RSA nor EC, Ed25519, DSA */
	WEAK_NSKIPS
};

struct weak_skipped {
	uint32_t key;
	uint8_t reason; /* enum weak_skip */
};

const char *weak_skip_name(enum weak_skip reason);

/* The checks, and whether each was made. */
enum weak_check {
	WEAK_CHECK_SHARED_PRIMES,
	WEAK_CHECK_KNOWN_PRIMES,
	WEAK_CHECK_RSA,
	WEAK_CHECK_EC,
	WEAK_CHECK_ED25519,
	WEAK_CHECK_DSA,
	WEAK_CHECK_SSH,
	WEAK_CHECK_SAME_KEY,
	WEAK_CHECK_LISTS,
	WEAK_NCHECKS
};

const char *weak_check_name(enum weak_check check);

struct weak_checked {
	bool made;
	uint32_t keys; /* that it looked at */
	char *why; /* not made, or made with a part left out; NULL: nothing to say */
};

struct weak_list {
	char *name, *note; /* note: NULL where there is none */
	char **parts; /* names of a list's parts by number, entries NULL; NULL: no names */
	size_t rows;
	uint64_t bad; /* lines that are no fingerprint */
	char *error; /* why it was left out, or NULL */
};

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

struct weak_result {
	struct weak_finding *findings; /* by severity, kind, key */
	struct weak_group *groups;
	uint32_t *members;
	struct weak_skipped *skipped; /* by key */
	struct weak_list *lists;
	struct weak_checked checks[WEAK_NCHECKS];
	size_t nfindings, ngroups, nmembers, nskipped, nlists;
	uint64_t file_bytes; /* that batch GCD wrote */
	struct cost costs[3]; /* batch GCD, the other checks, the self-check's keys */
};

enum weak_status {
	WEAK_DONE,
	WEAK_STOPPED,
	WEAK_FAILED /* *error says why; the caller frees it */
};

/*
 * Test n keys.  Known-bad keys, made anew each time, are among them, and the
 * run fails when one of these is not found.
 */
enum weak_status weak_run(const struct weak_key *keys, size_t n, const struct weak_options *o,
    struct weak_result *result, char **error);
void weak_result_fini(struct weak_result *result);

/* "critical", "high", "medium", "low" */
const char *weak_severity_name(enum weak_severity severity);

#endif
