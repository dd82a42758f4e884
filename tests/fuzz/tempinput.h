/* The input of a fuzz target as a file, for readers that want a path. */
#ifndef FUZZ_TEMPINPUT_H
#define FUZZ_TEMPINPUT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* A file in memory with these bytes, and its path; the caller closes the descriptor. */
static inline int
tempinput(const uint8_t *data, size_t len, char path[static 40])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd == -1 || write(fd, data, len) != (ssize_t)len)
		abort();
	snprintf(path, 40, "/proc/self/fd/%d", fd);
	return fd;
}

#endif
