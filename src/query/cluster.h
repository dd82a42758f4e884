/* survey cluster: what its files share. */
#ifndef QUERY_CLUSTER_H
#define QUERY_CLUSTER_H

#include <stddef.h>
#include <stdint.h>

#include "survey/cuts.h"
#include "survey/explain.h"
#include "survey/finding.h"
#include "survey/hashtab.h"
#include "survey/impact.h"
#include "survey/jsonw.h"
#include "survey/print.h"
#include "survey/query.h"
#include "survey/strpool.h"
#include "survey/study.h"

#define NAMES_SHOWN 10 /* of a list in the text */

/* A thing counted by the hosts that have it. */
struct tally {
	const char *text; /* of the pool, or NULL */
	uint32_t number; /* AS or certificate */
	uint32_t hosts;
};

struct tallies {
	struct tally *v;
	size_t n, cap;
	struct hashtab table;
};

void tallies_init(struct tallies *t);
void tallies_fini(struct tallies *t);
/* The thing's place in v; a new one has no hosts.  After a sort nothing is found any more. */
size_t tallies_find(struct tallies *t, const char *text, uint32_t number);
void tallies_sort(struct tallies *t); /* most hosts first */

struct asking {
	const struct cluster_options *o;
	const struct study *st;
	struct buf *out;
	struct jsonw w;
	struct print csv;
	struct strpool texts;
	struct impact *impact; /* NULL: neither mail domains nor TLSA records are known */
	struct finding_index weak;
	/* Which ASes and certificates were met last in which count: see count_ases(). */
	uint32_t *as_met, *cert_met, count;
};

/* A key of a cluster on hosts of several ASes. */
struct bridge {
	uint32_t key;
	struct tallies ases;
};

/* What is told of a cluster, found once for every format. */
struct facts {
	const struct study_cluster *c;
	uint32_t number;
	struct tallies ases, countries, domains, certs, wildcard_names;
	struct cuts cuts;
	struct explanation may_be[NWHYS];
	unsigned nmay_be;
	bool smelly;
	uint32_t trusted, wildcards; /* hosts */
	uint32_t with_cert; /* hosts that show a certificate */
	uint32_t hub; /* host with the most partners */
	struct bridge *bridges; /* by number of ASes, the most first */
	size_t nbridges;
	bool knows_across; /* all hosts are here, and of each the AS is known */
	uint32_t across; /* hosts that share a key with a host of another AS, both known */
	double density; /* pairs that share a key, of all pairs */
};

void facts_find(struct asking *k, uint32_t cluster, struct facts *f);
void facts_fini(struct facts *f);
/* How many known ASes, and how many certificates, a key has. */
uint32_t count_ases(struct asking *k, uint32_t key);
uint32_t count_certs(struct asking *k, uint32_t key);
/* Hosts of a cluster whose TLSA records match none of their keys; in *mx one that they are of. */
uint32_t cluster_mismatches(const struct asking *k, const struct study_cluster *c, uint32_t *mx);
/* The registrable domains of a host's names, each once, at most max. */
size_t host_domains(struct asking *k, const struct study_host *h, const char **v, size_t max);
/* The ports of a key, as bits of rows. */
const char *key_kind(const struct study_key *k); /* "ssh", "tls", "ssh+tls" */
unsigned ports_of_key(const struct study *st, uint32_t key);

/*
 * Who changes what.  Whoever holds a shared key knows the secret of all others that
 * hold it, so all of its holders replace it.  A holder is the operator of hosts: an AS, or
 * with --by domain the first registrable domain of a host.
 */
struct task {
	uint32_t holder; /* in the plan */
	uint32_t key, place; /* in the study, among the cluster's shared keys */
	uint32_t *hosts;
	uint32_t n;
	size_t cap;
};

struct holder {
	const char *name;
	uint32_t hosts; /* that it has in the cluster */
	uint32_t domains; /* of their names */
	/* What it achieves alone: hosts of others that share nothing any more, and that still do. */
	uint32_t freed, left;
};

struct plan {
	struct task *v; /* those of pinned keys first, then by the holder's hosts, domains, name */
	size_t n, cap;
	struct holder *holders;
	uint32_t nholders;
	uint32_t
	    nobody; /* the holder of the hosts of which none is known; nholders: there is none */
	bool
	    more; /* operators that nobody knows: of such hosts, or of those that a copy leaves out */
	uint32_t keys; /* shared ones */
	uint32_t least; /* tasks that would do if one holder kept each key; not with more */
	uint32_t *of_key; /* by place: how many known holders the key has */
	bool *more_of_key; /* by place: and some that nobody knows */
	bool *pinned; /* by place: a TLSA record pins it */
};

void plan_make(struct asking *k, const struct study_cluster *c, struct plan *p);
void plan_fini(struct plan *p);
uint32_t plan_operators(const struct plan *p); /* that are known */

/* --- cluster_json.c --- */
void cluster_json(struct asking *k, const struct facts *f);

/* --- cluster_print.c --- */
void cluster_text(struct asking *k, const struct facts *f);
extern const struct print_column cluster_columns[], plan_columns[];
void cluster_csv(struct asking *k, const struct facts *f);
void plan_csv(struct asking *k, const struct facts *f);

#endif
