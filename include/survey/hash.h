/*
 * SipHash for tables whose keys come from outside: with a key by chance nobody can
 * prepare texts that collide.  The tables' order must not show anywhere.
 */
/* Layer: base */
#ifndef SURVEY_HASH_H
#define SURVEY_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint8_t bytes[16];
};

void hash_key_make(struct hash_key *key);
uint32_t hash_bytes(const struct hash_key *key, const void *data, size_t len);

#endif
