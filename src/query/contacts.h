/* Whom to tell of which hosts: a file of AS numbers, networks and domains with mail addresses. */
#ifndef QUERY_CONTACTS_H
#define QUERY_CONTACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/hashtab.h"
#include "survey/ip.h"
#include "survey/refusals.h"

struct contact; /* private: mail addresses of an AS, a network or a domain */

struct contacts {
	struct contact *v;
	size_t n, cap;
	struct hashtab table; /* by the text of the AS, network or domain */
	bool lens[2][129]; /* prefix lengths that occur, of IPv4 and of IPv6 */
	bool domains; /* some are of domains */
	struct refusals bad;
};

void contacts_init(struct contacts *c);
void contacts_fini(struct contacts *c);

/*
 * Read a file.  Lines that cannot be used are in c->bad: whoever has no contact is told
 * nothing, and somebody else's must not be guessed.  Returns 0, or -1 with errno set.
 */
int contacts_read(struct contacts *c, const char *path);

/* Mail addresses, separated by commas; NULL: there are none. */
const char *contacts_of_as(const struct contacts *c, uint32_t asn);
const char *contacts_of_domain(const struct contacts *c, const char *name); /* or of one above it */
const char *contacts_of_ip(
    const struct contacts *c, const struct ip *ip); /* the narrowest network */

/* Is it a mail address as headers and tables can take it: one, ASCII, without a display name? */
bool contacts_is_mail(const char *s);

#endif
