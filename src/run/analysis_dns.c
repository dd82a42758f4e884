/* Questions that dns.ndjson does not answer. */
#include "survey/command.h"
#include "survey/log.h"

#include "analysis.h"

int
analysis_check_resolver(struct analysis *a)
{
	(void)a;
	log_error("analyze: this build asks no resolver");
	return EXIT_USAGE;
}

int
analysis_resolve(struct analysis *a)
{
	(void)a;
	return EXIT_USAGE;
}
