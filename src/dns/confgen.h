/* Configs for resolvers of our own, out of the templates and the settings. */
/* Layer: dns */
#ifndef DNS_CONFGEN_H
#define DNS_CONFGEN_H

#include <stddef.h>
#include <stdint.h>

#include "survey/dns_settings.h"

struct confgen {
	const struct dns_settings *settings;
	const char *dir; /* absolute */
	uint16_t unbound_port, stubby_port;
	const char *ca_file, *anchor, *root_hints; /* absolute, or NULL */
};

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
