#include "survey/log.h"
#include "survey/run.h"

#include "commands.h"

enum { JSON };

static const struct command_option options[] = {
	[JSON] = { "json", 0, NULL, "print run.json" },
	{ NULL, 0, NULL, NULL },
};

static int cmd_status(int argc, char **argv);

const struct command command_status = {
	"status",
	"RUNDIR",
	"Show how far a running, stopped or finished survey is",
	"While a survey runs its figures are renewed every ten seconds.",
	options,
	cmd_status,
};

static int
cmd_status(int argc, char **argv)
{
	struct command_args a = { .command = &command_status, .argc = argc, .argv = argv };
	bool json = false;
	int opt;

	while ((opt = command_next(&a)) >= 0)
		json = json || opt == JSON;
	if (opt == COMMAND_HELP)
		return EXIT_COMPLETE;
	if (opt == COMMAND_ERROR)
		return EXIT_USAGE;
	if (argc - a.at != 1) {
		log_error("survey status needs one run directory");
		return EXIT_USAGE;
	}
	return survey_status(argv[a.at], json);
}
