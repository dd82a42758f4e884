#include <ldns/sha2.h>
#include <stdint.h>
#include <stdio.h>

#include "survey/digest.h"

void
digest_sha256(const void *data, size_t len, char hex[static DIGEST_SIZE])
{
	unsigned char sum[LDNS_SHA256_DIGEST_LENGTH];

	ldns_sha256((unsigned char *)(uintptr_t)data, (unsigned int)len, sum);
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
}
