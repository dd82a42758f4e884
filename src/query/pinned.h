/* Keys that TLSA records pin (RFC 6698), as far as a run's answers of the DNS tell. */
#ifndef QUERY_PINNED_H
#define QUERY_PINNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/hashtab.h"
#include "survey/study.h"

struct pinned {
	/* Digests, SHA-256, each with the selector of its record: 0 a certificate, 1 a public key. */
	struct pin {
		uint8_t digest[32];
		uint8_t selector;
	} * v;
	size_t n, cap;
	struct hashtab table;
};

/* Reads dns.ndjson in a run directory; one without it pins nothing. */
void pinned_init(struct pinned *p, const char *dir);
void pinned_fini(struct pinned *p);
/* Is the key pinned, or a certificate under which one of its hosts shows it? */
bool pinned_has(const struct pinned *p, const struct study *st, uint32_t key);

#endif
