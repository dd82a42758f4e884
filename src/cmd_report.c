#include "survey/log.h"
#include "survey/report.h"

#include "commands.h"

enum { OUTPUT, TITLE };

static const struct command_option options[] = {
	[OUTPUT] = { "output", 'o', "DIR", "make report/ in this directory, not in RUNDIR" },
	[TITLE] = { "title", 't', "TEXT", "title of the report (default: the run's name)" },
	{ NULL, 0, NULL, NULL },
};

static int cmd_report(int argc, char **argv);

const struct command command_report = {
	"report",
	"RUNDIR|FILE",
	"Make the report of a run",
	"Writes report/index.html, one page that works from disk without a network, and\n"
	"each of its charts as SVG, PDF and CSV.  Pictures of clusters are taken in as far\n"
	"as survey graph has drawn them.",
	options,
	cmd_report,
};

static int
cmd_report(int argc, char **argv)
{
	struct command_args a = { .command = &command_report, .argc = argc, .argv = argv };
	struct report_options o = { 0 };
	int opt;

	while ((opt = command_next(&a)) >= 0) {
		if (opt == OUTPUT)
			o.output = a.value;
		if (opt == TITLE)
			o.title = a.value;
	}
	if (opt != COMMAND_END)
		return opt == COMMAND_HELP ? EXIT_COMPLETE : EXIT_USAGE;
	if (argc - a.at != 1) {
		log_error("report: one run directory or collisions.json is needed; see survey "
			  "report --help");
		return EXIT_USAGE;
	}
	o.path = argv[a.at];
	return report_rundir(&o) == 0 ? EXIT_COMPLETE : EXIT_FAILED;
}
