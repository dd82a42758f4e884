/* Mail domains of a run directory: their list, and what dns.ndjson says of them. */
/* Layer: dns */
#ifndef SURVEY_MAILFILE_H
#define SURVEY_MAILFILE_H

#include "survey/mail.h"

/*
 * The domains of dir's domains.txt with the answers in dns (NULL: dir's dns.ndjson), and the hosts
 * that TLSA records there are about, with or without such a list.  *m is NULL where there is
 * neither.  Returns 0, or -1 after a message.
 */
int mailfile_open(const char *dir, const char *dns, struct mail **m);

/* Add the domains of dir's domains.txt.  Returns 0; 1 where there is none; -1 after a message. */
int mailfile_domains(struct mail *m, const char *dir);

/*
 * Take up what dir's dns.ndjson, if there is one, says of m's domains, then of hosts, theirs and
 * those with TLSA records: which matter is known after the first.  Returns 0, or -1 after a message.
 */
enum mailfile_pass { MAILFILE_DOMAINS, MAILFILE_HOSTS, MAILFILE_NPASSES };
int mailfile_pass(struct mail *m, const char *dir, enum mailfile_pass pass);

/* Write m's domains as dir's domains.txt, atomically.  Returns 0, or -1 after a message. */
int mailfile_write(const struct mail *m, const char *dir);

#endif
