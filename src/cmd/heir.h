/* The other end of handover.c: a child with the rights of the user who called. */
#ifndef HEIR_H
#define HEIR_H

#include <stdbool.h>
#include <stdint.h>

#define HEIR_NAME 256 /* bytes of a name, with its NUL */
#define HEIR_MAX (UINT64_C(4) << 30) /* bytes of all files */

/*
 * What goes before the bytes of a file.  The first message names what is shown: the run, when it
 * is copied, or else the page itself, as a path.  An empty name ends the files.
 */
struct heir_message {
	char name[HEIR_NAME]; /* below the directory: "report/index.html" */
	uint64_t size; /* of what follows */
};

/*
 * Take messages from the socket fd until the last, and answer with a line: "=", and where the page
 * is, "-" and why it is not there.  Then become the browser; when that fails, a second line tells why.
 * home: where copies go; NULL: nothing is copied.  user: whose it is, when that is not who we were.
 */
_Noreturn void heir_work(int fd, const char *home, const char *user);

/* Is there a display that a browser can use? */
bool heir_has_display(void);

#endif
