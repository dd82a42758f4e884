#include <ldns/sha2.h>

#include "survey/digest.h"
#include "survey/hex.h"

void
digest_sha256(const void *data, size_t len, char hex[static DIGEST_SIZE])
{
	unsigned char sum[LDNS_SHA256_DIGEST_LENGTH];

	ldns_sha256((unsigned char *)(uintptr_t)data, (unsigned int)len, sum);
	hex_format(sum, sizeof(sum), hex);
}
