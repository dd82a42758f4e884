/*
 * Whether wrap.c and ntt.c may be called.  This is a file of its own, since all of theirs is
 * compiled for processors that have the instructions.
 *
 * Pure.
 */
#include "wrap.h"

bool
wrap_possible(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
#else
	return false;
#endif
}
