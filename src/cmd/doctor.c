#include "survey/doctor.h"

#include "commands.h"

static int cmd_doctor(int argc, char **argv);

const struct command command_doctor = {
	.name = "doctor",
	.summary = "Check everything that a run of a config needs",
	.detail =
	    "Prints ok, warn or fail for each thing, and how to mend what is missing.  Changes\n"
	    "nothing and sends nothing to targets.  Exit status 2 when something fails.",
	.operands = { { "CONF", ARG_CONF, 1, 1 } },
	.run = cmd_doctor,
};

static int
cmd_doctor(int argc, char **argv)
{
	struct command_args args = { .command = &command_doctor, .argc = argc, .argv = argv };
	int option = command_next(&args);

	if (option != COMMAND_END)
		return command_ended(option);
	return doctor(argv[args.at]);
}
