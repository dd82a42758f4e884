/* Is everything there that a survey needs? */
/* Layer: doctor */
#ifndef SURVEY_DOCTOR_H
#define SURVEY_DOCTOR_H

#include <stdbool.h>

/*
 * Check what `survey run` of this config would need, and print a line for
 * each thing: ok, warn or fail, and how to mend it.  Changes nothing but a
 * temporary directory, which it removes, and sends nothing to targets.
 * check_probing: ask the scanning address's own site for its probing.txt, too.
 * Returns an exit_status: EXIT_COMPLETE, or EXIT_USAGE when something fails.
 */
int doctor(const char *config_path, bool check_probing);

/* Print a probing.txt (RFC 9511) for the site of the scanning address.  Returns an exit_status. */
int doctor_probing_txt(const char *config_path);

#endif
