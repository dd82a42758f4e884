/*
 * Directories of other users in which we read or write.
 *
 * Whoever may write to a directory can put links, pipes and devices there.
 * Below one that is named here, the functions of file.h follow no link and open
 * regular files only (beneath.h), and what root makes there is given to the
 * directory's owner, who must be able to go on with it.
 */
/* Layer: base */
#ifndef SURVEY_FOREIGN_H
#define SURVEY_FOREIGN_H

#include <stdbool.h>
#include <sys/types.h>

struct foreign {
	int fd; /* of the directory, O_PATH; it stays open */
	uid_t uid; /* its owner */
	gid_t gid;
	const char *rest; /* of the path that was asked for, below it; "." for itself */
};

/* Whose directories are our own from now on, those of root always; at first those of the effective user. */
void foreign_ours(uid_t uid);

/*
 * Name a directory, for the life of the process, unless it is our own and
 * nobody else may write to it; pin: even then.  A link that leads to it is
 * followed, here and now.  Called before there are threads.  Returns 0, or -1
 * with errno set.
 */
int foreign_add(const char *dir, bool pin);

/* Is path in, or the same as, such a directory?  Paths are compared as they are written. */
bool foreign_find(const char *path, struct foreign *f);

#endif
