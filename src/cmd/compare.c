#include "survey/buf.h"
#include "survey/log.h"
#include "survey/query.h"

#include "confine.h"
#include "commands.h"
#include "queries.h"

enum { ACROSS, QUIET, CHANGED, OUTPUT, FORMAT, NO_SANDBOX };

static const struct command_option options[] = {
	[ACROSS] = { "across", 0, NULL,
	    "the runs are of different countries: which keys stand in several of them" },
	[QUIET] = { "quiet", 'q', NULL, "of the text only a line a change, as for mail" },
	[CHANGED] = { "changed", 0, NULL, "exit status 3 when anything changed" },
	[OUTPUT] = { "output", 'o', "DIR",
	    "also write compare.json, tables, a page and survey-compare.db there",
	    ARG_NEW_DIRECTORY },
	[FORMAT] = QUERY_FORMAT_OPTION,
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_compare(int argc, char **argv);

const struct command command_compare = {
	.name = "compare",
	.summary = "Tell what changed from one run to the next",
	.detail =
	    "Matches hosts by address, keys by fingerprint, clusters by shared keys or hosts,\n"
	    "never by number: hosts new, gone, kept, changed; keys new, gone, spread, shrunk,\n"
	    "moved; clusters same, grown, shrunk, rekeyed, merged, split, regrouped, new, gone.\n"
	    "Of more than two runs each is compared with the one before it; a directory of\n"
	    "runs stands for all finished ones, in order of time.",
	.operands = { { "RUNDIR|FILE", ARG_STUDY, 1, 0 } },
	.options = options,
	.run = cmd_compare,
};

static int
cmd_compare(int argc, char **argv)
{
	struct command_args a = { .command = &command_compare, .argc = argc, .argv = argv };
	struct compare_options o = { .format = PRINT_TEXT, .colour = print_colour(stdout) };
	struct query_runs runs = { NULL, 0, 0 };
	struct buf out;
	bool no_sandbox = false;
	int opt, status = EXIT_USAGE;

	while ((opt = command_next(&a)) >= 0) {
		if (opt == ACROSS)
			o.across = true;
		else if (opt == QUIET)
			o.quiet = true;
		else if (opt == CHANGED)
			o.changed = true;
		else if (opt == OUTPUT)
			o.output = a.value;
		else if (opt == NO_SANDBOX)
			no_sandbox = true;
		else
			o.format = (enum print_format)a.choice;
	}
	if (opt != COMMAND_END)
		return command_ended(opt);
	buf_init(&out);
	if (o.across && (o.output != NULL || o.changed || o.quiet)) {
		log_error("compare: --across tells what countries have in common, which "
			  "--output, --changed and --quiet have nothing of");
		goto out;
	}
	if ((o.output != NULL && confine_make(o.output) == -1) ||
	    query_confine((const char *const *)argv + a.at, (unsigned)(argc - a.at), o.output,
		no_sandbox) == -1)
		goto out;
	for (int i = a.at; i < argc; i++) {
		if (query_runs_add(&runs, argv[i]) == -1)
			goto out;
	}
	if (runs.n < 2) {
		log_error("compare: two runs are needed; see survey compare --help");
		goto out;
	}
	o.runs = &runs;
	status = query_compare(&o, &out);
	if (query_print("compare", &out) == -1)
		status = EXIT_FAILED;
out:
	query_runs_fini(&runs);
	buf_fini(&out);
	return status;
}
