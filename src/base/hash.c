#include <sodium.h>
#include <string.h>

#include "survey/hash.h"

_Static_assert(sizeof(struct hash_key) == crypto_shorthash_KEYBYTES, "SipHash's key");

void
hash_key_make(struct hash_key *key)
{
	randombytes_buf(key, sizeof(*key));
}

uint32_t
hash_bytes(const struct hash_key *key, const void *data, size_t len)
{
	unsigned char sum[crypto_shorthash_BYTES];
	uint32_t h;

	crypto_shorthash(sum, data, len, key->bytes);
	memcpy(&h, sum, sizeof(h));
	return h;
}
