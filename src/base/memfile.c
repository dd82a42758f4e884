#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/memfile.h"

#ifndef MFD_NOEXEC_SEAL /* Linux 6.3 */
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* Some machines want it said that such a file is no program (vm.memfd_noexec), older kernels do not know it. */
static int
create(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd == -1 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

/* Seal it and rewind it, or close it when rc says that something failed. */
static int
finish(int fd, int rc)
{
	int saved;

	if (rc == 0 && lseek(fd, 0, SEEK_SET) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int
memfile_new(const char *name, const void *data, size_t len)
{
	int fd = create(name);

	return fd == -1 ? -1 : finish(fd, file_write_fd(fd, data, len));
}

int
memfile_copy(const char *name, int source)
{
	int fd = create(name);

	return fd == -1 ? -1 : finish(fd, file_copy(source, fd));
}
