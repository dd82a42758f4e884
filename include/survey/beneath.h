/*
 * Opening what lies in a directory into which others may write.
 *
 * No link is followed, in no component, and nothing outside of the directory
 * is reached (openat2(2), or step by step where the kernel has no such call).
 */
/* Layer: base */
#ifndef SURVEY_BENEATH_H
#define SURVEY_BENEATH_H

#include <sys/types.h>

/*
 * openat(2) for a regular file, or with O_DIRECTORY for a directory, at path
 * below dir.  Pipes and devices, which could hang or do something when they
 * are opened, are not: errno is EMEDIUMTYPE then, ELOOP for a link, EXDEV for a
 * path that leads out.  O_CLOEXEC is implied.
 */
int beneath_open(int dir, const char *path, int flags, mode_t mode);

/*
 * A new file in the directory dir itself under a temporary name of name (file.h),
 * which the caller frees; mode 0600, to read and write.  -1 with errno set.
 */
int beneath_temporary(int dir, const char *name, char **tmp);

/*
 * Write a file as name in the directory dir itself, whole or not at all: it
 * replaces whatever has that name.  Returns 0, or -1 with errno set.
 */
int beneath_write(int dir, const char *name, const void *data, size_t len, mode_t mode);
/* The same with what the open file source holds from its beginning. */
int beneath_copy(int dir, const char *name, int source, mode_t mode);

#endif
