/*
 * The public key behind a fingerprint: what a record says of a key, decoded,
 * and believed only when it hashes to the fingerprint that the record gives.
 */
/* Layer: model */
#ifndef SURVEY_PUBLICKEY_H
#define SURVEY_PUBLICKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/host.h"

struct arena;

enum public_type {
	PUBLIC_UNKNOWN, /* another algorithm: the key hashes right, nothing else is known of it */
	PUBLIC_RSA,
	PUBLIC_EC, /* over a named curve */
	PUBLIC_ED25519,
	PUBLIC_ED448,
	PUBLIC_DSA,
	NPUBLIC_TYPES
};

/* What of a key is bytes: modulus, exponent, point and generator. */
#define PUBLIC_PARTS 4

enum public_result {
	PUBLIC_OK,
	PUBLIC_ABSENT, /* the record has no key beside the fingerprint */
	PUBLIC_MISMATCH, /* it has one, of another fingerprint */
	PUBLIC_MALFORMED, /* what it has is no key: base64, lengths, structure */
	NPUBLIC_RESULTS
};

/* Bytes, borrowed; NULL and 0 where the type has none. */
struct octets {
	const uint8_t *data;
	size_t len;
};

/* A big-endian number without its leading zeros. */
struct octets octets_minimal(struct octets number);
/* How many bits such a minimal number has; 0 for 0. */
size_t octets_bits(struct octets minimal);

struct public_key {
	enum public_type type;
	uint32_t bits; /* of the modulus, the field or the prime; 0 unknown */
	const char *curve; /* EC: "P-256" or the curve's other name; a constant, or NULL */
	/* Numbers are big-endian without leading zeros; 0 has no bytes. */
	struct octets modulus, exponent; /* RSA; DSA: p and q */
	/* EC: as the key has it (0x04, x, y); Ed25519, Ed448: its bytes; DSA: the number y. */
	struct octets point;
	struct octets generator; /* DSA: g */
};

/*
 * Decode a key of the kind (enum key_kind) whose SHA-256 is fp: over the DER of its
 * SubjectPublicKeyInfo (RFC 5280, 4.1) for TLS, over its blob (RFC 4253, 6.6) for SSH.
 * *out is filled for PUBLIC_OK only; its bytes are in a, which also gets what the
 * decoding needs on the way: a caller with many keys resets it now and then.  given may be NULL.
 */
enum public_result public_key_decode(const struct host_public *given, enum key_kind kind,
    const uint8_t fp[static KEY_LEN], struct arena *a, struct public_key *out);

/* The bytes of a certificate's SubjectPublicKeyInfo, in its DER; false: it is no certificate. */
bool public_key_spki(struct octets certificate, struct octets *spki);

/* "rsa", "ec", "ed25519", "ed448", "dsa", "unknown" */
const char *public_type_name(enum public_type type);
extern const char *const public_type_words[NPUBLIC_TYPES];
/* "ok", "absent", "mismatch", "malformed" */
const char *public_result_name(enum public_result result);
extern const char *const public_result_words[NPUBLIC_RESULTS];

#endif
