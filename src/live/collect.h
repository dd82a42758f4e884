/* What collect() works on: the files of the run that grow, and what is known of each address. */
#ifndef LIVE_COLLECT_H
#define LIVE_COLLECT_H

#include <uv.h>

#include "survey/grab.h"
#include "survey/iptab.h"
#include "survey/spool.h"

#include "pace.h"
#include "progress.h"
#include "hold.h"
#include "names.h"
#include "live.h"

/* What is known of an address: flags. */
enum { KNOWN_HIT = 1, KNOWN_RECORD = 2, KNOWN_SECOND = 4 };

struct collect {
	struct survey *s;
	struct scan *scan;
	struct grab *grab;
	struct resolve *resolve;
	struct progress *progress;
	struct iptab hosts;
	uint8_t *known;
	size_t known_cap;
	struct spool hits, abroad, records, bad;
	uv_signal_t signals[3];
	uv_timer_t save, show, quiet, opt_out, metrics;
	struct grab_stats before; /* of earlier sessions */
	uint64_t opted_out; /* addresses that were not even queued */
	uint64_t started_ms;
	struct zgrab2_request zgrab2;
	uint64_t nlisted; /* addresses of scan.list, read now */
	bool do_grab;
	bool list_was_read; /* by an earlier session, to its end */
	bool scan_done, grab_done, dns_done;
	struct hold hold;
	struct pace pace[PROGRESS_ROWS];
	bool is_quiet; /* quiet hours */
	bool opt_out_unknown; /* the opt-outs could not be read again: nobody may be asked */
	bool ending;
	bool cut_short; /* by ourselves: what is left is for the next session */
	int error;
};

/* The flags of the address that hosts has under this number; valid until the next call. */
uint8_t *collect_known(struct collect *c, uint32_t id);

/* A file could not be written: stop everything, once. */
void collect_disk_error(struct collect *c, const char *path, int error);
/* figures.c: how far all is; and the same for run.json. */
void collect_figures(struct collect *c, struct progress_row rows[PROGRESS_ROWS]);
void collect_note_progress(struct collect *c);
/* What is known goes to run.json. */
void collect_save(struct collect *c);
/* Ask nobody any more; hosts in flight may finish. */
void collect_cut_short(struct collect *c);
/* A line that is of no use goes to records.bad. */
void collect_put_bad(struct collect *c, const char *source, const char *reason, uint64_t offset,
    const char *text, size_t len);

/* An address was found; arg is the struct collect.  What is new is written down and, if allowed, queued. */
void collect_hit(const struct ip *ip, void *arg);

/* Both return 0, or -1 after a message. */
int collect_open(struct collect *c);
/* What earlier sessions have found and grabbed, then what scan.list names. */
int collect_load(struct collect *c);

#endif
