/* What `survey notify` tells whom: shared by its files. */
#ifndef QUERY_NOTIFY_H
#define QUERY_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/hashtab.h"
#include "survey/impact.h"
#include "survey/ip.h"
#include "survey/newdir.h"
#include "survey/query.h"
#include "survey/match.h"
#include "survey/study.h"

#include "contacts.h"
#include "notify_words.h"

struct json_object;
struct template;

/* Against the run of --since. */
enum notice_status {
	NOTICE_NEW,
	NOTICE_CHANGED, /* another key was shared or weak there */
	NOTICE_OPEN,
	NOTICE_NSTATUS
};

extern const char *const notice_status_words[NOTICE_NSTATUS];

/* A key on a port that concerns its owner: other hosts have it, too, or it is weak. */
struct notice_key {
	uint32_t grab, key;
	uint32_t finding; /* the worst one, or STUDY_NONE */
	uint8_t severity; /* enum finding_severity */
	uint8_t status; /* enum notice_status */
	int64_t first, last; /* seen there, or TIME_UNKNOWN */
};

/* A port of a host with such keys. */
struct notice {
	uint32_t host;
	uint32_t main; /* in keys: the worst one */
	struct study_span keys;
	uint8_t port; /* row of port_table */
	uint8_t severity, status;
};

/* What became of a host of --since with such keys that has none of them now. */
enum aftermath { AFTER_OPEN, AFTER_REPAIRED, AFTER_SILENT };

struct notices {
	const struct study *st;
	const struct study *before; /* of --since, or NULL */
	struct match m; /* before is a, st is b */
	struct notice *v; /* by host, port */
	struct notice_key *keys;
	uint32_t n, nkeys;
	struct study_span *of_host; /* by host of st: in v */
	uint32_t *worst; /* by key: its worst finding, or STUDY_NONE */
	uint32_t *next_finding; /* by finding: the next one of its key, or STUDY_NONE */
	uint8_t *aftermath; /* by host of before: enum aftermath */
	uint32_t *operators; /* by key: ASes that have hosts with it; unknown ones are one */
	uint32_t *cluster_operators; /* likewise by cluster */
};

void notices_find(struct notices *n, const struct study *st, const struct study *before);
void notices_fini(struct notices *n);

/* Those who are told together. */
enum constituency_kind { BY_AS, BY_NETWORKS, BY_DOMAIN };

struct address_list {
	struct ip *v;
	size_t n, cap;
};

struct constituency {
	enum constituency_kind kind;
	uint32_t asn; /* BY_AS; 0: unknown */
	char *name; /* "AS64500", "no-as", "networks", "*.example.ie" */
	char *folder; /* safe as a name of a directory */
	uint32_t *hosts; /* with notices, ascending */
	size_t nhosts, cap;
	uint32_t *
	    apart; /* own hosts that have opted out: nobody is told of them, but they are not others' */
	size_t napart, cap_apart;
	struct address_list repaired, silent; /* since the run of --since */
	/* Known once it is written. */
	char *mails;
	uint32_t rows, nkeys, nclusters;
	uint32_t severities[4], statuses[NOTICE_NSTATUS]; /* rows; by enum finding_severity */
};

/* One constituency as it is written: what is its own, and what is others'. */
struct share {
	uint32_t own_hosts, other_hosts, other_operators;
};

struct view {
	const struct notices *n;
	struct constituency *c;
	bool *own; /* by host */
	uint32_t *keys; /* own ones that concern it, in order of appearance */
	uint32_t nkeys;
	uint32_t *clusters; /* that own hosts are in, ascending */
	uint32_t nclusters;
	uint32_t *own_of_key, *own_of_cluster; /* hosts */
	uint32_t *others_of_key; /* operators of hosts that are not own */
	uint32_t *last_host; /* by key: the own host that was counted last, plus one */
	uint32_t *stamp; /* by AS: counted in this turn */
	uint32_t stamped;
	size_t cap_keys, cap_clusters;
};

void view_init(struct view *v, const struct notices *n);
void view_fini(struct view *v);
/* Turn to a constituency. */
void view_of(struct view *v, struct constituency *c);
struct share view_key(const struct view *v, uint32_t key); /* an own key */
struct share view_cluster(struct view *v, uint32_t cluster);

/* What all constituencies have in common. */
struct notifying {
	const struct notify_options *o;
	struct notices n;
	struct impact *impact; /* NULL: neither mail domains nor TLSA records are known */
	struct view view;
	struct contacts contacts;
	struct constituency *v;
	size_t nv, cap;
	struct hashtab by_as;
	struct ipset networks;
	struct ipset opt_outs;
	size_t nleft_alone; /* hosts that have opted out */
	char *run; /* its name */
	int64_t began; /* when its first host was grabbed, or TIME_UNKNOWN */
	int64_t ended; /* and its last */
	int64_t since; /* when the last host of --since was grabbed */
	struct template *text, *html;
	struct notify_words words;
	uint32_t *key_place; /* by key: notify_sections()'s, or NULL */
};

/* In the output directory: who was told of which hosts; `survey recheck --since-notify` reads it. */
#define NOTIFY_MARKER "notify.json"

/*
 * Read the opt-outs, find those to be told and their hosts.  Returns 0, or an exit_status after a
 * message.
 */
int notify_constituencies(struct notifying *x);
void notify_free_constituencies(struct notifying *x);

/* index.csv, and the marker.  Each returns 0, or -1 after a message. */
int notify_index(struct notifying *x);
int notify_marker(const struct notifying *x, int64_t now);
/* The run directory's notes of who was told when: a descriptor, or -1 after a message. */
int notify_open_notes(const char *dir);
/* Add a line for each constituency.  Returns 0, or -1 after a message. */
int notify_note(struct notifying *x, int fd, int64_t now);

/* Is it port 25 of a host whose TLSA records pin none of the keys that were seen there? */
bool notify_mismatch(const struct notifying *x, const struct notice *row);
/* Domains whose mail goes to the constituency's hosts that are told of, each once; 0: unknown, too. */
uint32_t notify_domains(struct notifying *x, const struct constituency *c);
/* Of a host: the mail addresses of its owner, or NULL. */
const char *notify_mails(const struct notifying *x, uint32_t host);
/* "ssh", "smtp", "imaps", …, as IntelMQ has them; and "SSH", "SMTP" for people. */
const char *notify_application(uint8_t port);
const char *notify_service(uint8_t port);
/* The host's PTR name when it is a valid one, or "". */
const char *notify_name(const struct study *st, uint32_t host, char out[static 254]);
/* "RSA 2048", "ssh-ed25519": appended. */
void notify_key_type(const struct study *st, const struct study_grab *g, struct buf *out);
/* As ssh-keygen(1) and openssl(1) print it. */
void notify_fingerprint(const struct study *st, const struct study_grab *g, struct buf *out);

/* Each writes into the folder of the view's constituency.  Returns 0, or -1 after a message. */
int notify_events(struct notifying *x);
int notify_letters(struct notifying *x);
int notify_pictures(struct notifying *x);

/* Parts of a letter: one section without --since, else one for each status that occurs; with by_host also by host. */
struct json_object *notify_sections(struct notifying *x, bool by_host);
/* The kinds of findings in the constituency's keys, each once, the worst first. */
struct json_object *notify_weak_list(const struct notifying *x);

/* The config of IntelMQ's parser_csv for events.csv. */
void notify_intelmq_config(struct buf *out);

/* The fields that letters may have; ends with NULL. */
extern const char *const notify_fields[];
/* Read letters and words of o->lang.  Returns 0, or an exit_status after a message. */
int notify_templates(struct notifying *x);

#endif
