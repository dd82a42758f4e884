/* Many questions at once, from a file or a pipe, answered as they come. */
/* Layer: dns */
#ifndef SURVEY_LOOKUP_H
#define SURVEY_LOOKUP_H

#include <stdbool.h>

#include "survey/dns_settings.h"

struct lookup_options {
	const struct dns_settings *settings;
	const char *input; /* a file with a name or an address a line; "-": standard input */
	const char *output; /* dns.ndjson to write; NULL: standard output */
	const char *stats; /* file for the totals as JSON, or NULL */
	const char *dir; /* where resolvers of ours have their files, or NULL: a temporary one */
	bool no_sandbox;
	unsigned long types; /* sum of 1 << enum dns_type; 0: A of a name, PTR of an address */
};

/*
 * Ask all of it.  SIGINT, SIGTERM and SIGHUP end it.  Lines that cannot be
 * asked are counted and named at the end.  Returns an exit_status after
 * messages: EXIT_INCOMPLETE when lines or questions were left out.
 */
int lookup(const struct lookup_options *o);

#endif
