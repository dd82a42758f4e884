/*
 * What hangs on the hosts and keys of a study: how many domains have their mail taken there, which
 * keys TLSA records pin, and where they pin none that was seen.
 *
 * A domain counts for a host when it names the host's address through one of its MX hosts (or,
 * without an MX record, itself); for a key or a cluster when it counts for any host that shows
 * the key or is in the cluster.  Each domain counts once for each.
 */
/* Layer: study */
#ifndef SURVEY_IMPACT_H
#define SURVEY_IMPACT_H

#include <stdbool.h>
#include <stdint.h>

#include "survey/mail.h"
#include "survey/study.h"

/* What the TLSA records of an MX host say of the keys that were seen there on port 25. */
enum impact_tlsa {
	TLSA_NONE, /* there are none, or none that DANE for SMTP uses (RFC 7672, 3.1) */
	TLSA_MATCHES,
	TLSA_MISMATCH, /* each usable record pins one key or certificate, and none was seen at some
			  address of it: mail is refused there, or travels without protection */
	TLSA_UNKNOWN, /* no key was seen, or a record pins an issuer or a SHA-512 */
	IMPACT_NTLSA
};

struct impact {
	const struct study *st;
	const struct mail *m; /* of st */
	uint32_t *of_host, *of_key, *of_cluster; /* domains, by number in st */
	bool *pinned; /* by key: a TLSA record pins it; see impact_pins() */
	uint8_t *tlsa; /* by MX host: enum impact_tlsa */
	uint32_t *record_key; /* by TLSA record: the key that it pins, or STUDY_NONE */
	uint32_t in_study; /* domains that count for some host of the study */
	/* MX hosts of domains with TLSA_MISMATCH, and these domains. */
	uint32_t mismatch_hosts, mismatch_domains;

	/* private: which MX hosts have the address of a host, and which domains name an MX host */
	uint32_t *mx_at, *mx, *domains_at, *domains;
	uint32_t *mx_met, *domain_met, count; /* in which count a thing was met last */
};

/* NULL when neither a mail domain nor a TLSA record is known (st->mail).  st is borrowed. */
struct impact *impact_new(const struct study *st);
void impact_free(struct impact *x); /* NULL is fine */

/* Has anybody asked about mail domains?  Without that all counts are 0 and say nothing. */
static inline bool
impact_has_domains(const struct impact *x)
{
	return x != NULL && x->m->ndomains > 0;
}

/*
 * Does a TLSA record pin the key, or a certificate of it?  Whoever changes the key has to change
 * that record first, whatever host it is of.
 */
static inline bool
impact_pins(const struct impact *x, uint32_t key)
{
	return x != NULL && x->pinned[key];
}

/*
 * An MX host with the host's address whose records pin none of the keys that this very host showed
 * on port 25, the first of them; MAIL_NONE: there is none, or x is NULL.
 */
uint32_t impact_mismatch(const struct impact *x, uint32_t host);

/* Counting what several hosts have in common: begin, then add; the domains that are new count. */
void impact_begin(struct impact *x);
uint32_t impact_add_hosts(struct impact *x, const uint32_t *hosts, size_t n);

const char *impact_tlsa_name(enum impact_tlsa t); /* "none", "matches", "mismatch", "unknown" */

/* Append "mail of 41,203 domains". */
void impact_text(struct buf *out, uint32_t domains);

#endif
