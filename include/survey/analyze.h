/* Records and DNS answers into clusters and result files. */
/* Layer: analyze */
#ifndef SURVEY_ANALYZE_H
#define SURVEY_ANALYZE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_settings;
struct sandbox_paths;

enum analyze_dns {
	ANALYZE_DNS_CACHED, /* what dns.ndjson has; other names are unknown */
	ANALYZE_DNS_FILL, /* ask what it does not answer */
	ANALYZE_DNS_REFRESH, /* ask everything again */
};

struct analyze_options {
	const char *input; /* run directory, record file, or "-" */
	const char
	    *output; /* directory, made if need be; NULL: the run directory, or ./FILE.survey */
	enum analyze_dns dns;
	const char
	    *resolver; /* "ip#port" to ask in the other modes than cached; NULL: see settings */
	const struct dns_settings *settings; /* how to ask; NULL: the system's resolver */
	const char *dns_file; /* NULL: dns.ndjson of the run directory, or beside the file */
	const char *const
	    *countries; /* two letters each; "XX" is any; none: as in the run, else any */
	size_t ncountries;
	const char *mmdb; /* directory with MMDB files, or NULL: the run's own */
	int64_t scan_date; /* TIME_UNKNOWN: the records' own */
	uint32_t pairs_up_to;
	size_t max_line;
	unsigned port; /* of lines of one zgrab2 module that do not name it; 0: unknown */
	unsigned threads; /* 0: one a processor */
	bool costs; /* tell what each part has cost; run.json has it in any case */
	bool sandbox; /* give up, for good, what is not needed before anything is read */
	const struct sandbox_paths *more; /* what the caller needs afterwards, too; or NULL */
	bool locked; /* the caller holds the output directory's lock */
	const volatile sig_atomic_t
	    *stop; /* not 0: stop; NULL: SIGINT and SIGTERM are caught here */
};

void analyze_defaults(struct analyze_options *o);

/*
 * Analyse.  Returns an exit_status after messages.  *output, unless NULL, gets
 * the directory that the results are in, and *summary the `analysis` object of its
 * run.json as text; the caller frees both.
 */
int analyze_rundir(const struct analyze_options *o, char **output, char **summary);

#endif
