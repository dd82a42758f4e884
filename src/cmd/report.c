#include <stdlib.h>

#include "survey/file.h"
#include "survey/graph.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/report.h"

#include "confine.h"
#include "copy.h"
#include "commands.h"
#include "handover.h"

enum { OUTPUT, TITLE, SINCE, ANONYMISE, KEEP_AS, TRUST, OPEN, NO_SANDBOX };

static const struct command_option options[] = {
	[OUTPUT] = { "output", 'o', "DIR", "make report/ in this directory, not in RUNDIR",
	    ARG_NEW_DIRECTORY },
	[TITLE] = { "title", 't', "TEXT", "title of the report (default: of what, where, when)" },
	[SINCE] = { "since", 0, "RUNDIR|FILE", "tell what changed since this earlier run",
	    ARG_STUDY },
	[ANONYMISE] = { "anonymise", 0, NULL, ANONYMISE_HELP },
	[KEEP_AS] = { "keep-as", 0, "N[,N…]", KEEP_AS_HELP },
	[TRUST] = { "trust", 0, NULL, TRUST_HELP },
	[OPEN] = { "open", 0, NULL,
	    "show it in a browser; with sudo, a copy in the caller's home" },
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_report(int argc, char **argv);
static int before_report(int argc, char **argv);

const struct command command_report = {
	.name = "report",
	.summary = "Make the report of a run",
	.detail =
	    "Writes report/index.html, one page that works from disk without a network, and\n"
	    "each of its charts as SVG, PDF and CSV.  Pictures of clusters are taken in as far\n"
	    "as survey graph has drawn them.",
	.operands = { { "RUNDIR|FILE", ARG_STUDY, 1, 1 } },
	.options = options,
	.writes = WRITES_UNLESS_ELSEWHERE,
	.before = before_report,
	.run = cmd_report,
};

/* The pictures of the run itself name its hosts: the copy gets its own.  Returns 0 or an exit_status. */
static int
copy_with_pictures(struct copy_request *a, struct report_options *o, bool no_sandbox, bool *lacking)
{
	struct graph_options graph = {
		.path = o->output, .formats = GRAPH_SVG, .no_sandbox = no_sandbox
	};
	struct graph_result drawn = { 0 };
	int status = copy_copy(a, o->path, o->output);

	if (status != 0)
		return status;
	o->path = o->output;
	if (graph_rundir(&graph, &drawn) == -1)
		return EXIT_FAILED;
	*lacking = drawn.failed > 0;
	return 0;
}

static int
before_report(int argc, char **argv)
{
	struct command_args a = { .command = &command_report, .argc = argc, .argv = argv };
	bool wanted = false;
	int opt;

	while ((opt = command_next(&a)) >= 0)
		wanted = wanted || opt == OPEN;
	return wanted ? handover_begin() : 0;
}

/* To whoever called: from where it was made.  Returns 0, or -1 after a message. */
static int
show(const struct report_options *o)
{
	char *dir = o->output != NULL ? xstrdup(o->output) : path_folder(o->path);
	int rc = handover_report(dir);

	free(dir);
	return rc;
}

static int
cmd_report(int argc, char **argv)
{
	struct command_args a = { .command = &command_report, .argc = argc, .argv = argv };
	struct copy_request anonymised = { .wanted = false };
	struct report_options o = { 0 };
	bool no_sandbox = false, lacking = false, open = false;
	int opt, rc, status = EXIT_USAGE;

	while ((opt = command_next(&a)) >= 0) {
		if (opt == OUTPUT)
			o.output = a.value;
		else if (opt == TITLE)
			o.title = a.value;
		else if (opt == SINCE)
			o.since = a.value;
		else if (opt == ANONYMISE)
			anonymised.wanted = true;
		else if (opt == TRUST)
			anonymised.trust = true;
		else if (opt == OPEN)
			open = true;
		else if (opt == NO_SANDBOX)
			no_sandbox = true;
		else if (copy_keep_as(&anonymised, &command_report, a.value) == -1)
			goto out;
	}
	if (opt != COMMAND_END) {
		status = command_ended(opt);
		goto out;
	}
	if (o.since != NULL && anonymised.wanted) {
		log_error("report: --since and --anonymise do not go together: pseudonyms match no "
			  "earlier run");
		goto out;
	}
	if (copy_check(&anonymised, &command_report, o.output) == -1)
		goto out;
	o.path = argv[a.at];
	status = EXIT_FAILED;
	if (copy_begin(&anonymised, o.output) == -1 ||
	    confine_drawing(no_sandbox, o.path, o.since, o.output, anonymised.made) == -1)
		goto out;
	if (anonymised.wanted &&
	    (status = copy_with_pictures(&anonymised, &o, no_sandbox, &lacking)) != 0)
		goto out;
	rc = report_rundir(&o);
	status = rc == -1 ? EXIT_FAILED : rc == 1 || lacking ? EXIT_INCOMPLETE : EXIT_COMPLETE;
	if (open && rc != -1 && show(&o) == -1)
		status = EXIT_FAILED;
out:
	copy_fini(&anonymised);
	return status;
}
