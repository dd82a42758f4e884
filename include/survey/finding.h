/*
 * What is weak in a survey's keys: findings, the keys that they name together,
 * and which checks were made at all.
 */
/* Layer: model */
#ifndef SURVEY_FINDING_H
#define SURVEY_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FINDINGS_FILE "weak.json"
#define FINDING_MAX_LISTS 255
#define FINDING_PARTS 256 /* of a list */

/* From the worst to the least, as they are sorted and told. */
enum finding_severity {
	FINDING_CRITICAL,
	FINDING_HIGH,
	FINDING_MEDIUM,
	FINDING_LOW,
	FINDING_NSEVERITIES
};

enum finding_kind {
	FINDING_SHARED_PRIME,
	FINDING_KNOWN_PRIME,
	FINDING_LISTED,
	FINDING_SQUARE,
	FINDING_CLOSE_PRIMES,
	FINDING_ROCA,
	FINDING_SMALL_PRIVATE,
	FINDING_ZERO_BLOCKS,
	FINDING_EXPONENT_ONE,
	FINDING_FACTORABLE_LENGTH,
	FINDING_SMALL_ORDER,
	FINDING_SMALL_FACTOR,
	FINDING_BAD_EXPONENT,
	FINDING_OFF_CURVE,
	FINDING_OFF_GROUP,
	FINDING_BAD_GROUP,
	FINDING_VERY_SHORT,
	FINDING_SMALL_CURVE,
	FINDING_SMALL_GROUP,
	FINDING_SHORT,
	FINDING_DSA_KEY,
	FINDING_MULTIPLE,
	FINDING_SAME_KEY,
	FINDING_SSH_AND_TLS,
	FINDING_SHA1_ONLY,
	FINDING_ODD_WEIGHT,
	FINDING_HUGE_EXPONENT,
	FINDING_NKINDS
};

struct finding_kind_def {
	const char *name; /* "shared-prime": in files and tables */
	uint8_t severity;
	const char *evidence; /* one sentence */
};

extern const struct finding_kind_def finding_kinds[FINDING_NKINDS];

/* Keys that stand together: a common prime, a common modulus, … */
struct finding_group {
	size_t at, n; /* in findings.members */
};

struct finding {
	uint32_t key;
	uint8_t kind; /* enum finding_kind */
	uint8_t list; /* FINDING_LISTED: number of the list */
	uint8_t
	    part; /* FINDING_LISTED: the list's own number of a part of it, 0 where there is none */
	size_t refs_at, nrefs; /* in findings.refs: groups that it is in with its partners */
};

/* A key that could not be tested, or not in full. */
enum finding_skip {
	FINDING_SKIP_NO_NUMBER, /* modulus, exponent or point is missing, zero or one */
	FINDING_SKIP_TOO_LONG, /* longer than those of keys that exist */
	FINDING_SKIP_CURVE, /* not one that is known here */
	FINDING_SKIP_TYPE, /* neither RSA nor EC, Ed25519, DSA */
	FINDING_SKIP_ABSENT, /* only the fingerprint is known */
	FINDING_SKIP_MISMATCH, /* what came with the fingerprint is another key */
	FINDING_SKIP_MALFORMED, /* what came with it is no key */
	FINDING_NSKIPS
};

struct finding_skipped {
	uint32_t key;
	uint8_t reason; /* enum finding_skip */
};

const char *finding_skip_name(enum finding_skip reason);

/* The checks, and whether each was made. */
enum finding_check {
	CHECK_SHARED_PRIMES,
	CHECK_KNOWN_PRIMES,
	CHECK_RSA,
	CHECK_EC,
	CHECK_ED25519,
	CHECK_DSA,
	CHECK_SSH,
	CHECK_SAME_KEY,
	CHECK_LISTS,
	NCHECKS
};

const char *finding_check_name(enum finding_check check);

struct finding_checked {
	bool made;
	uint32_t keys; /* that it looked at */
	char *why; /* not made, or made with a part left out; NULL: nothing to say */
};

struct finding_list {
	char *name, *note; /* note: NULL where there is none */
	char **parts; /* by number, FINDING_PARTS of them, each its name or NULL; NULL: no names */
	size_t rows;
	uint64_t bad; /* lines that are no fingerprint */
	char *error; /* why it was left out, or NULL */
};

struct findings {
	struct finding *findings; /* by severity, kind, key */
	uint32_t *refs; /* groups */
	struct finding_group *groups; /* each is some finding's */
	uint32_t *members; /* keys */
	struct finding_skipped *skipped; /* by key */
	struct finding_list *lists;
	struct finding_checked checks[NCHECKS];
	size_t nfindings, nrefs, ngroups, nmembers, nskipped, nlists;
};

void findings_fini(struct findings *f);

/* The findings of each key, in their order: the worst first. */
struct finding_index {
	size_t *first; /* by key: number of a finding plus one, or 0 */
	size_t *next; /* by finding: that of the key's next one plus one, or 0 */
};

/* f may be NULL: then no key has any. */
void finding_index_init(struct finding_index *x, const struct findings *f, uint32_t nkeys);
void finding_index_fini(struct finding_index *x);

/* "critical", "high", "medium", "low" */
const char *finding_severity_name(enum finding_severity severity);
/* The kind of that name, or -1. */
int finding_kind_from(const char *name, size_t len);

#endif
