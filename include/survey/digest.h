/* Layer: base.  SHA-256 as text. */
#ifndef SURVEY_DIGEST_H
#define SURVEY_DIGEST_H

#include <stddef.h>

#define DIGEST_SIZE 65 /* 64 hex digits and a NUL */

void digest_sha256(const void *data, size_t len, char hex[static DIGEST_SIZE]);

#endif
