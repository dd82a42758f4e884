/* A report where whoever called sudo can open it, and in a browser. */
#ifndef HANDOVER_H
#define HANDOVER_H

/*
 * Start a child that stays, or becomes, the user who called; to be called before root becomes
 * anybody else and before the sandbox.  Returns 0, or an exit_status after a message.
 */
int handover_begin(void);

/*
 * Show that user the report of the directory dir: root's child copies report/ and graphs/ into a
 * directory of the caller's home first.  A browser is started where there is a display.
 * Returns 0, or -1 after a message.
 */
int handover_report(const char *dir);

#endif
