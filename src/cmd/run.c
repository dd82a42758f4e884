#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/config.h"
#include "survey/log.h"
#include "survey/run.h"
#include "survey/rundir.h"

#include "confine.h"
#include "commands.h"

enum { DIR_OPT, UNTIL, NEW, FORCE, SHARD, NO_WEAK, JSON, YES_FAST, NO_SANDBOX };

static const struct command_option options[] = {
	[DIR_OPT] = { "dir", 'd', "DIR", "the directory of this run (made or continued)",
	    ARG_NEW_DIRECTORY },
	[UNTIL] = { "until", 'u', "STAGE",
	    "end after geo, scan, grab, dns, analyze, weak, graph or report", ARG_WORD,
	    survey_stage_names },
	[NEW] = { "new", 'n', NULL, "start afresh, leave an unfinished run alone" },
	[FORCE] = { "force", 'f', NULL, "continue although the config has changed" },
	[SHARD] = { "shard", 0, "I/N",
	    "this is machine I (from 0) of the N that share a survey; auto/N asks the scheduler" },
	[NO_WEAK] = { "no-weak", 0, NULL, "do not look for weak keys" },
	[JSON] = { "json-progress", 0, NULL, "progress as JSON lines on standard output" },
	[YES_FAST] = { "yes-fast", 0, NULL,
	    "allow rates far above those of the published studies" },
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_run(int argc, char **argv);

const struct command command_run = {
	.name = "run",
	.summary = "Run a survey: geo, scan, grab, dns, analyze, weak, graph, report",
	.detail =
	    "An unfinished run of the same config is continued.  Ctrl-C stops cleanly: hosts in\n"
	    "flight get 30 seconds to finish; a second Ctrl-C stops at once.  SIGHUP reads the\n"
	    "opt-out file again.",
	.operands = { { "CONF", ARG_CONF, 1, 1 } },
	.options = options,
	.run = cmd_run,
};

/* The index that a scheduler has given this task: Slurm's array, or Kubernetes' indexed job. */
static const char *const task_index[] = { "SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX" };

/* "auto/N": the index of this task.  Returns 0, or -1 after a message. */
static int
take_index(struct run_options *o, const char *text)
{
	for (size_t i = 0; i < sizeof(task_index) / sizeof(task_index[0]); i++) {
		const char *value = getenv(task_index[i]);
		char rest;

		if (value == NULL)
			continue;
		if (sscanf(value, "%u%c", &o->machine, &rest) == 1 && o->machine < o->machines)
			return 0;
		log_error("--shard %s: %s is \"%s\", and this survey has the shards 0 to %u", text,
		    task_index[i], value, o->machines - 1);
		return -1;
	}
	log_error("--shard %s: neither %s nor %s is set; give the index itself, as in 0/%u", text,
	    task_index[0], task_index[1], o->machines);
	return -1;
}

/* N is always written: a task that is submitted again by itself is of a count of 1. */
static int
read_shard(struct run_options *o, const char *text)
{
	unsigned i, n;
	char rest;

	if (sscanf(text, "auto/%u%c", &n, &rest) == 1 && n >= 1 && n <= SHARDS_MAX) {
		o->machines = n;
		return take_index(o, text);
	}
	if (sscanf(text, "%u/%u%c", &i, &n, &rest) == 2 && n >= 1 && n <= SHARDS_MAX && i < n) {
		o->machine = i;
		o->machines = n;
		return 0;
	}
	log_error("--shard %s: expected I/N with I from 0 to N-1, as in 0/2 and 1/2, or auto/N, "
		  "and N up to %d",
	    text, SHARDS_MAX);
	return -1;
}

static int
cmd_run(int argc, char **argv)
{
	struct command_args a = { .command = &command_run, .argc = argc, .argv = argv };
	struct run_options o = { .machines = 1 };
	int opt;

	while ((opt = command_next(&a)) >= 0) {
		switch (opt) {
		case DIR_OPT:
			o.directory = a.value;
			break;
		case UNTIL:
			o.until = a.value;
			break;
		case NEW:
			o.start_new = true;
			break;
		case FORCE:
			o.force = true;
			break;
		case SHARD:
			if (read_shard(&o, a.value) == -1)
				return EXIT_USAGE;
			break;
		case NO_WEAK:
			o.no_weak = true;
			break;
		case JSON:
			o.json_progress = true;
			break;
		case YES_FAST:
			o.yes_fast = true;
			break;
		case NO_SANDBOX:
			o.no_sandbox = true;
			break;
		}
	}
	if (opt != COMMAND_END)
		return command_ended(opt);
	o.config_path = argv[a.at];
	return survey_run(&o);
}
