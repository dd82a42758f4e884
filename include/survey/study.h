/*
 * A study: what a survey found, in memory.
 *
 * Runs, hosts, what their ports showed, keys, certificates, names with their
 * verdicts, clusters and DNS answers: every writer, picture, table and query
 * starts from this.  It is built from records (struct study_builder), read
 * from survey.db (study_open()), imported from older files
 * (study_import()), or made from another study (study_transform()), and
 * never changes afterwards.
 *
 * Everything has a number: its place in an array.  Texts are numbers, too, so
 * that each stands once.  Sizes are proportional to hosts, keys and names,
 * never to pairs of hosts.
 *
 * Order.  Hosts: by their first records; in a copy by pseudonym.  Grabs: by
 * host, port, the plain one first, then by the name of the grab.  Names: by
 * host; the PTR name, then by port the banner, the DN, the SANs.  Keys and
 * certificates: by first appearance.  Clusters: by id.  Answers: by name and
 * type.
 */
/* Layer: study */
#ifndef SURVEY_STUDY_H
#define SURVEY_STUDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/host.h"
#include "survey/ip.h"
#include "survey/outcome.h"
#include "survey/port.h"
#include "survey/verdict.h"

struct buf;
struct finding_index;
struct findings;
struct mail;
struct public_key;

#define STUDY_NONE UINT32_MAX /* no number */
#define STUDY_NO_TEXT 0U /* the number of no text; its text is NULL */

/* What a study holds; a part that was not read, or that the source does not tell, is missing. */
enum study_part {
	STUDY_CLUSTERED = 1, /* hosts in clusters, their grabs and keys */
	STUDY_OTHERS = 2, /* all other hosts, also those that take no part */
	STUDY_FACTS = 4, /* versions, key types, certificates, … of grabs */
	STUDY_NAMES = 8, /* names with verdicts, and the answers that decided */
	STUDY_OUTCOMES = 16, /* how the ports without a key ended */
	STUDY_DNS = 32, /* answers that decided nothing, too */
	STUDY_FINDINGS = 64, /* weak keys */
	STUDY_MAIL = 128, /* mail domains */
	STUDY_ALL = 255
};

/* Copies that are given away: in one for an owner only some hosts stand, as they are. */
enum study_copy { STUDY_NO_COPY, STUDY_ANONYMISED, STUDY_OF_OWNER };

/* A run of numbers: at, at + 1, … at + n - 1. */
struct study_span {
	uint32_t at, n;
};

/* One collection.  Texts by number; times in seconds since 1970, or TIME_UNKNOWN. */
struct study_run {
	uint32_t name, program, source, countries, config_sha256, tools;
	int64_t began, ended, scan_date;
	uint64_t seed;
	uint32_t shard, shards; /* 0 of 0: unknown */
	uint32_t pairs_up_to; /* hosts of a cluster that list all their partners */
	uint64_t lines, refused;
};

struct study_host {
	struct ip ip; /* family IP_ALIAS: a pseudonym */
	char country[3]; /* "" unknown */
	uint8_t out; /* enum host_out; takes part with OUT_NONE */
	uint8_t verdict; /* enum host_verdict */
	bool as_own; /* the AS came with the record */
	uint8_t outcome[NPORTS]; /* enum port_outcome */
	uint32_t run;
	uint32_t as; /* number in ases */
	uint32_t as_name; /* text: as this host's source spells it */
	uint32_t writer; /* text */
	uint32_t rdns; /* text: the PTR name that counts */
	uint32_t ptr; /* answer, or STUDY_NONE */
	uint32_t cluster; /* number in clusters, or STUDY_NONE */
	uint32_t nrcs; /* hosts that it shares a key with on the study's ports */
	struct study_span grabs, names;
	uint64_t record; /* number of its first line, from 0 */
	int64_t time; /* when its grab ended, or TIME_UNKNOWN */
};

/* A key on a port of a host, with what was seen beside it. */
struct study_grab {
	uint32_t host, key;
	uint32_t cert; /* or STUDY_NONE */
	uint32_t grab; /* text: which of the port's grabs; no text for the plain one */
	uint32_t alg, curve, version, software, kex; /* texts, as in struct host_grab */
	int32_t bits, cipher; /* -1 unknown */
	int64_t at; /* TIME_UNKNOWN */
	uint8_t port; /* row of port_table */
	uint8_t kind; /* enum key_kind */
	uint8_t trusted, timely; /* enum fact; of this chain, at this time */
	uint8_t sha1_only; /* enum fact, as in struct host_grab */
};

struct study_key {
	uint8_t fp[KEY_LEN];
	bool named; /* false: an old file told only that hosts share something; fp is zero */
	uint8_t kind; /* enum key_kind of its first appearance */
	bool ssh, tls; /* where it was seen, by hosts that take part */
	uint8_t public_key; /* enum public_key_result */
	uint8_t type; /* enum public_key_type, when the public key is there */
	uint32_t bits; /* of the public key; 0 unknown */
	uint32_t curve; /* text */
	uint32_t nhosts; /* that take part and show it */
	bool of_others; /* hosts that a copy leaves out show it, too */
	struct study_span uses; /* in uses, of hosts that take part */
	uint64_t public_at; /* private to the source of public keys */
};

struct study_cert {
	uint8_t sha256[32];
	bool has_sha256;
	uint8_t self_signed; /* enum fact */
	uint32_t key;
	uint32_t serial, subject, issuer; /* texts */
	int64_t not_before, not_after;
};

/* NAME_BANNER, NAME_DN, NAME_SAN of host.h, and this for a PTR name. */
#define NAME_RDNS 3
/* A verdict beside those of enum name_verdict: the name is none to look up. */
#define NAME_NOT_LOOKED_UP NAME_NVERDICTS

struct study_name {
	uint32_t text; /* as it was given; no text for a DN without CN */
	uint32_t answer; /* the one that decided, or STUDY_NONE */
	uint16_t san; /* number of the SAN */
	uint8_t source; /* enum name_source or NAME_RDNS */
	uint8_t port; /* row of port_table; 0 for NAME_RDNS */
	uint8_t verdict; /* enum name_verdict or NAME_NOT_LOOKED_UP */
};

/* A key on a port of a host that takes part; each once. */
struct study_use {
	uint32_t key, host;
	uint8_t port; /* row of port_table */
};

struct study_cluster {
	uint32_t id;
	uint32_t nshared; /* keys that study_key_shared() */
	uint32_t nases; /* that are known, those of others included */
	uint32_t nin_no_as; /* hosts, others included, of which no AS is known */
	uint32_t nothers; /* hosts that a copy leaves out: see struct study_others */
	struct study_span hosts; /* in members */
	struct study_span keys; /* in cluster_keys */
};

/*
 * In a copy for the owner of some hosts: what a cluster has beside those that are in the
 * study.  Such a cluster may have one host.
 */
struct study_others {
	uint32_t host; /* one of the cluster's */
	uint32_t cluster;
	uint32_t hosts, ases;
	struct study_span keys; /* in others_keys */
};

/* A key of the study that the others show, and a port on which they do. */
struct study_others_key {
	uint32_t key;
	uint8_t port; /* row of port_table */
};

struct study_as {
	uint32_t asn; /* 0 unknown */
	uint32_t name; /* text, as its first host has it; hostile */
	uint32_t nhosts, nclustered; /* that take part */
};

/* What DNS said (struct answer, answers.h), with its texts by number. */
struct study_answer {
	uint32_t name; /* text */
	uint8_t type, outcome;
	int64_t at;
	uint32_t ms;
	struct study_span addresses; /* in addresses, lowest first */
	struct study_span targets; /* in targets, texts, sorted */
};

struct study {
	unsigned parts; /* enum study_part: what is there */
	enum study_copy copy; /* of what study_open() has read */
	uint64_t bad; /* entries of the source that were left out */
	uint64_t odd_keys; /* fingerprints of the source that are none */

	struct study_run *runs;
	struct study_host *hosts;
	struct study_grab *grabs;
	struct study_key *keys;
	struct study_cert *certs;
	struct study_name *names;
	struct study_as *ases;
	struct study_cluster *clusters;
	struct study_answer *answers;
	struct study_others *others; /* by cluster; at most one of each */
	uint32_t nruns, nhosts, ngrabs, nkeys, ncerts, nnames, nases, nclusters, nanswers, nothers;

	struct study_use *uses; /* by key, host, port */
	uint32_t *members; /* hosts by cluster, ascending in each */
	uint32_t *place; /* by host: where in members, or STUDY_NONE */
	/* keys by cluster: shared ones first, then by falling number of hosts, first host, number */
	uint32_t *cluster_keys;
	struct study_others_key *others_keys;
	uint32_t nuses, nmembers, ncluster_keys, nothers_keys;

	/*
	 * Only in what study_stand_ins() makes: the last hosts stand in for others[0], [1], …
	 * in its pictures.
	 */
	uint32_t nstand_ins;

	struct ip *addresses; /* of answers */
	uint32_t *targets;
	uint32_t naddresses, ntargets;

	char *texts; /* NUL-terminated, each at a multiple of STUDY_TEXT_STEP */
	size_t ntexts; /* bytes */

	struct findings *findings; /* weak keys; NULL: nobody has looked, or the part is missing */

	/* Mail domains, TLSA records (impact.h); NULL: none is known, or the part is missing. */
	struct mail *mail;

	/*
	 * Public keys stay on the disk.  Reads one that keys[key].public_key
	 * says is there; its bytes are in scratch.  Returns 0, or -1 with errno
	 * set.  NULL where the source has none.
	 */
	int (*public_get)(
	    const struct study *, uint32_t key, struct public_key *, struct buf *scratch);
	void (*public_close)(struct study *);
	void *public_source;
};

#define STUDY_TEXT_STEP 8

/* Do several hosts show the key, those that a copy leaves out included? */
static inline bool
study_key_shared(const struct study_key *k)
{
	return k->nhosts > 1 || k->of_others;
}

/* Hosts whose AS nobody told have one of no number and no name. */
static inline bool
study_as_known(const struct study *st, uint32_t as)
{
	return st->ases[as].asn != 0 || st->ases[as].name != STUDY_NO_TEXT;
}

/* The text of that number, NULL for STUDY_NO_TEXT. */
static inline const char *
study_text(const struct study *st, uint32_t text)
{
	return text == STUDY_NO_TEXT ? NULL : st->texts + (size_t)text * STUDY_TEXT_STEP;
}

/* The same with "" for no text. */
static inline const char *
study_text_or_empty(const struct study *st, uint32_t text)
{
	return text == STUDY_NO_TEXT ? "" : st->texts + (size_t)text * STUDY_TEXT_STEP;
}

/* Is this grab the one that its port is shown by: the first of the port? */
static inline bool
study_first_of_port(const struct study *st, uint32_t grab)
{
	const struct study_grab *g = &st->grabs[grab];

	return st->hosts[g->host].grabs.at == grab || g[-1].port != g->port;
}

/* Does a grab before this one show the same key on the same port? */
static inline bool
study_key_again(const struct study *st, uint32_t grab)
{
	const struct study_grab *g = &st->grabs[grab];

	for (uint32_t i = grab;
	     i-- > st->hosts[g->host].grabs.at && st->grabs[i].port == g->port;) {
		if (st->grabs[i].key == g->key)
			return true;
	}
	return false;
}

/* What that host stands in for, or NULL. */
static inline const struct study_others *
study_stands_for(const struct study *st, uint32_t host)
{
	return host < st->nhosts - st->nstand_ins
		   ? NULL
		   : &st->others[host - (st->nhosts - st->nstand_ins)];
}

/* The i-th host of a cluster, and its i-th key. */
static inline uint32_t
study_member(const struct study *st, const struct study_cluster *c, uint32_t i)
{
	return st->members[c->hosts.at + i];
}

static inline uint32_t
study_cluster_key(const struct study *st, const struct study_cluster *c, uint32_t i)
{
	return st->cluster_keys[c->keys.at + i];
}

/*
 * Open a finished study for reading: a run directory, an `analyze -o`
 * directory, a copy, a survey.db, or a lone collisions.json (the latter, and
 * directories without a survey.db of this schema, through the importer).
 * parts: what is wanted, enum study_part; more may come.  cluster: only this
 * id's hosts and keys, 0 for all.  Returns NULL after a message.
 */
struct study *study_open(const char *path, unsigned parts, uint32_t cluster);
void study_free(struct study *);
/* The cluster of that id, or STUDY_NONE. */
uint32_t study_find_cluster(const struct study *, uint32_t id);
/* Is any host in the AS? */
bool study_has_as(const struct study *, uint32_t asn);
/* "rdns", "banner", "p25dn", "p443san7": the name's key in a nameset. */
const char *study_name_key(const struct study_name *, char key[static HOST_KEY_SIZE]);
/* The reverse: source, port and san of n.  False when key is none. */
bool study_name_key_parse(const char *key, size_t len, struct study_name *n);
/* The lowest address that a bad name has instead of the host's, or NULL. */
const struct ip *study_name_address(const struct study *, const struct study_name *);
/* No name of the host has an address and none is unknown; true without names. */
bool study_all_bad(const struct study *, const struct study_host *);
/* Of a name: "good", "bad", "nxdomain", "unknown"; "none" for NAME_NOT_LOOKED_UP. */
const char *study_name_verdict(uint8_t verdict);
/*
 * Append what speaks for a finding: a sentence, and the fingerprints of the
 * first partners.  number: of it in st->findings.
 */
void study_evidence(const struct study *st, size_t number, struct buf *out);
/*
 * Append what is wrong with a key, the worst first: "shared-prime (critical), short (medium)".
 * Returns the worst severity (enum finding_severity), or -1 for a key without findings.
 */
int study_weakness(
    const struct study *st, const struct finding_index *x, uint32_t key, struct buf *out);
/* A number that tells whether two clusters are of the same hosts, ASes and keys. */
uint64_t study_cluster_digest(const struct study *, uint32_t cluster);

#endif
