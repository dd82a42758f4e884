/* Layer: base.  Addresses, prefixes and sets of them. */
#ifndef SURVEY_IP_H
#define SURVEY_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define IP_STRLEN 46 /* the longest text form and its NUL */

/* An IPv4 (4 bytes used, the rest zero) or IPv6 address in network order; or a pseudonym. */
struct ip {
	uint8_t family; /* 4, 6 or IP_ALIAS; 0 is no address */
	uint8_t a[16];
};

/*
 * Family of a pseudonym, "host-" and hexadecimal digits: what an anonymised copy has in an
 * address's place.  Up to 15 bytes; the last byte of a is their number.
 */
#define IP_ALIAS 9
#define IP_ALIAS_MAX 15

/*
 * Parse the len bytes of s as an address in its usual text form: dotted quad
 * without leading zeros, or RFC 4291 without a zone.  IPv4-mapped IPv6 becomes
 * IPv4.  Returns false when it is anything else.
 */
bool ip_parse(const char *s, size_t len, struct ip *ip);
/* The same, and pseudonyms; only for files of results, never for what is contacted. */
bool ip_parse_any(const char *s, size_t len, struct ip *ip);
/* Canonical text (RFC 5952) into buf; returns buf. */
const char *ip_format(const struct ip *ip, char buf[static IP_STRLEN]);
/* IPv4 before IPv6 before pseudonyms, then by value: <0, 0, >0. */
int ip_cmp(const struct ip *a, const struct ip *b);
/* The next and the previous address; false when it wraps. */
bool ip_next(struct ip *ip);
bool ip_prev(struct ip *ip);
struct ip ip_from_v4(uint32_t host_order);
uint32_t ip_to_v4(const struct ip *ip);

struct cidr {
	struct ip ip; /* host bits zero */
	uint8_t len;
};

/*
 * "198.18.0.0/15" or a bare address; host bits that are set are an error.  An
 * IPv4-mapped prefix longer than /96 becomes IPv4.  ::ffff:0:0/96 itself is the
 * special range of that name and stays IPv6: it does not mean all of IPv4.
 */
bool cidr_parse(const char *s, size_t len, struct cidr *c);
struct ip cidr_last(const struct cidr *c);
const char *cidr_format(const struct cidr *c, char buf[static IP_STRLEN + 4]);

struct ip_range {
	struct ip lo, hi; /* same family */
};

/*
 * An address, a prefix as in cidr_parse(), or "a-b" with blanks around the dash
 * allowed.  Returns NULL, or what is wrong with it, a constant text: ip_no_range
 * when it does not look like any of these.
 */
extern const char ip_no_range[];
const char *ip_range_parse(const char *s, size_t len, struct ip_range *r);
/* Number of addresses, or UINT64_MAX for all that do not fit. */
uint64_t ip_range_size(const struct ip_range *r);

/*
 * A set of addresses as sorted, disjoint, inclusive ranges.
 *
 * ipset_add_*() append (or grow the last range); ipset_normalise() sorts and
 * merges and must come before anything that reads the set.  The operations below return
 * normalised sets.
 */
struct ipset {
	struct ip_range *r;
	size_t n, cap;
};

void ipset_init(struct ipset *s);
void ipset_fini(struct ipset *s);
void ipset_add_range(struct ipset *s, const struct ip *lo, const struct ip *hi);
void ipset_add_cidr(struct ipset *s, const struct cidr *c);
void ipset_add_set(struct ipset *s, const struct ipset *more);
void ipset_normalise(struct ipset *s);
bool ipset_contains(const struct ipset *s, const struct ip *ip);
void ipset_subtract(struct ipset *s, const struct ipset *take); /* s = s \ take */
void ipset_intersect(struct ipset *s, const struct ipset *with);
/* Number of addresses of a family, as a double: IPv6 sets do not fit an integer. */
double ipset_count(const struct ipset *s, int family);
/* Each range cut into the fewest prefixes, in order; stops at the first non-zero result and returns it. */
int ipset_each_cidr(const struct ipset *s, int (*fn)(const struct cidr *c, void *arg), void *arg);

/* The prefixes of one family (0: of both), one a line.  Returns 0, or -1 with errno set. */
int ipset_write(const struct ipset *s, int family, FILE *f);

/* An address block that is no target, what it is for and the document that says so. */
struct ip_special {
	const char *network;
	const char *purpose;
	const char *source;
};

extern const struct ip_special ip_special_table[];
extern const size_t ip_special_count;

/* The narrowest block that holds ip, or NULL when it is an ordinary address. */
const struct ip_special *ip_special_find(const struct ip *ip);

/* Special-purpose addresses that are never targets (IANA registries, RFC 6890 and successors). */
void ipset_add_reserved(struct ipset *s);

#endif
