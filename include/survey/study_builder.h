/*
 * Building a study: from records line by line, or part by part from another
 * source (survey.db, older files, another study).
 *
 * Texts, addresses and fingerprints are copied.  Numbers that the calls return
 * are those of the builder; study_builder_finish() puts everything in the
 * order that study.h states and renumbers it; hosts of one run are put in order of
 * their record numbers, equal ones as they came.
 */
/* Layer: study */
#ifndef SURVEY_STUDY_BUILDER_H
#define SURVEY_STUDY_BUILDER_H

#include "survey/answers.h"
#include "survey/study.h"

struct study_builder;

struct study_builder *study_builder_new(void);
/*
 * Where public keys that lines show are kept: an unlinked file, which the
 * builder takes over.  Without one they are checked and forgotten.
 */
void study_builder_spool(struct study_builder *b, int fd);
/* Give up; NULL is fine. */
void study_builder_free(struct study_builder *b);

/*
 * A run; hosts belong to the one added last (a builder without a run gets an
 * empty one).  All texts may be NULL.
 */
struct study_run_facts {
	const char *name, *program, *source, *countries, *config_sha256, *tools;
	int64_t began, ended, scan_date;
	uint64_t seed;
	uint32_t shard, shards, pairs_up_to;
	uint64_t lines, refused;
};
void study_run_facts_init(struct study_run_facts *f);
uint32_t study_builder_run(struct study_builder *b, const struct study_run_facts *f);
/* The facts of the run added last, known only after its hosts. */
void study_builder_set_run(struct study_builder *b, const struct study_run_facts *f);

/*
 * From records: take up one line's host, a new host or merged into the one of
 * that address (host_merge()).  Returns its number, and in *is_new whether it was not there before.
 */
uint32_t study_builder_line(
    struct study_builder *b, const struct host *line, uint64_t number, bool *is_new);
/*
 * The line stands for a host that is there already, of which nothing stays: neither what it
 * showed nor its names.  It belongs to the run added last.
 */
void study_builder_replace(
    struct study_builder *b, uint32_t host, const struct host *line, uint64_t number);
/*
 * A host of a finished study as one line of all its records would show it: what
 * study_builder_line() takes.  Its arrays are in a, its texts are st's.  No key that shows only its
 * sharing (struct study_key, named) may be among its keys.
 */
void study_show_host(const struct study *st, uint32_t host, struct arena *a, struct host *out);
/*
 * The public key that st has of one of its keys, for a builder that has a spool.  Returns 0, also when there is
 * none, or -1 with errno set when it cannot be read.
 */
int study_builder_public(struct study_builder *b, const struct study *st, uint32_t key);
/* What the host's merged lines say now; valid until the next call. */
const struct host *study_builder_merged(struct study_builder *b, uint32_t host);
/* Country and AS, where the records did not tell them, and whether it takes part. */
void study_builder_place(
    struct study_builder *b, uint32_t host, const char *country, uint32_t asn, const char *as_name);
void study_builder_out(struct study_builder *b, uint32_t host, enum host_out out);
/* What the merging of lines could not keep. */
struct merge_counts study_builder_merges(const struct study_builder *b);
uint32_t study_builder_nruns(const struct study_builder *b);
uint32_t study_builder_nhosts(const struct study_builder *b);
bool study_builder_has_key(const struct study_builder *b, uint32_t host);

/*
 * Part by part.  A host is looked up by address and made when new, as one that
 * takes part; its plain members (record, time, outcome, verdict, …) may be set through
 * study_builder_host(), valid until the next call that adds a host.
 */
uint32_t study_builder_address(struct study_builder *b, const struct ip *ip);
struct study_host *study_builder_host(struct study_builder *b, uint32_t host);
/* The number, or STUDY_NONE when there is no such host. */
uint32_t study_builder_find(const struct study_builder *b, const struct ip *ip);
uint32_t study_builder_text(struct study_builder *b, const char *s, size_t len);
/* The AS of that number, or without one (0) of that name. */
uint32_t study_builder_as(struct study_builder *b, uint32_t asn, const char *name, size_t len);
/* The same with a text of the builder's. */
uint32_t study_builder_as_text(struct study_builder *b, uint32_t asn, uint32_t name);
/* A text by its number, NULL for none; until the next text is taken up. */
const char *study_builder_text_of(const struct study_builder *b, uint32_t text);
/* The key of that fingerprint. */
uint32_t study_builder_key(struct study_builder *b, const uint8_t fp[KEY_LEN], enum key_kind kind);
/* One more key that has no fingerprint. */
uint32_t study_builder_unnamed_key(struct study_builder *b, enum key_kind kind);
/* A key's plain members (type, bits, …) where they came without the key itself; until the next key. */
struct study_key *study_builder_key_facts(struct study_builder *b, uint32_t key);
/* The certificate with these members; key is its key's number. */
uint32_t study_builder_cert(struct study_builder *b, const struct study_cert *c);
/* A grab of that port (row of port_table) of which no more is known than its key. */
struct study_grab study_grab_plain(uint32_t host, uint8_t port, uint32_t key);
/* Everything but its place; grabs of a host may come in any order. */
void study_builder_grab(struct study_builder *b, const struct study_grab *g);
/* A name of a host, with a verdict that stands; names of a host come in their order. */
void study_builder_name(struct study_builder *b, uint32_t host, const struct study_name *n);
/* An answer that names may point to.  The arrays are copied; target texts by number. */
uint32_t study_builder_answer(struct study_builder *b, const struct study_answer *a,
    const struct ip *addresses, const uint32_t *targets);
/* Two hosts are in one cluster although no key of theirs says so (old files leave pairs out). */
void study_builder_join(struct study_builder *b, uint32_t host, uint32_t other);
/*
 * The cluster of this host has others that are left out; their keys follow, each with a
 * port (row of port_table) on which they show it.
 */
void study_builder_others(struct study_builder *b, uint32_t host, uint32_t hosts, uint32_t ases);
void study_builder_others_key(struct study_builder *b, uint32_t key, uint8_t port);
/* What the source tells: enum study_part.  Records tell all. */
void study_builder_parts(struct study_builder *b, unsigned parts);

/*
 * The study; b is freed.  With answers, which stay the caller's, each host of records is judged by
 * them; without, names keep the verdicts that they came with.  Keys and certificates that nobody shows are dropped;
 * clusters, ASes, uses, nrcs and timely follow from the rest.  NULL with errno set when the file of public
 * keys could not be written.
 */
struct study *study_builder_finish(struct study_builder *b, const struct answers *answers);

/*
 * Give the clusters of a study that nobody has seen yet the ids that they had
 * in its source, one each, all different; they are put in order of them.
 */
void study_cluster_ids(struct study *st, const uint32_t *ids);

#endif
