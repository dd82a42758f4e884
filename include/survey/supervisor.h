/* What the service manager that started us is told (sd_notify(3)). */
/* Layer: io */
#ifndef SURVEY_SUPERVISOR_H
#define SURVEY_SUPERVISOR_H

/*
 * Open the socket that $NOTIFY_SOCKET names.  Call while sockets can still be
 * made.  Returns a descriptor, or -1 when nobody is to be told.
 */
int supervisor_open(void);
/* One line of status, as "systemctl status" shows it; fd -1 is fine. */
void supervisor_status(int fd, const char *text);

#endif
