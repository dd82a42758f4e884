/*
 * Files in memory that nobody can change any more (memfd_create(2), sealed).
 * A process that inherits the descriptor N opens them as /proc/self/fd/N.
 */
/* Layer: base */
#ifndef SURVEY_MEMFILE_H
#define SURVEY_MEMFILE_H

#include <stddef.h>
#include <stdint.h>

/* A file with these len bytes; name is for /proc only.  Returns a descriptor, or -1 with errno set. */
int memfile_new(const char *name, const void *data, size_t len);

/*
 * A file with what the open file source holds from its beginning, as it is
 * now: whatever happens to source later.  Returns a descriptor, or -1 with
 * errno set.
 */
int memfile_copy(const char *name, int source);

#endif
