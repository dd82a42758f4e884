/*
 * SIGINT, SIGTERM and SIGHUP while no libuv loop runs that takes them: the
 * stages that compute look at the stop flag, and go on after a SIGHUP.
 */
/* Layer: base */
#ifndef SURVEY_SIGNALS_H
#define SURVEY_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/*
 * Take them from now on, in place of the loop's handlers.  The second SIGINT
 * or SIGTERM ends the program.
 */
void signals_catch(void);
/* Not 0 after SIGINT or SIGTERM. */
const volatile sig_atomic_t *signals_stop(void);
/* Has there been a SIGHUP since the last call? */
bool signals_hangup(void);

#endif
