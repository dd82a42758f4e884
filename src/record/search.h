/* Keys that stand where no layout looks. */
#ifndef RECORD_SEARCH_H
#define RECORD_SEARCH_H

#include "survey/record.h"

/*
 * Is there a key or certificate of any known shape under n, wherever that is?  path holds
 * the name of n and gets the way to the key.  Takes a bounded time.
 */
bool search_key(struct simd_node n, char path[static RECORD_EXAMPLE_MAX]);

#endif
