/* Whom a process that was started by root becomes. */
/* Layer: io */
#ifndef SURVEY_IDENTITY_H
#define SURVEY_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

struct identity {
	bool drop; /* we are root and become this user */
	uid_t uid;
	gid_t gid;
	char *name; /* NULL: it has no account */
};

/* The user called name (run.user), or ourselves when we are not root.  0 or an exit_status after a message. */
int identity_find(struct identity *id, const char *name);
/*
 * The owner of a directory, or of the nearest one above that is there; ourselves
 * when that is root or us, or when we are not root.  Where a link on the way
 * belongs to neither root nor that owner, root does not write: 0, or an
 * exit_status after a message.
 */
int identity_of_directory(struct identity *id, const char *dir, bool writes);
/*
 * Who called sudo, as SUDO_UID says; ourselves when nobody did.  drop is false where we are not
 * root, or root called.  0, or an exit_status after a message.
 */
int identity_of_caller(struct identity *id);
/* Be that user for a while, and root again.  0 or an exit_status after a message. */
int identity_assume(const struct identity *id);
void identity_resume(const struct identity *id);
/* Become that user for good, but for set-user-ID programs that it may start.  Likewise. */
int identity_become(const struct identity *id);
/* Become that user for good, without any way back.  0 or an exit_status after a message. */
int identity_take(const struct identity *id);

#endif
