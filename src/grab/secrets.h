#ifndef GRAB_SECRETS_H
#define GRAB_SECRETS_H

#include <stddef.h>

struct buf;

/*
 * Copy valid JSON without the members that hold our own sessions' secrets
 * (key_material, client_private), wherever they stand.  Everything else stays
 * as it is, byte for byte.
 */
void secrets_drop(const char *json, size_t len, struct buf *out);

#endif
