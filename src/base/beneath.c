#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "survey/beneath.h"
#include "survey/file.h"
#include "survey/mem.h"

/* Close fd, keep errno, return -1. */
static int
close_failed(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

/* What openat2() does with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, for kernels before 5.6. */
static int
open_stepwise(int dir, const char *path, int flags, mode_t mode)
{
	char *copy = xstrdup(path), *rest = copy, *name;
	int fd = -1, at = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (path[0] == '/') {
		errno = EXDEV;
		at = at != -1 ? close_failed(at) : -1;
	}
	while (at != -1 && (name = strsep(&rest, "/")) != NULL) {
		if (strcmp(name, "..") == 0) {
			errno = EXDEV;
			fd = -1;
		} else if (rest != NULL) {
			fd = openat(at, name[0] != '\0' ? name : ".",
			    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (fd == -1 && errno == ENOTDIR)
				errno = ELOOP; /* a link, or a file in its place */
		} else {
			fd = openat(at, name[0] != '\0' ? name : ".", flags | O_NOFOLLOW, mode);
		}
		close_failed(at);
		at = rest != NULL ? fd : -1;
	}
	free(copy);
	return fd;
}

static int
open_beneath(int dir, const char *path, int flags, mode_t mode)
{
	const struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC,
		.mode = (flags & O_CREAT) != 0 ? mode & 07777 : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));

	/* Filters of system calls that do not know it say one or the other. */
	if (fd == -1 && (errno == ENOSYS || errno == EPERM))
		fd = open_stepwise(dir, path, flags | O_CLOEXEC, mode);
	return fd;
}

/* errno of what is no regular file; 0 for one. */
static int
no_regular_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return errno;
	return S_ISREG(st.st_mode)   ? 0
	       : S_ISLNK(st.st_mode) ? ELOOP
	       : S_ISDIR(st.st_mode) ? EISDIR
				     : EMEDIUMTYPE;
}

int
beneath_open(int dir, const char *path, int flags, mode_t mode)
{
	int fd, error;

	if ((flags & (O_DIRECTORY | O_PATH)) != 0)
		return open_beneath(dir, path, flags, mode);
	/* Looked at before it is opened, for the sake of devices, and afterwards, for it may have changed. */
	if ((fd = open_beneath(dir, path, O_PATH, 0)) != -1) {
		error = no_regular_file(fd);
		close(fd);
		if (error != 0) {
			errno = error;
			return -1;
		}
	}
	if ((fd = open_beneath(dir, path, flags | O_NONBLOCK | O_NOCTTY, mode)) == -1)
		return -1;
	if ((error = no_regular_file(fd)) != 0) {
		errno = error;
		return close_failed(fd);
	}
	if ((flags & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, flags & O_APPEND) == -1)
		return close_failed(fd);
	return fd;
}

int
beneath_temporary(int dir, const char *name, char **tmp)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	unsigned char random[OUTFILE_RANDOM];
	char text[OUTFILE_RANDOM + 1] = "";
	int fd;

	do {
		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			return -1;
		for (size_t i = 0; i < sizeof(random); i++)
			text[i] = digits[random[i] % (sizeof(digits) - 1)];
		*tmp = outfile_temporary(name, text);
		fd = openat(dir, *tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd == -1)
			free(*tmp);
	} while (fd == -1 && errno == EEXIST);
	return fd;
}

/* Give the file its name, or remove it when rc says that something failed. */
static int
finish(int dir, const char *name, char *tmp, int fd, mode_t mode, int rc)
{
	int saved;

	if (rc == 0 && (fchmod(fd, mode) == -1 || fsync(fd) == -1))
		rc = -1;
	if (rc == 0)
		rc = renameat(dir, tmp, dir, name);
	if (rc == -1) {
		saved = errno;
		unlinkat(dir, tmp, 0);
		errno = saved;
	}
	free(tmp);
	close_failed(fd);
	return rc;
}

int
beneath_write(int dir, const char *name, const void *data, size_t len, mode_t mode)
{
	char *tmp;
	int fd = beneath_temporary(dir, name, &tmp);

	return fd == -1 ? -1 : finish(dir, name, tmp, fd, mode, file_write_fd(fd, data, len));
}

int
beneath_copy(int dir, const char *name, int source, mode_t mode)
{
	char *tmp;
	int fd = beneath_temporary(dir, name, &tmp);

	return fd == -1 ? -1 : finish(dir, name, tmp, fd, mode, file_copy(source, fd));
}
