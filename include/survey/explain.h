/* Layer: study.  What a cluster may be. */
#ifndef SURVEY_EXPLAIN_H
#define SURVEY_EXPLAIN_H

#include <stdint.h>

struct buf;
struct study;

enum why_kind {
	WHY_MULTIHOMED,
	WHY_CLONED,
	WHY_HOSTING,
	WHY_VENDOR,
	WHY_SERVICE,
	WHY_MIXED,
	NWHYS
};

/* "cloned image?" */
const char *why_name(enum why_kind);
/* The likeliest explanation; the evidence for and against is appended to out as sentences. */
enum why_kind why_cluster(const struct study *, uint32_t cluster, struct buf *out);

#endif
