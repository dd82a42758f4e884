/* Trust anchors: what a resolver of ours believes without a proof (RFC 4033, 2). */
/* Layer: dns */
#ifndef DNS_ANCHORS_H
#define DNS_ANCHORS_H

#include <stddef.h>

#include "survey/buf.h"

#define ANCHORS_MAX (1 << 20) /* bytes of a file */

/*
 * Append the DS and DNSKEY records of a zone file to out, a line each, with whole names.
 * text need not end with a NUL.  Returns NULL, or what is wrong, which the caller frees: a
 * record of another type or class, a line that is none, or no record at all.
 */
char *anchors_take(const char *text, size_t len, struct buf *out);

#endif
