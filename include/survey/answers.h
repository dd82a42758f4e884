/* Layer: model.  What DNS said: one answer for each name and type. */
#ifndef SURVEY_ANSWERS_H
#define SURVEY_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/ip.h"

enum dns_type { DNS_A, DNS_AAAA, DNS_PTR, DNS_MX, DNS_TLSA, DNS_TXT, DNS_NTYPES };

enum dns_outcome {
	DNS_NOERROR,
	DNS_NODATA, /* the name exists, but has no record of the type */
	DNS_NXDOMAIN,
	DNS_SERVFAIL, /* and every other refusal that is not REFUSED */
	DNS_REFUSED,
	DNS_TIMEOUT,
	DNS_NOUTCOMES
};

#define DNS_EDE_NONE (-1)

/*
 * One question and its outcome.  name is spelled as name_normalise() or
 * name_reverse() spell it.  Which of addrs and names is used follows from type;
 * addresses and texts are sorted and each stands once.
 */
struct answer {
	const char *name;
	enum dns_type type;
	enum dns_outcome outcome;
	int64_t at; /* when it was asked, seconds since 1970, or TIME_UNKNOWN (rfc3339.h) */
	uint32_t ms; /* from the first try to the outcome */
	int ede; /* extended error code (RFC 8914), or DNS_EDE_NONE */
	const char *ede_text; /* or NULL; valid UTF-8 */
	const struct ip *addrs;
	size_t naddrs;
	/*
	 * Targets of PTR records; of the others a text a record: "10 mx.example.ie" (MX, the root
	 * is "."), "3 1 1 8d02…" (TLSA: usage, selector, matching type, hex), the joined strings
	 * of a TXT record with odd octets as \DDD.
	 */
	const char *const *names;
	size_t nnames;
	uint32_t number; /* its place in answers_sorted(), once that was called */
	bool ad; /* the resolver says that DNSSEC proves it (RFC 6840, 5.8) */
	const char *const *cnames; /* the chain that was followed, in order, without name itself */
	size_t ncnames;
};

struct answers;

struct answers *answers_new(void);
void answers_free(struct answers *t);

/*
 * Copy an answer into the table.  A later answer to the same question
 * replaces the earlier one.  Returns the table's copy, valid until
 * answers_free(), also after it was replaced.
 */
const struct answer *answers_put(struct answers *t, const struct answer *a);
/* The answer, or NULL when the table has none. */
const struct answer *answers_get(const struct answers *t, const char *name, enum dns_type type);
size_t answers_count(const struct answers *t);
/* All answers, sorted by name and type: an array that the caller frees. */
const struct answer **answers_sorted(const struct answers *t);

/* Answers of the type hold addresses; of all others, texts. */
static inline bool
dns_type_has_addresses(enum dns_type type)
{
	return type == DNS_A || type == DNS_AAAA;
}

/* The types that tell of hosts: addresses and the names of addresses; the others are of mail domains. */
static inline bool
dns_type_of_hosts(enum dns_type type)
{
	return type <= DNS_PTR;
}

/* True for the outcomes that say something about the name: noerror, nodata, nxdomain. */
bool dns_outcome_known(enum dns_outcome outcome);

extern const char *const dns_type_words[]; /* by enum dns_type; ends with NULL */
const char *dns_type_name(enum dns_type type); /* "A" */
const char *dns_outcome_name(enum dns_outcome outcome); /* "noerror" */
/* The reverse of the above, exact spelling; -1 when s is none. */
int dns_type_from(const char *s, size_t len);
int dns_outcome_from(const char *s, size_t len);

#endif
