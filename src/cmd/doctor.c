#include "survey/doctor.h"
#include "survey/log.h"

#include "commands.h"

static int cmd_doctor(int argc, char **argv);

static const struct command_option options[] = {
	{ NULL, 0, NULL, NULL },
};

const struct command command_doctor = {
	"doctor",
	"CONF",
	"Check everything that a run of a config needs",
	"Prints ok, warn or fail for each thing, and how to mend what is missing.  Changes\n"
	"nothing and sends nothing to targets.  Exit status 2 when something fails.",
	options,
	cmd_doctor,
};

static int
cmd_doctor(int argc, char **argv)
{
	struct command_args args = { .command = &command_doctor, .argc = argc, .argv = argv };
	int option = command_next(&args);

	if (option == COMMAND_HELP)
		return EXIT_COMPLETE;
	if (option != COMMAND_END)
		return EXIT_USAGE;
	if (argc - args.at != 1) {
		log_error("doctor: name one config file; see survey doctor --help");
		return EXIT_USAGE;
	}
	return doctor(argv[args.at]);
}
