/* Configs for resolvers of our own, out of the templates and the settings. */
/* Layer: dns */
#ifndef DNS_CONFGEN_H
#define DNS_CONFGEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/dns_settings.h"
#include "survey/ip.h"

struct confgen {
	const struct dns_settings *settings;
	const char *dir; /* absolute */
	uint16_t unbound_port, stubby_port;
	const char *ca_file, *anchor, *root_hints; /* absolute, or NULL */
	const struct ipset *refused; /* name servers that are not asked; NULL: none */
	bool needs_localhost; /* a resolver that is asked is at a loopback address */
};

/* Add the addresses of a root hints file (a zone file: "a.root. 3600 IN A 192.0.2.1") to set. */
void confgen_hints(const char *text, struct ipset *set);

/*
 * What is wrong with the settings for their mode, as a message that the caller
 * frees; NULL when nothing is.
 */
char *confgen_problem(const struct confgen *g);

/* The texts; the caller frees them. */
char *confgen_unbound(const struct confgen *g);
char *confgen_stubby(const struct confgen *g);

/*
 * Take out of an Unbound config the lines marked "# if known" that
 * unbound-checkconf complains about.  Returns how many; 0 when the complaints
 * are about something else.
 */
size_t confgen_drop_unknown(char *conf, const char *complaints);

#endif
