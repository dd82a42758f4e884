/* How names are resolved, as config and commands say. */
/* Layer: dns */
#ifndef SURVEY_DNS_SETTINGS_H
#define SURVEY_DNS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "survey/config.h"
#include "survey/ip.h"

/* What resolvers of our own have cost. */
struct dns_usage {
	double cpu_s; /* summed */
	long maxrss_kb; /* of the largest process */
};

/* How to resolve; strings are borrowed.  See the dns section of survey.conf(5). */
struct dns_settings {
	enum dns_mode mode;
	const char *address; /* "ip#port" or "ip", for DNS_ADDRESS */
	const char *root_hints; /* "" for Unbound's own */
	const char *unbound, *stubby; /* programs */
	unsigned window; /* 0: what the mode and the buffers allow */
	unsigned rcvbuf, timeout_ms, tries;
	bool validate;
	/* Zone files with the DS and DNSKEY records that are trusted; NULL: the root's, of Debian. */
	const struct config_list *trust_anchors;
	const struct config_upstream *upstreams;
	size_t nupstreams;
	/*
	 * Where a resolver of ours that asks name servers itself asks none: those of
	 * refuse (normalised).  NULL: special-purpose addresses but for allow_reserved, and
	 * those of block_files and opt_out_file; each of these may be NULL.  refuse is
	 * read once, when the resolver is made ready.
	 */
	const struct ipset *refuse;
	const struct config_list *allow_reserved, *block_files;
	const char *opt_out_file;
	struct dns_usage *usage; /* added to when a resolver of ours ends; may be NULL */
};

void dns_settings_default(struct dns_settings *s); /* DNS_SYSTEM */
void dns_settings_from(struct dns_settings *s, const struct config *c);
/* What --mode and dns.mode may be, by enum dns_mode; ends with NULL. */
extern const char *const dns_mode_words[];

#endif
