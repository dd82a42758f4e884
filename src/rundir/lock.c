/* The lock of a run directory: held by whoever writes there. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/rundir.h"

int
rundir_lock(const char *dir)
{
	char *path = path_join(dir, RUNDIR_LOCK);
	int fd = file_open(path, O_RDWR | O_CREAT, 0600), saved;

	free(path);
	if (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

bool
rundir_is_locked(const char *dir)
{
	char *path = path_join(dir, RUNDIR_LOCK);
	int fd = file_open(path, O_RDONLY, 0);
	bool locked = fd != -1 && flock(fd, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK;

	if (fd != -1)
		close(fd);
	free(path);
	return locked;
}
