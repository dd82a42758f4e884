/* The whole pipeline: one survey from its config to its report. */
/* Layer: live */
#ifndef SURVEY_RUN_H
#define SURVEY_RUN_H

#include <stdbool.h>
#include <stddef.h>

struct ip;

struct run_options {
	const char *config_path;
	const char *directory; /* of this run; NULL = made or found in run.directory */
	const char *until; /* last stage; NULL = all */
	bool start_new; /* leave an unfinished run alone */
	bool force; /* go on although the config has changed */
	bool json_progress;
	bool no_weak; /* do not look for weak keys, whatever the config says */
	bool no_sandbox;
	bool yes_fast; /* rates far above the usual ones are meant */
	/*
	 * Only these hosts, and no scan: those that the config does not allow are refused.
	 * Neither ZMap nor a resolver is needed; ends with the analysis.
	 */
	const struct ip *hosts;
	size_t nhosts;
	unsigned machine, machines; /* --shard I/N: this one, from 0, of so many; 0 of 1 is all */
};

/* Returns an exit_status. */
int survey_run(const struct run_options *o);

#endif
