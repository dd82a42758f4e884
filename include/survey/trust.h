/* Layer: base.  Whom a path depends on. */
#ifndef SURVEY_TRUST_H
#define SURVEY_TRUST_H

#include <sys/types.h>

enum {
	TRUST_LINKS = 1, /* links of root's, or of user's, are followed; else no link is */
	TRUST_ANYBODY = 2, /* who owns a component does not matter: only links do */
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

#endif
