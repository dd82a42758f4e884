/* The tables of figures, and what they are counted with. */
#ifndef REPORT_STATS_TABLES_H
#define REPORT_STATS_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "survey/hashtab.h"
#include "survey/study.h"

#include "runinfo.h"
#include "table.h"

/* Things are counted in a cluster and outside; outside is unknown when only clusters were read. */
struct split {
	uint64_t in, out;
};
extern const char *const stats_columns[];
/* Counts in s a thing of that host. */
void split_count(struct split *s, const struct study *, uint32_t host);
void split_row(
    struct table *, const struct study *, const char *label, const struct split *, bool alarm);

/* Counts by label. */
struct tally {
	struct label *v;
	size_t n, cap;
	struct hashtab index;
};
void tally_init(struct tally *);
void tally(struct tally *, const struct study *, const char *label, uint32_t host, bool alarm);
/*
 * Adds the rows and frees the tally.  Largest first.  Hosts choose the labels, but unless all are
 * wanted not how many are shown.
 */
void tally_rows(struct tally *, struct table *to, const struct study *, bool all);

bool stats_has_outside(const struct study *);
/*
 * The grabs that ports are shown by, of hosts that take part: one after the other from grab 0 on.
 * Is there one from *grab on?
 */
bool stats_next_port(const struct study *, uint32_t *grab);
bool stats_is_ssh(const struct study_grab *);
/* Does the port of this grab show a key that another host shows, too? */
bool stats_port_is_reused(const struct study *, uint32_t grab);

/* On how many hosts a key stands on each port. */
struct key_ports {
	uint32_t hosts[NPORTS];
	uint32_t only_host[NPORTS]; /* a host of it: the only one where hosts is 1 */
};
void stats_count_key_ports(struct key_ports *, const struct study *, const struct study_key *);

/* Wildcard names of the certificate of a port, as we and as the studies' scripts count them. */
struct wildcards {
	bool ours; /* a name begins with "*." */
	bool studies; /* browsers trust it, it has a DN, and a "*" is in its DN's or a SAN's name */
};
struct wildcards stats_wildcards(const struct study *, const struct study_grab *);

/* Each adds its table. */
void stats_ports(struct tables *, const struct study *, const struct runinfo *);
void stats_versions(struct tables *, const struct study *, bool all);
void stats_software(struct tables *, const struct study *, bool all);
void stats_key_types(struct tables *, const struct study *, bool all);
void stats_suites(struct tables *, const struct study *, bool all);
void stats_certificates(struct tables *, const struct study *);
void stats_names(struct tables *, const struct study *);
void stats_sizes(struct tables *, const struct study *);
void stats_one_host(struct tables *, const struct study *);
void stats_port_by_port(struct tables *, const struct study *);
void stats_top_ases(struct tables *, const struct study *, bool all);
void stats_top_clusters(struct tables *, const struct study *, bool all);
void stats_top_keys(struct tables *, const struct study *, bool all);
void stats_weak_keys(struct tables *, const struct study *);
void stats_weak_checks(struct tables *, const struct study *);

#endif
