#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/newdir.h"

static bool
has_marker(const char *dir, const char *marker)
{
	char *path = path_join(dir, marker);
	struct stat sb;
	bool there = lstat(path, &sb) == 0 && S_ISREG(sb.st_mode);

	free(path);
	return there;
}

static bool
is_empty(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	bool empty = d != NULL;

	while (empty && (e = readdir(d)) != NULL)
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	if (d != NULL)
		closedir(d);
	return empty;
}

/* May a directory take this one's place? */
static int
check_target(const struct newdir *d, const char *what)
{
	struct stat sb;

	if (lstat(d->path, &sb) == -1 && errno == ENOENT)
		return 0;
	if (S_ISDIR(sb.st_mode) && (is_empty(d->path) || has_marker(d->path, d->marker)))
		return 0;
	log_error("%s is not empty and %s: choose a new directory", d->path, what);
	return -1;
}

int
newdir_make(struct newdir *d, const char *path, const char *marker, const char *what)
{
	size_t len = strlen(path);
	char *above;
	int rc;

	while (len > 1 && path[len - 1] == '/')
		len--;
	*d = (struct newdir){ .path = xstrndup(path, len), .marker = marker };
	if (check_target(d, what) == -1)
		return -1;
	above = path_dir(d->path);
	if ((rc = file_mkdirs(above, 0700)) == -1)
		log_error("cannot make %s: %s", above, strerror(errno));
	free(above);
	if (rc == -1)
		return -1;
	d->made = xasprintf("%s.survey-XXXXXX", d->path);
	if (mkdtemp(d->made) != NULL)
		return 0;
	log_error("cannot make %s: %s", d->made, strerror(errno));
	free(d->made);
	d->made = NULL;
	return -1;
}

int
newdir_write(const struct newdir *d, const char *name, const void *data, size_t len)
{
	char *path = path_join(d->made, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), rc = -1;

	if (fd != -1) {
		rc = file_write_fd(fd, data, len);
		if (close(fd) == -1)
			rc = -1;
	}
	if (rc == -1)
		log_error("cannot write %s: %s", path, strerror(errno));
	free(path);
	return rc;
}

int
newdir_mkdir(const struct newdir *d, const char *name)
{
	char *path = path_join(d->made, name);
	int rc = mkdir(path, 0700);

	if (rc == -1)
		log_error("cannot make %s: %s", path, strerror(errno));
	free(path);
	return rc;
}

/* One call for all files: an fsync(2) of each would take longer than to make them. */
static int
sync_all(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc, saved;

	if (fd == -1)
		return -1;
	rc = syncfs(fd);
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

static int
install(const struct newdir *d)
{
	if (renameat2(AT_FDCWD, d->made, AT_FDCWD, d->path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST && rename(d->made, d->path) == 0)
		return 0; /* it was empty */
	if (has_marker(d->path, d->marker) &&
	    renameat2(AT_FDCWD, d->made, AT_FDCWD, d->path, RENAME_EXCHANGE) == 0)
		return file_remove_tree(d->made);
	return -1;
}

int
newdir_commit(struct newdir *d)
{
	if (sync_all(d->made) == -1 || install(d) == -1) {
		log_error("cannot put %s in its place: %s", d->path, strerror(errno));
		return -1;
	}
	free(d->made);
	d->made = NULL;
	return 0;
}

void
newdir_fini(struct newdir *d)
{
	if (d->made != NULL)
		(void)file_remove_tree(d->made);
	free(d->made);
	free(d->path);
	*d = (struct newdir){ NULL };
}
