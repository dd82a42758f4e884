/*
 * Host names as remote hosts give them: which may be looked up, and how they
 * are spelled in a question.
 */
/* Layer: model */
#ifndef SURVEY_NAME_H
#define SURVEY_NAME_H

#include <stdbool.h>
#include <stddef.h>

struct ip;

/* 253 characters (RFC 1035: 255 octets on the wire) and a NUL. */
#define NAME_MAX_TEXT 253
#define NAME_SIZE (NAME_MAX_TEXT + 1)

enum name_class {
	NAME_OK,
	NAME_EMPTY,
	NAME_NODOT,
	NAME_WILDCARD,
	NAME_LOCAL, /* .internal .local .localdomain .arpa */
	NAME_EXAMPLE, /* example.com and below */
	NAME_ADDRESS, /* an address, not a name: 192.0.2.1 */
	NAME_INVALID, /* no valid host name: length, labels, characters */
};

/*
 * The spelling under which s is looked up: lower case, without the last dot,
 * internationalised labels as A-labels.  Returns NAME_OK, or why it is not
 * looked up, in which case out is the empty string.  Any bytes are allowed in s.
 */
enum name_class name_normalise(const char *s, size_t len, char out[NAME_SIZE]);

/*
 * The same, without the rules that keep local and single-label names away
 * from resolvers: for names that an operator asks about.  NAME_OK, NAME_EMPTY
 * or NAME_INVALID.
 */
enum name_class name_canonical(const char *s, size_t len, char out[NAME_SIZE]);

/* The name under which the PTR record of ip stands, in lower case without a last dot. */
void name_reverse(const struct ip *ip, char out[NAME_SIZE]);

/* True when name is at or below zone; both lower case, without a last dot. */
bool name_is_below(const char *name, const char *zone);

/*
 * The part of name that stands for who runs it, for totals by zone: two or
 * three labels of a host name, the /16 of an in-addr.arpa name, the /32 of an
 * ip6.arpa one.  Points into name.
 */
const char *name_zone(const char *name);

#endif
