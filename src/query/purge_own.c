/* Whose a purged directory is. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/purge.h"
#include "survey/rundir.h"

#define LISTS_ATTRIBUTE "trusted.survey.lists"

struct owner {
	int dir;
	uid_t uid;
	gid_t gid;
};

/* The file, and the folder below the directory that it is in. */
static int
own_file(const char *path, const struct rundir_file *file, const struct stat *st, void *arg)
{
	const struct owner *o = arg;
	char *above = path_dir(path);
	int rc = 0;

	(void)file;
	if (st->st_uid != o->uid || st->st_gid != o->gid)
		rc = fchownat(o->dir, path, o->uid, o->gid, AT_SYMLINK_NOFOLLOW);
	if (rc == 0 && strcmp(above, ".") != 0)
		rc = fchownat(o->dir, above, o->uid, o->gid, AT_SYMLINK_NOFOLLOW);
	free(above);
	return rc;
}

/* Who owns the directory owns the new one, and all in it; it has the same mode and knows of the same lists. */
int
purge_own(const char *dir, const char *made)
{
	int fd = open(made, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = -1;
	char value[4096];
	struct stat st;
	ssize_t n;

	if (fd != -1 && stat(dir, &st) == 0) {
		n = getxattr(dir, LISTS_ATTRIBUTE, value, sizeof(value));
		rc = n > 0 ? fsetxattr(fd, LISTS_ATTRIBUTE, value, (size_t)n, 0) : 0;
		if (rc == 0 && geteuid() == 0) {
			struct owner owner = { fd, st.st_uid, st.st_gid };

			rc = rundir_walk(made, own_file, &owner);
			/* Last: until then nobody else reaches what is in it, to put links on our way. */
			if (rc == 0)
				rc = fchown(fd, st.st_uid, st.st_gid);
		}
		if (rc == 0)
			rc = fchmod(fd, st.st_mode & 07777);
	}
	if (fd != -1)
		close(fd);
	return rc;
}
