#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/argv.h"
#include "survey/log.h"
#include "survey/merge.h"
#include "survey/rundir.h"
#include "survey/signals.h"

#include "commands.h"
#include "confine.h"

enum { OUTPUT, PARTIAL, NO_RECORDS, NO_SANDBOX };

static const struct command_option options[] = {
	[OUTPUT] = { "output", 'o', "DIR", "the directory of the result", ARG_NEW_DIRECTORY },
	[PARTIAL] = { "partial", 0, NULL,
	    "merge runs that are not all of a scan, or do not belong together, too" },
	[NO_RECORDS] = { "no-records", 0, NULL,
	    "leave records, DNS answers and hits where they are" },
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_merge(int argc, char **argv);

const struct command command_merge = {
	.name = "merge",
	.summary = "Make one run of several: shards, parts, countries",
	.detail =
	    "The result is what analyze makes of all records in the order of the arguments, but\n"
	    "is made from each run's survey.db.  A host of several shards of one scan is merged;\n"
	    "of different scans the later one counts.  DIR is new, empty or an earlier merge.",
	.operands = { { "RUNDIR", ARG_DIRECTORY, 1, 0 } },
	.options = options,
	.run = cmd_merge,
};

/* The runs get a note of the merge; an earlier merge goes. */
static int
give_up_rights(const struct merge_options *o, bool no_sandbox)
{
	struct argv write = { .n = 0 };
	int rc;

	argv_add(&write, o->made, NULL);
	if (access(o->output, F_OK) == 0)
		argv_add(&write, o->output, NULL);
	for (size_t i = 0; i < o->nruns; i++)
		argv_add(&write, o->runs[i], NULL);
	rc = confine(no_sandbox, o->opt_outs, (const char *const *)write.v,
	    (const char *const[]){ o->output, NULL });
	argv_free(write.v);
	return rc;
}

/* Each list once. */
static void
find_opt_outs(struct argv *lists, const struct merge_options *o)
{
	for (size_t i = 0; i < o->nruns; i++) {
		char *path = rundir_opt_outs(o->runs[i], "opt-outs of this run are not looked up");
		size_t k = 0;

		while (path != NULL && k < lists->n && strcmp(lists->v[k], path) != 0)
			k++;
		if (path != NULL && k == lists->n)
			argv_add(lists, path, NULL);
		free(path);
	}
}

static int
cmd_merge(int argc, char **argv)
{
	bool no_sandbox = false;
	struct argv opt_outs = { .n = 0 };
	char *made;
	int rc = EXIT_FAILED;
	struct command_args a = { .command = &command_merge, .argc = argc, .argv = argv };
	struct merge_options o = { .stop = signals_stop() };
	int opt;

	while ((opt = command_next(&a)) >= 0) {
		if (opt == OUTPUT)
			o.output = a.value;
		else if (opt == PARTIAL)
			o.partial = true;
		else if (opt == NO_RECORDS)
			o.no_records = true;
		else
			no_sandbox = true;
	}
	if (opt != COMMAND_END)
		return command_ended(opt);
	if (o.output == NULL) {
		log_error("merge: -o DIR is needed, a directory for the result");
		return EXIT_USAGE;
	}
	o.runs = (const char *const *)&argv[a.at];
	o.nruns = (size_t)(argc - a.at);
	signals_catch();
	if (merge_begin(o.output, &made) == -1)
		return EXIT_USAGE;
	o.made = made;
	find_opt_outs(&opt_outs, &o);
	o.opt_outs = (const char *const *)opt_outs.v;
	if (give_up_rights(&o, no_sandbox) == 0)
		rc = query_merge(&o);
	else
		(void)rmdir(made);
	argv_free(opt_outs.v);
	free(made);
	return rc;
}
