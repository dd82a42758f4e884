/*
 * DNS messages: queries made by hand, answers checked and read with ldns.
 *
 * An answer comes from whoever guessed a port; nothing in it is trusted
 * before it matched the question that was asked.
 */
/* Layer: dns */
#ifndef DNS_WIRE_H
#define DNS_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "survey/answers.h"
#include "survey/buf.h"

#define WIRE_QUERY_MAX (12 + 255 + 4 + 11) /* header, name, type and class, OPT record */
#define WIRE_UDP_PAYLOAD 1232 /* what EDNS says we take (DNS flag day 2020) */
#define WIRE_MESSAGE_MAX 65535
#define WIRE_CNAME_MAX 16
#define WIRE_EDE_TEXT_MAX 256 /* bytes of extended error text that are kept */

/*
 * Build the query for name, which name_normalise(), name_canonical() or
 * name_reverse() made, with recursion desired, the AD bit (which asks whether DNSSEC proves
 * the answer, RFC 6840, 5.7) and an OPT record.  Returns its
 * length, or 0 when name is no host name.
 */
size_t wire_query(uint8_t out[WIRE_QUERY_MAX], uint16_t id, const char *name, enum dns_type type);

enum wire_status {
	WIRE_ANSWER, /* the result holds the outcome */
	WIRE_TRUNCATED, /* ours, but incomplete: ask over TCP */
	WIRE_SHORT, /* all below are no answer to the question */
	WIRE_NOT_RESPONSE,
	WIRE_WRONG_ID,
	WIRE_WRONG_QUESTION, /* name, type, class, or not exactly one question */
	WIRE_MALFORMED,
	WIRE_NSTATUS
};

/* What an answer says.  One result serves any number of messages, one at a time. */
struct wire_result {
	enum dns_outcome outcome;
	int rcode; /* 12 bits, with the extended part */
	int ede; /* or DNS_EDE_NONE */
	bool ad;
	struct ip *addrs;
	size_t naddrs, addrs_cap;
	const char **names;
	size_t nnames, names_cap;
	const char *cnames[WIRE_CNAME_MAX];
	size_t ncnames;

	/* private: the strings, and where they start while they still move */
	struct buf text;
	size_t *at;
	size_t at_cap, ede_at, cnames_at[WIRE_CNAME_MAX];
	bool has_ede_text;
};

void wire_result_init(struct wire_result *r);
void wire_result_fini(struct wire_result *r);

/*
 * Check msg[0..len) against the question and read it into r: records of the
 * type asked, at the name or at the end of its CNAME chain; addresses and
 * texts sorted, each once.  r is meaningful after WIRE_ANSWER only.
 */
enum wire_status wire_parse(struct wire_result *r, const uint8_t *msg, size_t len, uint16_t id,
    const char *name, enum dns_type type);

/* Borrow r's contents for an answer: outcome, records, chain and extended error. */
void wire_result_answer(const struct wire_result *r, struct answer *a);

/* The id of a message of at least 2 bytes. */
uint16_t wire_id(const uint8_t *msg);

#endif
