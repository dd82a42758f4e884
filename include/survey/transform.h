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
	TEXT_ALG, /* key algorithms */
	TEXT_CURVE,
	TEXT_VERSION,
	TEXT_SOFTWARE,
	TEXT_KEX,
	TEXT_CERT, /* serial number, subject, issuer */
	NTEXT_KINDS
};

/*
 * Each callback may be NULL: then it is the identity.  Hosts, grabs and keys are
 * numbers of the study that is transformed.
 */
struct study_map {
	void *arg;
	bool (*keep)(void *arg, const struct study *, uint32_t host);
	/* Is this grab taken over, and are the names of this host? */
	bool (*shows)(void *arg, const struct study *, uint32_t grab);
	bool (*named)(void *arg, const struct study *, uint32_t host);
	/* The parts of this host follow. */
	void (*begin)(void *arg, const struct study *, uint32_t host);
	/* An address of a host, or of an answer (STUDY_NONE): no address leaves the latter out. */
	struct ip (*address)(void *arg, const struct study *, uint32_t host, const struct ip *);
	bool (*answer)(void *arg, const struct study *,
	    uint32_t answer); /* is it kept?  One that loses all it had is nodata */
	/* Append what the text becomes; nothing appended: no text. */
	void (*text)(void *arg, enum study_text_kind, const char *, struct buf *out);
	/* The AS of a host: *asn may change; append what the name, NULL for none, becomes. */
	void (*as)(void *arg, const struct study *, uint32_t host, uint32_t *asn, const char *name,
	    struct buf *out);
	void (*fingerprint)(void *arg, const struct study *, uint32_t key, uint8_t out[KEY_LEN]);
	/* Last changes to plain members: times, outcomes, numbers.  Texts are mapped already. */
	void (*host)(void *arg, struct study_host *);
	void (*grab)(void *arg, struct study_grab *);
	void (*cert)(void *arg, struct study_cert *);
	void (*run)(void *arg, struct study_run_facts *);
	bool by_address; /* hosts are ordered by their mapped addresses and numbered anew */
	bool no_public; /* leave public keys out */
	bool used_answers; /* of DNS only the answers that names point to */
	/*
	 * A cluster's hosts stay in one cluster, also where what ties them together is left
	 * out, and also a single one.  What is left out is in others.
	 */
	bool whole_clusters;
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

/*
 * For pictures of a copy that leaves hosts of its clusters out (st->others): the same study
 * with one more host for each such cluster, which shows what the others show; see
 * study_stands_for().  Clusters keep their numbers and ids.  NULL when the study
 * contradicts itself.
 */
struct study *study_stand_ins(const struct study *st);

#endif
