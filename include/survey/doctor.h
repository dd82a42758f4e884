/* Is everything there that a survey needs? */
/* Layer: doctor */
#ifndef SURVEY_DOCTOR_H
#define SURVEY_DOCTOR_H

/*
 * Check what `survey run` of this config would need, and print a line for
 * each thing: ok, warn or fail, and how to mend it.  Changes nothing but a
 * temporary directory, which it removes, and sends nothing to targets.
 * Returns an exit_status: EXIT_COMPLETE, or EXIT_USAGE when something fails.
 */
int doctor(const char *config_path);

#endif
