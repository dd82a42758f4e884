/* The object that describes a key: `subject_key_info`, `server_host_key` and their like. */
#ifndef RECORD_KEY_H
#define RECORD_KEY_H

#include "facts.h"

/* Its members, under whatever name a layout gives them. */
struct key_object {
	struct simd_node fingerprint, algorithm;
	struct simd_node rsa, ec, ed25519, dsa; /* one of them, as a rule */
	struct simd_node raw; /* an SSH key's blob */
	struct simd_node certified; /* of an SSH host certificate */
};

struct key_object key_open(struct simd_node object);

/* The key's own words.  raw: what else may hold it, looked at when nothing else does; or NULL. */
const struct host_public *key_public(const struct facts *f, enum key_kind kind,
    const struct key_object *k, struct simd_node from, const struct simd_key *raw);
/* SSH's name of its algorithm, told by its members; NULL: they do not tell. */
const char *key_ssh_algorithm(const struct key_object *k);

#endif
