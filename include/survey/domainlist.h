/* Names of domains in the forms in which people have them. */
/* Layer: dns */
#ifndef SURVEY_DOMAINLIST_H
#define SURVEY_DOMAINLIST_H

#include <stdbool.h>

#include "survey/refusals.h"

/*
 * Read a list, or a zone file, from fd to its end and give each name, as name_normalise() spells
 * it, to fn(); the same name may come again.  A list has the forms of iplist.h with names; of a
 * zone file (RFC 1035, 5.1) the names count that have NS or MX records: delegations, and domains
 * that take mail.  shown names the input in refusals.  Lines that are refused are added to bad;
 * a line costs that line.  Returns 0, or -1 with errno set, EINTR after a signal.
 */
int domainlist_read(int fd, const char *shown, void (*fn)(const char *name, void *arg), void *arg,
    struct refusals *bad);

#endif
