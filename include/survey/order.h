/* Pure: orders for qsort(3) and bsearch(3). */
/* Layer: base */
#ifndef SURVEY_ORDER_H
#define SURVEY_ORDER_H

#include <stdint.h>
#include <string.h>

#include "survey/ip.h"

/* Numbers, the lowest first. */
static inline int
order_u32(const void *pa, const void *pb)
{
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	return a < b ? -1 : a > b;
}

static inline int
order_i64(const void *pa, const void *pb)
{
	int64_t a = *(const int64_t *)pa, b = *(const int64_t *)pb;

	return a < b ? -1 : a > b;
}

/* Pointers to text, by strcmp(3). */
static inline int
order_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Addresses, by ip_cmp(). */
static inline int
order_ip(const void *a, const void *b)
{
	return ip_cmp(a, b);
}

#endif
