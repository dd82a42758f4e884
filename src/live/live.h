/* One running survey: shared by the files of this folder that make up its stages. */
#ifndef LIVE_LIVE_H
#define LIVE_LIVE_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <uv.h>

#include "survey/config.h"
#include "survey/dns.h"
#include "survey/geodb.h"
#include "survey/guard.h"
#include "survey/identity.h"
#include "survey/ip.h"
#include "survey/outside.h"
#include "survey/run.h"
#include "survey/rundir.h"
#include "survey/sandbox.h"
#include "survey/scan.h"
#include "survey/zgrab2.h"

#include "choose.h"
#include "databases.h"
#include "lists.h"

struct survey {
	const struct config *c;
	const struct run_options *o;
	struct identity id;
	struct rundir dir;
	struct manifest m;
	enum stage_id until;
	FILE *log;

	char *zmap, *zgrab2, *unbound, *stubby; /* full paths, NULL: not needed */
	struct gateway gateway;
	char source_ip[IP_STRLEN]; /* that of the route, "" when it names none */
	struct ip source; /* our address towards the targets */
	struct zmap_params zmap_params;
	char *block_all_file, *ini_file, *scan_dir;
	struct guard_broker broker; /* root's, for zmap; fd -1: none */
	struct zgrab2_params zgrab2_params;
	int zgrab2_fds
	    [2]; /* what zgrab2 is told, in memory: its ini, its block list; -1: not made */
	struct resolver *resolver; /* made ready; NULL: none is wanted, or names.c has it */
	struct dns_usage dns_usage;
	struct outside outside_sandbox, *outside; /* NULL: there is no sandbox */
	struct sandbox_state sandbox;

	char *country_mmdb, *asn_mmdb, *csv_dir; /* the run's own copies, NULL = none */
	struct databases databases; /* as they are now; gone once the run has its copies */
	struct geo_db *geo;
	bool any_country;
	struct lists lists; /* of zmap; not made when none is run */
	char *lists_differ; /* from those with which the run began: what; or NULL */
	struct stat opt_out_seen; /* the file of opt-outs as it was read last */
	double targets_before; /* IPv4 addresses of the range before lists took any away */
	struct ipset allow, block,
	    opt_out; /* normalised; allow has no reserved or blocked address */

	struct ip canaries[CANARIES_MAX]; /* of scan.canaries; none when hosts are given */
	unsigned ncanaries;
	int supervisor; /* supervisor.h */

	uv_loop_t loop;
	bool stopped; /* by the user */
	bool incomplete; /* something was given up: exit status 3 */
	bool failed;
};

/* Does this run look for hosts with zmap?  Not with scan.mode = list, nor when it is given its hosts. */
static inline bool
survey_scans(const struct survey *s)
{
	return s->c->scan.mode == SCAN_ZMAP && s->o->nhosts == 0;
}

/* Is an address a listener of our own, that must not be in the results? */
static inline bool
survey_is_canary(const struct survey *s, const struct ip *ip)
{
	for (unsigned i = 0; i < s->ncanaries; i++) {
		if (ip_cmp(&s->canaries[i], ip) == 0)
			return true;
	}
	return false;
}

/* The address from which zmap scans; family 0: a list is asked, from wherever the kernel chooses. */
static inline struct ip
survey_source(const struct survey *s)
{
	return s->gateway.source.family != 0 || s->c->scan.source_ip[0] != '\0'
		   ? s->source
		   : (struct ip){ .family = 0 };
}

/* Does it ask for names? */
static inline bool
survey_resolves(const struct survey *s)
{
	return s->until >= STAGE_DNS && s->o->nhosts == 0;
}

/* preflight.c: what must be in order before anything is made or sent.  Returns 0 or an exit_status. */
int preflight_identity(struct survey *s);
int preflight_check(struct survey *s);
/* What a run needs later only, looked at as whom we are now.  Return 0 or an exit_status after a message. */
int preflight_metrics(const struct config *c); /* run.metrics_file */
int preflight_weak(const struct config *c); /* weak.blocklists, weak.primes */
/* Does the file give CAP_NET_RAW to whoever executes it (capabilities(7))? */
bool tool_has_net_raw(const char *path);

/*
 * targets.c: who is asked.  Returns 0 or an exit_status after a message.
 * targets_read_lists() reads block lists, opt-outs and targets; targets_make()
 * takes the databases and makes what zmap is told.  Both do so before
 * privileges go.  targets_write() is the geo stage.
 */
int targets_read_lists(struct survey *s);
int targets_make(struct survey *s);
int targets_write(struct survey *s);
/* Read the opt-outs; -1, after a message if it is to be said aloud: those of before stay. */
int targets_read_opt_out(struct survey *s, bool aloud);
/* May an address be asked?  If not, why. */
enum target_verdict {
	TARGET_OK,
	TARGET_NOT_ALLOWED,
	TARGET_BLOCKED,
	TARGET_OPTED_OUT,
	TARGET_ABROAD
};
enum target_verdict target_check(const struct survey *s, const struct ip *ip);

/* rights.c: what the survey may still do.  Both return 0 or an exit_status after a message. */
int rights_prepare(struct survey *s); /* what tools are told, where nothing can change it */
int rights_give_up(struct survey *s); /* the process outside, and the sandbox */

/*
 * limits.c: a contact that is nobody's, and rates far above the usual ones.  Returns 0, or EXIT_USAGE
 * after a message.  Laboratories (all of the range is reserved) may do as they like.  After targets_make().
 */
int limits_check(const struct survey *s);
bool survey_is_lab(const struct survey *s);

/*
 * shards.c: a seed, and the shards that this machine runs, are chosen once and kept for the life of the
 * run.  Returns 0, or EXIT_USAGE after a message when quiet hours leave no time for one.
 */
int plan_shards(struct survey *s);

/*
 * judge.c: what was found is looked at after collect() and after the analysis.
 * Nothing, far too little or no key makes the run incomplete, with the reason in its state_text.
 */
void judge_found(struct survey *s, bool analyzed);

/* collect.c: scan, grab and dns, all at once.  Returns 0 or an exit_status. */
int collect(struct survey *s, bool scan, bool grab, bool dns);

#endif
