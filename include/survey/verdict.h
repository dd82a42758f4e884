/* Layer: model.  Whether a host's names lead back to its address. */
#ifndef SURVEY_VERDICT_H
#define SURVEY_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/answers.h"
#include "survey/questions.h"

enum name_verdict {
	NAME_GOOD, /* one of its addresses is the host's */
	NAME_BAD, /* it exists, but leads elsewhere or nowhere */
	NAME_NXDOMAIN, /* it does not exist */
	NAME_UNKNOWN, /* servfail, refused, timeout, not asked */
	NAME_NVERDICTS
};

enum host_verdict {
	HOST_GOOD, /* a name is good */
	HOST_BAD, /* it has names that could be looked up, and none is good or unknown */
	HOST_UNKNOWN, /* none is good, one is unknown */
	HOST_NONE, /* it has no name that could be looked up */
	HOST_NVERDICTS
};

#define VERDICT_RDNS SIZE_MAX

struct verdict_name {
	size_t ref; /* which of the names given, or VERDICT_RDNS */
	const char *name; /* as it was looked up */
	enum name_verdict verdict;
	/*
	 * What decided, or NULL when the name was never asked: its addresses,
	 * lowest first (addrs[0] is the K-ip of a bad name), and its time (K-seen).
	 */
	const struct answer *answer;
};

struct verdict {
	struct ip ip;
	enum host_verdict verdict;
	bool allbad; /* no name has an address and none is unknown; true without names */
	/*
	 * The host's PTR question, NULL when it was not asked, and the one of its
	 * names that counts: the first that is good, else the first.  rdns is NULL
	 * without one.
	 */
	const struct answer *ptr;
	const char *rdns;
	/* The names that were looked up: rdns, then the others in the order given. */
	struct verdict_name *names;
	size_t n;

	/* private */
	size_t cap;
	char *text;
	size_t text_cap;
};

void verdict_init(struct verdict *v);
void verdict_fini(struct verdict *v);

/*
 * Judge a host by its PTR record and the names it gave.  v may hold an earlier
 * verdict, whose memory is used again; keys and answers are borrowed.
 */
void verdict_host(struct verdict *v, const struct answers *t, const struct ip *ip,
    const struct name_ref *names, size_t n);

const char *name_verdict_name(enum name_verdict verdict);
const char *host_verdict_name(enum host_verdict verdict);
extern const char *const host_verdict_words[HOST_NVERDICTS];

#endif
