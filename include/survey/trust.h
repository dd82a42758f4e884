/* Layer: base.  Whom a path depends on. */
#ifndef SURVEY_TRUST_H
#define SURVEY_TRUST_H

#include <stdbool.h>
#include <sys/types.h>

struct stat;

enum {
	TRUST_LINKS = 1, /* links of root's, or of user's, are followed; else no link is */
	TRUST_ANYBODY = 2, /* who owns a component does not matter: only links do */
	TRUST_FOLDERS =
	    4, /* who owns a folder, or writes to it, does not matter: who made the links does */
};

/* Makes the directory called name in parent, which is safe.  Returns 0, or -1 with errno set. */
typedef int (*trust_make_fn)(int parent, const char *name, void *arg);

/*
 * Open what path names, component by component, and make sure that nobody but
 * root and user decides where it leads: every component belongs to one of the
 * two, and others may write in no folder on the way, unless it is root's with
 * the sticky bit (/tmp), where they can put nothing in another's place.
 *
 * make, unless it is NULL, is called for a component that is not there.
 * Returns a descriptor (O_PATH); or -1 with errno set and the reason, a whole
 * sentence without a full stop that names the component, in *why (the caller
 * frees it).  errno is EPERM when somebody else decides, ELOOP for a link.
 */
int trust_open(
    const char *path, uid_t user, unsigned flags, trust_make_fn make, void *arg, char **why);

/*
 * May others than the owner write to it, or put something else in the place of
 * what lies in it?  Not in a folder with the sticky bit, and a user's own group
 * is mostly himself.
 */
bool trust_others_write(const struct stat *st);

#endif
