/* By what a host is known in a text: its addresses, its names, its keys. */
#ifndef QUERY_TRACES_H
#define QUERY_TRACES_H

#include <stdbool.h>
#include <stddef.h>

#include "survey/hashtab.h"
#include "survey/ip.h"
#include "survey/mem.h"

struct traces {
	const struct ipset *addresses; /* normalised; NULL: none */
	struct hashtab numbers; /* in words */
	const char **words; /* names in lower case, fingerprints as they are printed */
	size_t n, cap;
	struct arena text;
};

void traces_init(struct traces *t, const struct ipset *addresses);
void traces_fini(struct traces *t);
/* A name in any case, or a fingerprint. */
void traces_add(struct traces *t, const char *word);
bool traces_has(const struct traces *t, const char *word, size_t len);
bool traces_has_address(const struct traces *t, const struct ip *ip);
/* Does a text speak of any of them?  Words are what stands between other characters than those of names and addresses. */
bool traces_in(const struct traces *t, const char *text, size_t len);

#endif
