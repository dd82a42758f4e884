/*
 * What a cluster may be, with the evidence for and against; never a bare guess.
 * Of a study with facts and names.
 */
/* Layer: study */
#ifndef SURVEY_EXPLAIN_H
#define SURVEY_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct study;

enum why_kind {
	WHY_MULTIHOMED,
	WHY_CLONED,
	WHY_HOSTING,
	WHY_VENDOR,
	WHY_SERVICE,
	WHY_FILTER,
	WHY_MIXED,
	NWHYS
};

struct explanation {
	enum why_kind what;
	unsigned score; /* 0 to 100; explanations come by falling score */
	char *pro, *contra; /* sentences; contra is "" where nothing speaks against it */
};

/*
 * All that something speaks for: at least one.  Fills rows of out and returns how many.
 * *smelly gets the studies' own test (MHSmelly), unless smelly is NULL.  It is true when the
 * cluster can not be one host with several addresses: some of its hosts show SSH and others
 * none, or they lie in several ASes, or they show several SSH host keys.
 */
unsigned explain_cluster(
    const struct study *, uint32_t cluster, struct explanation out[NWHYS], bool *smelly);

/*
 * For threads that ask about the same clusters: what is counted of one is counted once, by
 * whoever asks first.  The study must outlive it.
 */
struct explainer;
struct explainer *explainer_new(const struct study *);
void explainer_free(struct explainer *);
unsigned explainer_cluster(
    struct explainer *, uint32_t cluster, struct explanation out[NWHYS], bool *smelly);

void explanations_fini(struct explanation *v, unsigned n);

/* "one host, several addresses?", for people; "multi-homed", for files. */
const char *why_name(enum why_kind);
const char *why_word(enum why_kind);
/* The likeliest explanation; the evidence is appended to out as sentences. */
enum why_kind why_cluster(const struct study *, uint32_t cluster, struct buf *out);

#endif
