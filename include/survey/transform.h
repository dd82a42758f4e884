/*
 * A study made from another one: with pseudonyms, with hosts left out, in
 * another order.  What is in the result is in every file written from it, and
 * nothing else is.
 */
/* Layer: study */
#ifndef SURVEY_TRANSFORM_H
#define SURVEY_TRANSFORM_H

#include "survey/study.h"
#include "survey/study_builder.h"

struct buf;

/* What a text is of: a map treats each as it must. */
enum study_text_kind {
	TEXT_RUN, /* name, program, source, countries, config and tools of a run */
	TEXT_WRITER,
	TEXT_NAME, /* a host name */
	TEXT_QUESTION, /* the name of a DNS question; a reverse name for a PTR record */
	TEXT_GRAB,
	TEXT_ALG, /* key algorithms and curves */
	TEXT_VERSION,
	TEXT_SOFTWARE,
	TEXT_KEX,
	TEXT_CERT, /* serial number, subject, issuer */
	NTEXT_KINDS
};

/* Each callback may be NULL: then it is the identity. */
struct study_map {
	void *arg;
	bool (*keep)(void *arg, const struct study *, uint32_t host);
	struct ip (*address)(void *arg, const struct ip *);
	/* Append what the text becomes; nothing appended: no text. */
	void (*text)(void *arg, enum study_text_kind, const char *, struct buf *out);
	/* An AS: *asn may change; append what the name, NULL for none, becomes. */
	void (*as)(void *arg, uint32_t *asn, const char *name, struct buf *out);
	void (*fingerprint)(void *arg, const uint8_t in[KEY_LEN], uint8_t out[KEY_LEN]);
	/* Last changes to plain members: times, outcomes, numbers.  Texts are mapped already. */
	void (*host)(void *arg, struct study_host *);
	void (*grab)(void *arg, struct study_grab *);
	void (*cert)(void *arg, struct study_cert *);
	void (*name)(void *arg, struct study_name *);
	void (*run)(void *arg, struct study_run_facts *);
	bool by_address; /* hosts are ordered by their mapped addresses and numbered anew */
	bool no_public; /* leave public keys out */
	bool used_answers; /* of DNS only the answers that names point to */
};

/*
 * Take up all hosts of a study; a host whose address the builder has already is left out.
 * Names keep their verdicts.  With public keys st must outlive what the builder makes.
 */
void study_builder_add_study(
    struct study_builder *b, const struct study *st, const struct study_map *map);

/* That and the finish.  host_of, unless NULL, gets by host of the result its number in st; the caller frees. */
struct study *study_transform(
    const struct study *st, const struct study_map *map, uint32_t **host_of);

#endif
