/*
 * Lists of addresses in the forms in which people have them.
 *
 * A line is an address, a prefix or a range "a-b"; # and ; start a comment.
 * Also read are CSV with a header that names the column (ZMap's saddr, or ip,
 * address, network …), masscan's -oL, -oJ and -oD, and JSON objects with a
 * member ip or saddr, one a line.
 */
/* Layer: io */
#ifndef SURVEY_IPLIST_H
#define SURVEY_IPLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/ip.h"
#include "survey/refusals.h"

#define IPLIST_LINE_MAX (64 << 10) /* bytes of a line */
#define IPLIST_EXPAND_MAX (UINT64_C(1) << 22) /* addresses that a list's prefixes may stand for */

/* How strict a list is. */
enum iplist_use {
	IPLIST_BLOCK, /* a line holds one entry and nothing else, or half of it would block nothing */
	IPLIST_TARGETS, /* an address may be followed by other columns, or by a host name */
	IPLIST_NAMES, /* the same, and host names stand in it, too */
};

enum iplist_kind {
	IPLIST_NOTHING, /* blank, a comment, a header, brackets around JSON objects */
	IPLIST_RANGE,
	IPLIST_NAME, /* text of IPLIST_NAMES that is no address; nothing is known of it */
	IPLIST_REFUSED,
};

struct iplist_entry {
	enum iplist_kind kind;
	struct ip_range range;
	bool closed; /* a scanner's line which says that the port did not answer as open */
	const char *name; /* in the line; NUL-terminated */
	const char *why; /* of a refusal, a constant text; else NULL */
};

struct iplist; /* what has been learnt from the lines so far: the header's column */

struct iplist *iplist_new(enum iplist_use use);
void iplist_free(struct iplist *l);

/* line is NUL-terminated and is written to; len tells of NUL bytes inside. */
void iplist_line(struct iplist *l, char *line, size_t len, struct iplist_entry *e);

/*
 * A range is about to be taken apart into its addresses, of which *expanded were
 * taken apart before.  Returns NULL, or why not: IPLIST_EXPAND_MAX is reached.
 */
const char *iplist_expand(const struct ip_range *r, uint64_t *expanded);

/*
 * Give each range of a file ("-" is standard input) to fn(), which may refuse
 * it with a constant text.  Lines that are refused are added to bad, those of
 * closed ports are passed over and counted in *closed.  Returns 0, or -1 with
 * errno set when the file cannot be read to its end; EINTR when SIGINT or
 * SIGTERM has come meanwhile.
 */
int iplist_each(const char *path, const char *(*fn)(const struct ip_range *r, void *arg), void *arg,
    struct refusals *bad, uint64_t *closed);

/*
 * Add a block list, or a list of allowed ranges, to s and normalise it.
 * Returns 0; or -1 with s as it was and *error, one sentence (the caller frees
 * it).  A list with a line that is refused is refused as a whole: one that is
 * half understood blocks nothing reliably.  bad then names the lines.
 */
int iplist_read_set(struct ipset *s, const char *path, struct refusals *bad, char **error);

#endif
