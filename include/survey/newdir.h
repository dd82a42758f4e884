/* Layer: base.  A directory that appears whole or not at all. */
#ifndef SURVEY_NEWDIR_H
#define SURVEY_NEWDIR_H

#include <stddef.h>

struct newdir {
	char *path; /* its name, once it is complete */
	char *made; /* where it is made: beside it, mode 0700 */
	const char *marker; /* a file that tells what kind of directory it is */
	int above; /* the directory of both; open (O_PATH) while made is there */
};

/*
 * Begin a directory.  An existing one is replaced as a whole, but only when it is
 * empty or holds the marker, which the caller writes into d->made.  what is said of
 * others: "no anonymised copy".  Parents are made.  Returns 0, or -1 after a message.
 */
int newdir_make(struct newdir *d, const char *path, const char *marker, const char *what);
/* Go on with one that was begun as made, in another struct.  Likewise. */
int newdir_resume(struct newdir *d, const char *path, const char *made, const char *marker);
/* A new file below d->made, mode 0600, on the disk when all are.  Returns 0, or -1 after a message. */
int newdir_write(const struct newdir *d, const char *name, const void *data, size_t len);
/* A new directory below it.  Likewise. */
int newdir_mkdir(const struct newdir *d, const char *name);
/* Put it in its place.  Returns 0, or -1 after a message and with nothing changed. */
int newdir_commit(struct newdir *d);
/* Remove what was made, unless it was committed, and free what d holds. */
void newdir_fini(struct newdir *d);

#endif
