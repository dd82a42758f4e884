/* Name servers that a resolver of ours does not ask. */
#ifndef DNS_REFUSED_H
#define DNS_REFUSED_H

#include <stdbool.h>

#include "survey/dns_settings.h"
#include "survey/ip.h"

/*
 * Put the addresses at which Unbound asks nothing, whatever a zone says of its
 * name servers, into set, which is empty: those of s->refuse, or else special-purpose
 * ranges and block lists; never those in the root hints (a path, or NULL).  Only
 * a resolver that asks name servers itself (DNS_UNBOUND) has any.
 *
 * *needs_localhost: some resolver or name server that it has to ask is at a
 * loopback address.  Returns 0, or -1 after a message.
 */
int refused_find(
    const struct dns_settings *s, const char *root_hints, struct ipset *set, bool *needs_localhost);

#endif
