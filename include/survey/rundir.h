/*
 * The run directory.  run.json tells what a run is, how far it got, and what is
 * needed to repeat it.
 */
/* Layer: rundir */
#ifndef SURVEY_RUNDIR_H
#define SURVEY_RUNDIR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "survey/file.h"
#include "survey/host.h"
#include "survey/outcome.h"
#include "survey/port.h"
#include "survey/shard.h"

enum run_state { RUN_RUNNING, RUN_STOPPED, RUN_FAILED, RUN_INCOMPLETE, RUN_COMPLETE };
enum stage_state { STAGE_TODO, STAGE_RUNNING, STAGE_DONE, STAGE_INCOMPLETE, STAGE_FAILED };

enum stage_id {
	STAGE_GEO,
	STAGE_SCAN,
	STAGE_GRAB,
	STAGE_DNS,
	STAGE_ANALYZE,
	STAGE_WEAK,
	STAGE_GRAPH,
	STAGE_REPORT,
	NSTAGES
};

struct stage_record {
	enum stage_state state;
	bool told; /* run.json has it; a new run's has all */
	int64_t started, ended; /* seconds of the epoch, 0 = not yet */
	double wall_s, cpu_s; /* summed over all sessions */
	long maxrss_kb;
};

struct manifest_tool {
	char *name, *version;
};

struct manifest_database {
	char *path, *type;
	int64_t built;
};

/* zmap at work on a shard: when packets left, and from where, for whoever complains of them. */
struct manifest_attempt {
	unsigned shard;
	int64_t started, ended; /* ended 0: not yet, or survey was killed */
	uint64_t sent;
	double rate_pps;
	struct ip source;
};

/* A time of which nobody knows whether packets arrived. */
struct manifest_span {
	int64_t from, to; /* seconds of the epoch, both included; to 0: it goes on */
};

#define UNHEARD_MAX 64

/* What is known of the listeners of one's own that are asked whether packets arrive. */
struct manifest_canaries {
	unsigned configured; /* 0: none */
	unsigned answering; /* of them, when they were asked last */
	int64_t asked; /* seconds of the epoch: when that began */
	int64_t answered; /* when one that answered was asked last */
	uint64_t rounds, failed; /* how often all were asked, and none answered */
	uint64_t pauses;
	int64_t paused_since; /* 0: not paused */
	/* Records of hosts that were asked then count for nothing: no canary has answered afterwards. */
	struct manifest_span unheard[UNHEARD_MAX];
	unsigned nunheard;
};

/* How far a survey is that runs now, or how far it came. */
struct manifest_progress {
	double percent; /* of the scan, then of the hosts */
	double left_s; /* about; 0: not known */
	double scan_rate, grab_rate; /* packets and hosts a second, over the last minute */
};

/* One start of survey run on this directory. */
struct manifest_session {
	int64_t started, ended;
	int64_t last_seen; /* of one that was killed: the last time that it wrote run.json */
	char *source_ip;
	int exit_status; /* -1 while it runs, or when it was killed */
};

struct manifest_counts {
	uint64_t targets_v4; /* addresses that zmap is given */
	double targets_v6;
	uint64_t probed, hits, out_of_country, refused, opted_out, queued;
	uint64_t records, second_pass, second_pass_gained, given_up, repeated;
	uint64_t garbage, torn, zgrab2_restarts;
	uint64_t ports[NPORTS][GRAB_NENDS];
	uint64_t dns_asked, dns_answered, dns_failed;
};

struct manifest_reason {
	char *name;
	uint64_t n;
};

/* What the last analysis of the records counted; UINT64_MAX: not told. */
struct manifest_analysis {
	bool there;
	char *source; /* the record file */
	char *dns; /* where answers came from: "cached", "fill", "refresh" */
	int64_t at, scan_date; /* seconds since 1970; scan_date TIME_UNKNOWN: the records' own */
	char **countries; /* "XX": any */
	size_t ncountries;
	uint64_t hosts, hosts_in, keys, clusters, hosts_in_clusters;
	uint64_t hosts_out[HOST_NOUTS];
	uint64_t lines, blank_lines; /* of the record file */
	bool incomplete;
	struct manifest_reason *refused; /* lines that could not be read, by reason */
	size_t nrefused;
};

/* A run that was merged into this directory; times in seconds since 1970, 0: unknown. */
struct manifest_part {
	char *path, *name;
	int64_t began, ended;
	uint64_t seed;
	unsigned shard, shards; /* 0 of 0: no shard of a scan */
	uint64_t hosts;
};

/* What was made of this directory elsewhere, and holds its data, too. */
struct manifest_derived {
	char *what, *path; /* "merge", …; absolute */
	int64_t at;
};

/* Data that was taken out: what and why, never whose. */
struct manifest_purge {
	int64_t at;
	char *what, *why; /* why may be NULL */
};

/* What the run before found, of the same config: the last complete one when this one began. */
struct manifest_earlier {
	char *run; /* the name of its directory; NULL: there is none */
	uint64_t targets, probed, hits;
};

struct manifest {
	bool anonymised; /* of a copy */
	bool has_scan; /* a survey ran here; false: results of an analysis alone */
	char *version; /* of the survey that wrote it last; NULL: not told */
	char *name, *config_path, *config_digest, *state_text;
	enum run_state state;
	int64_t created, updated, ended;
	int pid; /* of the survey that runs it */
	unsigned machine, machines;
	uint64_t seed;
	unsigned port; /* for which the shards are scanned; 0: not told */
	char *interface, *source_ip, *gateway_ip, *gateway_mac;
	char *lists_digest; /* SHA-256 of the target lists that the shards' states belong to */
	double rate_pps, rate_hosts; /* of this machine */
	unsigned shards_total; /* of all machines */
	struct scan_shard *shards;
	size_t nshards;
	struct manifest_attempt *attempts; /* in order of time */
	size_t nattempts;
	struct manifest_canaries canaries;
	struct manifest_progress progress;
	struct manifest_earlier earlier;
	struct manifest_tool *tools;
	size_t ntools;
	struct manifest_database databases[2];
	struct manifest_session *sessions;
	size_t nsessions;
	struct manifest_part *parts; /* in argument order */
	size_t nparts;
	bool parts_records; /* their records stand here, too */
	struct manifest_derived *derived;
	size_t nderived;
	struct manifest_purge *purges; /* in order of time */
	size_t npurges;
	struct manifest_counts counts;
	uint64_t told; /* which of them run.json has: see manifest_count() */
	struct stage_record stages[NSTAGES];
	char *sandbox; /* what was in force in the last session: sandbox_text(), or "none" */
	char *analysis; /* the object that analyze made of it, as text, or NULL */
	struct manifest_analysis found; /* what was read of it */
	char *more; /* members that we do not know, as text: ",\"a\":1", or NULL */
	char *dns; /* the same for what the last session asked a resolver */
	double own_cpu_s; /* of survey itself, this session */
	long own_maxrss_kb;
};

/* The stages in order, for help and checks; ends with NULL. */
extern const char *const survey_stage_names[];
extern const char *const stage_state_name[];
extern const char *const run_state_name[];
extern const char *const shard_state_name[];

void manifest_init(struct manifest *m); /* of a survey */
void manifest_init_results(struct manifest *m); /* of results that no survey made here */
void manifest_fini(struct manifest *m);
/*
 * Has the run come to the end of its analysis, complete?  As `survey run --until analyze` leaves it, too:
 * what comes later is made of the whole.
 */
bool manifest_is_finished(const struct manifest *m);
/* A survey at work writes its directory/run.json, atomically.  Returns 0, or -1 with errno set. */
int manifest_write(struct manifest *m, const char *directory);
/*
 * The same without saying that a survey was at work: out is complete but for
 * its commit.  Returns 0, or -1 with errno set and nothing left.
 */
int manifest_prepare(const struct manifest *m, const char *directory, struct outfile *out);
/* Leave only what names no host, network, person or place: counts, rates, times, versions. */
void manifest_anonymise(struct manifest *m);

#define MANIFEST_UNKNOWN UINT64_MAX
/* The count at an offset in struct manifest_counts; MANIFEST_UNKNOWN when run.json does not tell it. */
uint64_t manifest_count(const struct manifest *m, size_t offset);

#define MANIFEST_MAX (64 << 20) /* bytes of a run.json */

/* A run.json as text.  Returns 0, or -1 with errno EINVAL when it is none. */
int manifest_parse(struct manifest *m, const char *text);
/* Returns 0; -1 with errno set; EINVAL: it is no manifest. */
int manifest_read(struct manifest *m, const char *directory);
void manifest_set(char **field, const char *value);
/* What an analysis has made of the records: the object as text, which becomes the manifest's; or NULL. */
void manifest_take_analysis(struct manifest *m, char *text);
void manifest_add_tool(struct manifest *m, const char *name, const char *version);
/* A shard was started or has ended: set down the attempt at it. */
void manifest_note_shard(
    struct manifest *m, const struct scan_shard *shard, double rate_pps, const struct ip *source);
void manifest_add_session(struct manifest *m, int64_t started, const char *source_ip);

void manifest_add_part(struct manifest *m, const struct manifest_part *part); /* texts are copied */
/* The same thing at the same path stands once, with its last time. */
void manifest_add_derived(struct manifest *m, const char *what, const char *path, int64_t at);
void manifest_add_purge(struct manifest *m, int64_t at, const char *what, const char *why);
/*
 * Note in dir's run.json that `what` was made of it at path.  Without a run.json, or where it cannot be
 * written, nothing is noted.
 */
void rundir_note_derived(const char *dir, const char *what, const char *path);

/* Which command makes a file. */
enum rundir_maker {
	MADE_BY_RUN,
	MADE_BY_ANALYZE,
	MADE_BY_WEAK,
	MADE_BY_GRAPH,
	MADE_BY_REPORT,
	MADE_BY_ANONYMISE,
	MADE_BY_NOTIFY,
	MADE_BY_RECHECK,
	MADE_BY_IMPACT,
};

/* What a run directory holds: whoever adds a file to it adds a row (and one to docs/formats.md). */
struct rundir_file {
	const char *name; /* with a slash: a directory, and all below it */
	enum rundir_maker maker;
	bool personal; /* tells addresses, names or keys of hosts */
	bool remade; /* can be made again from what else is there */
};

extern const struct rundir_file rundir_files[]; /* ends with a NULL name */
extern const char *const rundir_maker_name[];

/* The row of a path below a run directory, as "records.fresh" or "scan/shard-000.ips"; temporary names count as the file's.  NULL: it is not ours. */
const struct rundir_file *rundir_file_of(const char *path);
/* The file of records in dir, packed or not, or NULL; the caller frees it. */
char *rundir_records(const char *dir);

#define RECHECKED_FILE "rechecked.ndjson" /* hosts that survey recheck has asked, and when */
#define DOMAINS_FILE "domains.txt" /* mail domains of survey impact, one a line */
#define NOTIFIED_FILE "notified.ndjson" /* whom survey notify has told, and when */
#define RUNDIR_DEPTH 4 /* directories below a run directory that are looked into */

/* Gets the path below the run directory, its row or NULL, and what lstat(2) says; not 0 ends the walk. */
typedef int (*rundir_fn)(
    const char *path, const struct rundir_file *file, const struct stat *st, void *arg);
/* Every file of a run directory, in no order.  Returns what fn returned, or -1 with errno set. */
int rundir_walk(const char *dir, rundir_fn fn, void *arg);

#define RUNDIR_LOCK "lock"

/*
 * Take the lock of a directory, at once or not at all.  Returns a descriptor
 * that holds it until it is closed; -1 with errno set, EWOULDBLOCK when
 * somebody else has it.
 */
int rundir_lock(const char *dir);
/* Is there nothing at dir, or an empty directory? */
bool rundir_is_free(const char *dir);
/*
 * Put the finished directory made in the place of dir, as a whole: at any instant dir is what it was
 * or what it becomes.  What stood there is removed afterwards.  Where something stands, may_replace() says whether it
 * may go, after a message if not.  Returns 0, or -1 with errno set, and made is left to the caller.
 */
int rundir_install(const char *made, const char *dir, bool (*may_replace)(const char *dir));
/* Does a survey or an analysis write there now?  One that was killed holds no lock. */
bool rundir_is_locked(const char *dir);

struct config;

/*
 * The copy of its config that a run keeps (survey.conf).  Paths in it are relative to the directory of
 * the config that it is a copy of.  Returns 0 and the config, which the caller frees; 1 when there is none;
 * -1 after a message when it cannot be read or is not understood.
 */
int rundir_own_config(const char *dir, struct config **c);
/*
 * The list of opt-outs that a run's own config names, which the caller frees; NULL when it names
 * none, or after a warning, which ends with what that leads to, when it cannot be read.
 */
char *rundir_opt_outs(const char *dir, const char *otherwise);

#endif
