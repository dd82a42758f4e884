#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/foreign.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/newdir.h"

#define RANDOM 6 /* characters of a name */

/*
 * Both directories are known by their names in d->above: whoever may rename a directory on the way
 * there leads to no other one.
 */

static bool
has_marker(const struct newdir *d)
{
	int dir = openat(
	    d->above, path_last(d->path), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat sb;
	bool there = dir != -1 && fstatat(dir, d->marker, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
		     S_ISREG(sb.st_mode);

	if (dir != -1)
		close(dir);
	return there;
}

static bool
is_empty(const struct newdir *d)
{
	int fd = openat(
	    d->above, path_last(d->path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	bool empty = dir != NULL;

	while (empty && (e = readdir(dir)) != NULL)
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	if (dir != NULL)
		closedir(dir);
	else if (fd != -1)
		close(fd);
	return empty;
}

/* May a directory take this one's place? */
static int
check_target(const struct newdir *d, const char *what)
{
	struct stat sb;

	if (fstatat(d->above, path_last(d->path), &sb, AT_SYMLINK_NOFOLLOW) == -1 &&
	    errno == ENOENT)
		return 0;
	if (S_ISDIR(sb.st_mode) && (is_empty(d) || has_marker(d)))
		return 0;
	log_error("%s is not empty and %s: choose a new directory", d->path, what);
	return -1;
}

/* Open the directory in which both are; with make it and those above it are made. */
static int
open_above(struct newdir *d, bool make)
{
	char *above = path_dir(d->path);

	if (make && file_mkdirs(above, 0700) == -1)
		log_error("cannot make %s: %s", above, strerror(errno));
	else if ((d->above = file_open_dir(above, O_PATH)) == -1)
		log_error("%s: %s", above, strerror(errno));
	free(above);
	return d->above != -1 ? 0 : -1;
}

static void
init(struct newdir *d, const char *path, const char *marker)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	*d = (struct newdir){ .path = xstrndup(path, len), .marker = marker, .above = -1 };
}

/* Make d->made, under a name that nobody has. */
static int
make_beside(struct newdir *d)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	unsigned char random[RANDOM];
	char text[RANDOM + 1] = "";

	for (;;) {
		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			return -1;
		for (size_t i = 0; i < RANDOM; i++)
			text[i] = digits[random[i] % (sizeof(digits) - 1)];
		d->made = xasprintf("%s.survey-%s", d->path, text);
		if (mkdirat(d->above, path_last(d->made), 0700) == 0)
			return 0;
		free(d->made);
		d->made = NULL;
		if (errno != EEXIST)
			return -1;
	}
}

int
newdir_make(struct newdir *d, const char *path, const char *marker, const char *what)
{
	init(d, path, marker);
	if (open_above(d, true) == -1 || check_target(d, what) == -1)
		return -1;
	/* What is written there from now on goes through its descriptor. */
	if (make_beside(d) == 0 && foreign_add(d->made, true) == 0)
		return 0;
	log_error("cannot make a directory beside %s: %s", d->path, strerror(errno));
	return -1;
}

int
newdir_resume(struct newdir *d, const char *path, const char *made, const char *marker)
{
	init(d, path, marker);
	if (open_above(d, false) == -1)
		return -1;
	d->made = xstrdup(made);
	return 0;
}

int
newdir_write(const struct newdir *d, const char *name, const void *data, size_t len)
{
	char *path = path_join(d->made, name);
	int fd = file_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600), rc = -1;

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
	int dir = file_open_dir(d->made, O_PATH), rc = -1;

	if (dir != -1) {
		rc = mkdirat(dir, name, 0700);
		close(dir);
	}
	if (rc == -1)
		log_error("cannot make %s/%s: %s", d->made, name, strerror(errno));
	return rc;
}

/* One call for all files: an fsync(2) of each would take longer than to make them. */
static int
sync_all(const char *dir)
{
	int fd = file_open_dir(dir, O_RDONLY), rc, saved;

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
	const char *made = path_last(d->made), *name = path_last(d->path);

	if (renameat2(d->above, made, d->above, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST && renameat(d->above, made, d->above, name) == 0)
		return 0; /* it was empty */
	if (has_marker(d) && renameat2(d->above, made, d->above, name, RENAME_EXCHANGE) == 0)
		return file_remove_tree_at(d->above, made);
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
		(void)file_remove_tree_at(d->above, path_last(d->made));
	if (d->path != NULL && d->above != -1)
		close(d->above);
	free(d->made);
	free(d->path);
	*d = (struct newdir){ .above = -1 };
}
