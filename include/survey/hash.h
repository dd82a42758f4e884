/*
 * For hash tables whose keys come from outside: with a seed by chance nobody
 * can prepare keys that collide.  The tables' order must not show anywhere.
 */
/* Layer: base */
#ifndef SURVEY_HASH_H
#define SURVEY_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_seed(void);
uint32_t hash_text(uint64_t seed, const char *s, size_t len);

#endif
