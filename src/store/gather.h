/*
 * What older files tell of a study, host by host, before a study is made of
 * it: several files say something of one host, and in any order.
 */
#ifndef STORE_GATHER_H
#define STORE_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/hashtab.h"
#include "survey/study_builder.h"

/* A port of a host. */
struct slot {
	uint32_t key; /* the one that fprints names: builder's number, or STUDY_NONE */
	uint32_t facts; /* place in facts, or STUDY_NONE */
	bool odd; /* fprints has a text there that is no fingerprint */
};

/* What is said of the first grab of a port. */
struct facts {
	uint32_t alg, curve, version, software; /* texts */
	int32_t bits, cipher;
	uint8_t trusted, self_signed, timely;
};

struct host_entry {
	struct ip ip;
	uint64_t record;
	uint32_t as; /* builder's number, STUDY_NONE: not told */
	uint32_t as_name, writer; /* texts */
	uint32_t id; /* of its cluster in clusters.json; 0 none */
	uint32_t first_name, last_name, nnames; /* list through names */
	uint8_t verdict;
	bool has_verdict;
};

struct name_entry {
	struct study_name name;
	struct ip address; /* that it has instead; family 0: not told */
	int64_t seen;
	uint32_t next;
};

/* A key on a port of a host, as clusters.json has it, or one that has no fingerprint. */
struct use_entry {
	uint32_t host, key;
	uint8_t port;
};

/* The first host whose pairs were cut of a cluster number. */
struct cut_entry {
	uint64_t number;
	uint32_t host;
};

struct gather {
	struct study_builder *b;
	struct hashtab ips, numbers;
	struct host_entry *hosts;
	uint32_t *parent; /* by host: union-find of those in one cluster, whatever their keys say */
	struct slot *slots; /* NPORTS a host */
	struct facts *facts;
	struct name_entry *names;
	struct use_entry *uses;
	struct cut_entry *cut;
	uint32_t nhosts, nfacts, nnames, nuses, ncut;
	size_t cap_hosts, cap_parent, cap_slots, cap_facts, cap_names, cap_uses, cap_cut;
	uint32_t *links; /* by slot: union-find of those linked by a key without a fingerprint */
	bool any_facts, any_names, all_hosts;
	bool torn; /* a text was not whole */
	bool any_pairs,
	    any_clusters; /* collisions.json and its like: a partner; a cluster's number */
	uint64_t bad, odd_keys;
};

struct gather *gather_new(void);
void gather_free(struct gather *);
/* Make the study; nothing can be gathered any more. */
struct study *gather_finish(struct gather *);

/* The host of that address text, made when new; STUDY_NONE, and counted, when it is none. */
uint32_t gather_host(struct gather *, const char *ip, size_t len);
/* The same, STUDY_NONE when it is none or not known. */
uint32_t gather_known_host(const struct gather *, const char *ip, size_t len);
/* The first AS that is told of a host counts. */
void gather_as(struct gather *, uint32_t host, uint32_t asn, const char *name, size_t len);
/* The hosts are in one cluster. */
void gather_join(struct gather *, uint32_t host, uint32_t other);
void gather_use(struct gather *, uint32_t host, int row, uint32_t key);
struct slot *gather_slot(struct gather *, uint32_t host, int row);
struct facts *gather_facts(struct gather *, uint32_t host, int row);
/* The name under the same key, or NULL. */
struct name_entry *gather_find_name(
    const struct gather *, uint32_t host, const struct study_name *key);
/* One more name; NULL, and counted, when the host has too many. */
struct name_entry *gather_name(struct gather *, uint32_t host, const struct study_name *name);

/* import_json.c: take up the text of a file. */
void gather_clusters(struct gather *, const char *text, size_t len);
/* Hosts, pairs, keys, facts and names of collisions.json; the pairs make clusters. */
void gather_collisions(struct gather *, const char *text, size_t len);
/* Hosts, keys, facts and names of all-key-fingerprints.json. */
void gather_hosts(struct gather *, const char *text, size_t len);
/* After the hosts are known. */
void gather_verdicts(struct gather *, const char *text, size_t len);

#endif
