/* The whole pipeline: one survey from its config to its report. */
/* Layer: run */
#ifndef SURVEY_RUN_H
#define SURVEY_RUN_H

#include <stdbool.h>
#include <stdio.h>

struct run_options {
	const char *config_path;
	const char *directory; /* of this run; NULL = made or found in run.directory */
	const char *until; /* last stage; NULL = all */
	bool start_new; /* leave an unfinished run alone */
	bool force; /* go on although the config has changed */
	bool json_progress;
	unsigned machine, machines; /* --shard I/N: 0-based, 1 */
};

/* Returns an exit_status. */
int survey_run(const struct run_options *o);

/* Print the state of the run in a directory.  Returns an exit_status. */
int survey_status(const char *directory, bool json);

/* The tools that a survey drives, with their versions and paths, as --version has them. */
void survey_print_tools(FILE *out);

/* The stages in order, for help and checks; ends with NULL. */
extern const char *const survey_stage_names[];

#endif
