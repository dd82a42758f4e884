/* Writing a file that is packed on the way. */
/* Layer: io */
#ifndef SURVEY_PACK_H
#define SURVEY_PACK_H

#include <stddef.h>

enum pack_kind { PACK_NONE, PACK_GZIP, PACK_ZSTD };

struct packer;

/* What is written goes to fd, which stays the caller's, from its place on.  NULL with errno set. */
struct packer *packer_open(int fd, enum pack_kind kind);
/* Returns 0, or -1 with errno set. */
int packer_write(struct packer *p, const void *data, size_t len);
/* Write what is left; p is gone in either case.  Returns 0, or -1 with errno set.  NULL is fine. */
int packer_close(struct packer *p);
/* By the end of a file's name: ".gz", ".zst". */
enum pack_kind pack_kind_of(const char *name);

#endif
