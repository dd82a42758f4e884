#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "survey/hash.h"

uint64_t
hash_seed(void)
{
	uint64_t seed;

	while (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed)) {
		if (errno != EINTR)
			abort();
	}
	return seed;
}

/* FNV-1a's scheme over 8 bytes at a time, with a final mix. */
uint32_t
hash_text(uint64_t seed, const char *s, size_t len)
{
	uint64_t h = seed ^ len, w;

	for (; len >= 8; s += 8, len -= 8) {
		memcpy(&w, s, 8);
		h = (h ^ w) * 0x9fb21c651e98df25ULL;
		h ^= h >> 29;
	}
	w = 0;
	memcpy(&w, s, len);
	h = (h ^ w) * 0x9fb21c651e98df25ULL;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return (uint32_t)(h >> 32);
}
