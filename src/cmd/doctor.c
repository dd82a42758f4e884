#include <stdbool.h>

#include "survey/doctor.h"

#include "commands.h"

enum { PROBING_TXT, CHECK_PROBING };

static const struct command_option options[] = {
	[PROBING_TXT] = { "probing-txt", 0, NULL,
	    "print a /.well-known/probing.txt (RFC 9511) of this config" },
	[CHECK_PROBING] = { "check-probing-txt", 0, NULL,
	    "ask the site of the scanning address for it, too" },
	{ NULL },
};

static int cmd_doctor(int argc, char **argv);

const struct command command_doctor = {
	.name = "doctor",
	.summary = "Check everything that a run of a config needs",
	.detail =
	    "Prints ok, warn or fail for each thing, and how to mend what is missing.  Changes\n"
	    "nothing and sends nothing to targets.  Exit status 2 when something fails.",
	.operands = { { "CONF", ARG_CONF, 1, 1 } },
	.options = options,
	.run = cmd_doctor,
};

static int
cmd_doctor(int argc, char **argv)
{
	struct command_args args = { .command = &command_doctor, .argc = argc, .argv = argv };
	bool print = false, check = false;
	int option;

	while ((option = command_next(&args)) >= 0) {
		print = print || option == PROBING_TXT;
		check = check || option == CHECK_PROBING;
	}
	if (option != COMMAND_END)
		return command_ended(option);
	return print ? doctor_probing_txt(argv[args.at]) : doctor(argv[args.at], check);
}
