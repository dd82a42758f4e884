#include "survey/log.h"
#include "survey/merge.h"
#include "survey/signals.h"

#include "commands.h"

enum { OUTPUT, PARTIAL, NO_RECORDS };

static const struct command_option options[] = {
	[OUTPUT] = { "output", 'o', "DIR", "the directory of the result", ARG_NEW_DIRECTORY },
	[PARTIAL] = { "partial", 0, NULL,
	    "merge runs that are not all of a scan, or do not belong together, too" },
	[NO_RECORDS] = { "no-records", 0, NULL,
	    "leave records, DNS answers and hits where they are" },
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

static int
cmd_merge(int argc, char **argv)
{
	struct command_args a = { .command = &command_merge, .argc = argc, .argv = argv };
	struct merge_options o = { .stop = signals_stop() };
	int opt;

	while ((opt = command_next(&a)) >= 0) {
		if (opt == OUTPUT)
			o.output = a.value;
		else if (opt == PARTIAL)
			o.partial = true;
		else
			o.no_records = true;
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
	return query_merge(&o);
}
