/*
 * Mail domains, the hosts that take their mail, and what DANE and MTA-STS say of them.
 *
 * A domain's mail goes to its MX hosts; without an MX record to the domain itself (RFC 5321,
 * 5.1); to nobody when its only MX is the root (RFC 7505).  Domains and hosts have numbers, in
 * the order in which they were added.  About 100 bytes a domain with a host of its own, plus
 * names: half a million stay well below 200 MB.
 */
/* Layer: model */
#ifndef SURVEY_MAIL_H
#define SURVEY_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/answers.h"
#include "survey/hashtab.h"
#include "survey/ip.h"

#define MAIL_NONE UINT32_MAX
#define MAIL_NOT_ASKED DNS_NOUTCOMES /* beside the outcomes of enum dns_outcome */
#define MAIL_TLSA_PREFIX "_25._tcp."
#define MAIL_STS_PREFIX "_mta-sts."

/* Where a domain's mail goes. */
enum mail_route {
	MAIL_MX,
	MAIL_IMPLICIT, /* no MX record: to the domain's own addresses */
	MAIL_NULL, /* it takes no mail, and says so */
	MAIL_UNUSABLE, /* its MX records name no host: addresses, odd names, the root among others */
	MAIL_NXDOMAIN,
	MAIL_UNKNOWN, /* no answer */
	MAIL_NROUTES
};

/* DNSSEC and TLSA records (RFC 7672): of a host, and of a domain by all of its hosts. */
enum mail_dane {
	DANE_NO,
	DANE_YES, /* all hosts, proved by DNSSEC; of a domain the MX records, too */
	DANE_PARTIAL, /* some hosts */
	DANE_UNPROVED, /* TLSA records, but DNSSEC does not prove them, or not the MX records */
	DANE_UNKNOWN,
	DANE_NSTATES
};

enum mail_sts { STS_NO, STS_YES, STS_UNKNOWN, STS_NSTATES };

/* What a domain's MX record names. */
struct mail_mx {
	uint32_t host;
	uint16_t preference;
};

/* A run of numbers, as in study.h. */
struct mail_span {
	uint32_t at, n;
};

struct mail_domain {
	uint32_t name; /* mail_text() */
	struct mail_span mx; /* in mx, by preference and name */
	uint8_t route; /* enum mail_route */
	uint8_t outcome; /* of the question for MX, or MAIL_NOT_ASKED */
	uint8_t sts_outcome;
	uint8_t sts; /* enum mail_sts */
	bool ad; /* DNSSEC proves the answer to the question for MX */
	bool self; /* an MX record names the domain itself */
	bool odd; /* one of them names no host */
};

struct mail_tlsa {
	uint8_t usage, selector, matching;
	uint32_t data, len; /* in blob */
};

struct mail_host {
	uint32_t name;
	uint32_t domains; /* that name it; 0: none does any more, or it has TLSA records only */
	struct mail_span addresses; /* in addresses: IPv4 first, lowest first of each family */
	struct mail_span tlsa;
	uint8_t outcome[2]; /* for A and for AAAA, or MAIL_NOT_ASKED */
	uint8_t tlsa_outcome;
	bool tlsa_ad;
	bool cname; /* an MX record must name no alias (RFC 2181, 10.3); mail comes nevertheless */
};

struct mail {
	struct mail_domain *domains;
	struct mail_host *hosts;
	struct mail_mx *mx;
	struct mail_tlsa *tlsa;
	struct ip *addresses;
	uint32_t ndomains, nhosts, nmx, ntlsa, naddresses;

	/* private */
	char *texts;
	uint8_t *blob;
	size_t texts_len, texts_cap, blob_len, blob_cap;
	size_t domains_cap, hosts_cap, mx_cap, tlsa_cap, addresses_cap;
	struct hashtab domain_numbers, host_numbers;
};

struct mail *mail_new(void);
void mail_free(struct mail *m); /* NULL is fine */

static inline const char *
mail_text(const struct mail *m, uint32_t text)
{
	return m->texts + text;
}

/* The domain of that name, as name_normalise() spells it, added when it is new. */
uint32_t mail_add_domain(struct mail *m, const char *name);
/*
 * Take up an answer, if it is one to a question below about a domain or host that is known.
 * A later answer to the same question counts.  Returns the number of the domain (MX, TXT) or
 * host (A, AAAA, TLSA), or MAIL_NONE.
 */
uint32_t mail_take(struct mail *m, const struct answer *a);
/*
 * The host that an answer's TLSA records are about is known from now on, though no domain may name
 * it.  Other answers are passed over.
 */
void mail_add_tlsa_host(struct mail *m, const struct answer *a);
/* Neither a domain nor a TLSA record is known. */
bool mail_is_empty(const struct mail *m);

typedef void (*mail_question_fn)(const char *name, enum dns_type type, void *arg);
/*
 * The next questions about a domain, and about a host, that the answers so far leave open: a
 * name that does not exist has nothing below it (RFC 8020), and no mail needs no policy.
 * again: its first question (MX, A) has been asked by now, whatever came of it.
 */
void mail_ask_domain(
    const struct mail *m, uint32_t domain, bool again, mail_question_fn fn, void *arg);
void mail_ask_host(const struct mail *m, uint32_t host, bool again, mail_question_fn fn, void *arg);

enum mail_dane mail_host_dane(const struct mail *m, uint32_t host);
enum mail_dane mail_domain_dane(const struct mail *m, uint32_t domain);

/* Words: "mx", "implicit", …; "yes", "no", "partial", "unproved", "unknown". */
const char *mail_route_name(enum mail_route route);
const char *mail_dane_name(enum mail_dane dane);
const char *mail_sts_name(enum mail_sts sts);
int mail_route_from(const char *s);

/* Totals, for people. */
struct mail_counts {
	uint32_t routes[MAIL_NROUTES], dane[DANE_NSTATES], sts[STS_NSTATES];
	uint32_t idn; /* domains with an A-label */
	uint32_t self, odd; /* domains: MX to itself, MX that names no host */
	uint32_t many; /* the most MX records of a domain */
	uint32_t hosts; /* that some domain names */
	uint32_t cnames, without_address, address_unknown; /* of these */
};
void mail_count(const struct mail *m, struct mail_counts *c);

/*
 * For whoever reads a table back: an answer that was taken up, without asking again what it
 * says.  mail_add_host() is as mail_add_domain().
 */
uint32_t mail_add_host(struct mail *m, const char *name);
void mail_add_mx(struct mail *m, uint32_t domain, uint32_t host, uint16_t preference);
void mail_add_address(struct mail *m, uint32_t host, const struct ip *ip);
void mail_add_tlsa(
    struct mail *m, uint32_t host, const struct mail_tlsa *t, const uint8_t *data, size_t len);

#endif
