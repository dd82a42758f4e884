/*
 * A finished run in memory: hosts, keys, clusters and what is known of them.
 *
 * The drawings, the report and the statistics all start from this.  It is
 * read from the files of a run directory or from a lone collisions.json and
 * never changes afterwards.  Sizes are proportional to hosts and keys: pairs
 * of hosts are never stored.
 *
 * Order: clusters by id; hosts by cluster, those in no cluster last, then by
 * record number; keys by cluster and then by falling number of hosts.  Hosts
 * and keys of one cluster are thus a range each.
 */
/* Layer: study */
#ifndef SURVEY_STUDY_H
#define SURVEY_STUDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STUDY_NONE UINT32_MAX /* no index */

enum study_verdict {
	STUDY_GOOD,
	STUDY_BAD,
	STUDY_UNKNOWN,
	STUDY_NXDOMAIN,
	STUDY_NO_NAME,
	STUDY_NVERDICTS
};

struct study_as {
	uint32_t asn; /* 0: AS unknown */
	const char *name; /* as delivered: hostile; "" unknown */
	uint32_t nhosts; /* hosts with keys */
	uint32_t nclustered; /* those in a cluster */
};

struct study_name {
	const char *key; /* rdns, banner, p25dn, p443san3 … */
	const char *name;
	const char *address; /* the address a bad name has, or NULL */
	uint8_t verdict; /* enum study_verdict */
};

enum study_tri { STUDY_NO, STUDY_YES, STUDY_ABSENT };

/* What one port of a host showed. */
struct study_port {
	uint16_t port;
	uint16_t cipher; /* TLS suite, 0 unknown */
	uint32_t bits; /* RSA length, 0 unknown */
	const char *alg; /* curve or algorithm where not RSA, or NULL */
	const char *version; /* "TLSv1.2", "SSH-2.0", or NULL */
	const char *software; /* as the server names itself, or NULL */
	uint8_t trusted, self_signed, timely; /* enum study_tri */
};

struct study_host {
	const char *ip;
	uint32_t record; /* line in records.fresh, from 0 */
	uint32_t as; /* index of ases */
	uint32_t cluster; /* index of clusters, or STUDY_NONE */
	uint32_t use0, nuse; /* range of by_host */
	uint32_t name0, nnames; /* range of names */
	uint32_t port0, nports; /* range of ports */
	uint8_t verdict; /* enum study_verdict */
	bool has_verdict;
};

/* One key on one port of one host. */
struct study_use {
	uint32_t host;
	uint32_t key;
	uint16_t port;
};

struct study_key {
	const char *fp; /* hex, or "" where the file tells only that hosts share */
	uint32_t use0, nuse; /* range of uses, by host and then port */
	uint32_t nhosts;
	bool ssh; /* seen on port 22 */
	bool tls; /* seen on another port */
};

struct study_cluster {
	uint32_t id;
	uint32_t host0, nhosts;
	uint32_t key0, nkeys; /* every key of its hosts */
	uint32_t nshared; /* keys of two or more hosts; they come first */
	uint32_t nas;
};

/* What was found; the rest is said to be missing. */
struct study_found {
	bool clusters; /* clusters.json */
	bool collisions; /* collisions.json was the source */
	bool all_keys; /* all-key-fingerprints.json: hosts outside clusters too */
	bool facts; /* facts per port */
	bool versions; /* protocol versions and software */
	bool verdicts; /* verdicts.ndjson */
};

struct study {
	struct study_as *ases;
	struct study_host *hosts;
	struct study_key *keys;
	struct study_use *uses; /* by key, host, port */
	uint32_t *by_host; /* indices of uses, by host, port, key */
	struct study_name *names;
	struct study_port *ports;
	struct study_cluster *clusters;
	uint32_t nases, nhosts, nkeys, nuses, nnames, nports;
	uint32_t nclusters;
	struct study_found found;
	uint64_t bad; /* entries of the files left out */
	struct study_store *store; /* texts and building aids */
};

/* Building.  Texts are copied.  The order of calls does not matter. */
struct study *study_new(void);
void study_free(struct study *);
/* Index of the host of that address, made when new. */
uint32_t study_host(struct study *, const char *ip, size_t len);
uint32_t study_find_host(const struct study *, const char *ip, size_t len);
uint32_t study_as(struct study *, uint32_t asn, const char *name, size_t len);
void study_use(struct study *, uint32_t host, uint16_t port, const char *fp, size_t len);
/* The hosts are in the cluster of this number. */
void study_cluster(struct study *, uint32_t id, uint32_t host);
const char *study_text(struct study *, const char *s, size_t len);
struct study_name *study_add_name(struct study *, uint32_t host);
struct study_port *study_add_port(struct study *, uint32_t host, uint16_t port);
/* A finished study's facts of a host's port, or NULL. */
struct study_port *study_find_port(struct study *, uint32_t host, uint16_t port);
/* Put all in the order stated above.  Nothing may be added afterwards. */
void study_finish(struct study *);

/*
 * Read path: a run directory, the -o directory of analyze, or a collisions
 * file.  Returns NULL when there is nothing to read, and has said why.
 */
enum study_want { STUDY_CLUSTERS, STUDY_EVERYTHING };
struct study *study_load(const char *path, enum study_want);

const char *study_verdict_name(enum study_verdict);

/* A number that tells whether two clusters are of the same hosts, ASes and keys. */
uint64_t study_cluster_digest(const struct study *, uint32_t cluster);

#endif
