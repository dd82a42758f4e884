/* Questions put to finished studies; each is a file of its own in src/query. */
/* Layer: query */
#ifndef SURVEY_QUERY_H
#define SURVEY_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/print.h"

struct buf;
struct ip;
struct newdir;
struct outside;
struct resolver;
struct sqlite3;

/*
 * Runs that commands name: a run directory, an `analyze -o` directory, a
 * copy, a survey.db, a collisions.json, or a directory of run directories, which
 * stands for all finished ones, in order of time.
 */
struct query_run {
	char *path;
	char *name; /* for people: the path's last part */
	/*
	 * When what it tells was so: the run's begin, else the scan date, the first grab, the
	 * time of run.json; or TIME_UNKNOWN.
	 */
	int64_t began;
};

struct query_runs {
	struct query_run *v;
	size_t n, cap;
};

/* Returns 0, or -1 after a message. */
int query_runs_add(struct query_runs *r, const char *path);
/* Put all in order of time, if the time of each is known. */
void query_runs_sort(struct query_runs *r);
void query_runs_fini(struct query_runs *r);
/*
 * The study's tables for SQL, read only; from memory where it has no survey.db.  *lacks is
 * which hosts it tells where it does not tell all, a constant text, or NULL.  NULL after a message.
 */
struct sqlite3 *query_open(const char *path, const char **lacks);

/*
 * find: addresses, networks, names, keys, certificates, ASes and clusters.
 * Returns 0, 1 when no query has a row, 2 after a message about a query.
 */
struct find_options {
	const struct query_runs *runs;
	const char *const *queries;
	size_t nqueries;
	enum print_format format;
	bool colour;
};
int query_find(const struct find_options *o, struct buf *out);

/*
 * cluster: what a cluster is, what holds it together, what it may be and what repairs
 * it.  ids NULL: all clusters.  Returns 0, or 2 after a message (an unknown cluster), 1 for
 * other failures.
 */
struct cluster_options {
	const char *path;
	const uint32_t *ids;
	size_t nids;
	bool repair;
	bool by_domain; /* the plan goes by registrable domain, not by AS */
	enum print_format format;
	bool colour;
};
int query_cluster(const struct cluster_options *o, struct buf *out);

/*
 * compare: what changed from one run to the next, by address and by key.
 * Returns 0, 3 when anything changed and o->changed asks for it, 1 after a message.
 */
struct compare_options {
	const struct query_runs *runs; /* two or more; consecutive pairs are compared */
	bool across; /* countries side by side: what stands in more than one of them */
	bool quiet, changed;
	const char *output; /* a directory for compare.json, tables, a page; or NULL */
	enum print_format format;
	bool colour;
};
int query_compare(const struct compare_options *o, struct buf *out);

/*
 * export: the study in formats that others expect.  Exactly one of studies, csv and graphml is
 * given.  Returns 0, 2 after a message about what was asked for, 1 after other failures.
 */
struct export_options {
	const char *path;
	const char *studies; /* a directory in which the published studies' scripts run */
	const char *csv; /* a directory of tables, or "-" with table */
	const char *table; /* only this one */
	bool graphml; /* hosts and keys as a graph, into out */
	const uint32_t *clusters; /* only hosts of these */
	size_t nclusters;
	const uint32_t *asns; /* only hosts of these ASes */
	size_t nasns;
};
int query_export(const struct export_options *o, struct buf *out);
/* The tables of --csv; ends with NULL. */
extern const char *const export_tables[];

/*
 * notify: letters, tables and pictures for the owners of hosts with shared or weak keys, a
 * folder for each constituency.  Returns an exit_status.
 */
struct notify_options {
	const char *path; /* a run's directory */
	struct newdir *out; /* notify_begin() */
	const uint32_t *asns; /* only these; NULL: all */
	size_t nasns;
	const char *networks; /* a list of networks that are one constituency; or NULL */
	const char *const *domains; /* patterns of names, a constituency each */
	size_t ndomains;
	const char *since; /* an earlier run, or NULL */
	const char *contacts; /* a file, or NULL */
	const char *lang; /* of the letters */
	const char *templates; /* a directory with letter.LANG.txt and letter.LANG.html, or NULL */
	const char *reply_to, *opt_out; /* for the letters, or NULL */
	const char *opt_outs; /* a list of hosts whose owners are told nothing, or NULL */
	bool shadowserver; /* events with the columns of its reports */
	bool draft; /* do not note in the run's directory that they were told */
};
int query_notify(const struct notify_options *o);
/*
 * Begin the directory that query_notify() fills; one of an earlier notify is replaced.  Returns
 * 0, or -1 after a message; newdir_fini() in either case.
 */
int notify_begin(struct newdir *d, const char *output);
/* Is it one plain mail address, as headers and tables can take it? */
bool query_is_mail(const char *s);

/*
 * impact: how many domains' mail hangs on each key and cluster.  Returns an exit_status.
 */
struct impact_options {
	const char *path; /* a run's directory */
	const char *shown; /* what the list is called */
	int list; /* descriptor of a list of domains, or -1: those of the directory */
	struct resolver *resolver; /* taken */
	const struct outside *outside; /* or NULL */
	const char *stats; /* file for totals of the questions as JSON, or NULL */
	enum print_format format;
	bool colour;
};
int query_impact(const struct impact_options *o, struct buf *out);

/*
 * recheck: the hosts of clusters, of ASes, or of whom notify has told, grabbed again, and what
 * has become of their keys.
 */
struct recheck_options {
	const char *path; /* a run's directory */
	const uint32_t *clusters, *asns;
	size_t nclusters, nasns;
	const char *notify; /* a directory of notify, or NULL */
	const char *result; /* a directory for it, which may be there; or NULL */
	bool again; /* also those that were asked within a day */
	enum print_format format;
	bool colour;
};

struct recheck_hosts {
	struct ip *v;
	size_t n, cap;
	uint32_t recent; /* left out: asked within a day */
};

/*
 * Who is to be asked, with those whom an unfinished recheck in o->result has asked: it tells of them, too, and
 * asks them no more.  Returns 0, or an exit_status after a message.  Free hosts->v.
 */
int recheck_choose(const struct recheck_options *o, struct recheck_hosts *hosts);
/*
 * Note in the run's directory whom the result has asked since a time, and where the result is.  Returns 0, or
 * -1 after a message.
 */
int recheck_note(const struct recheck_options *o, int64_t since);
/*
 * What has become of their keys, as the run in the directory now found it.  Returns 0, 3 when
 * something is still open, 1 after a message.
 */
int recheck_tell(const struct recheck_options *o, const struct recheck_hosts *hosts,
    const char *now, struct buf *out);

#endif
