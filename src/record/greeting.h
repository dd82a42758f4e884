/* Which program greets: what mail servers say first, and what each default greeting tells. */
#ifndef RECORD_GREETING_H
#define RECORD_GREETING_H

#include <stdbool.h>
#include <stddef.h>

struct greeting {
	const char *name; /* "Postfix"; static */
	const char *version; /* "4.96", inside the greeting; or NULL */
	size_t version_len;
};

/*
 * The mail software that an SMTP, IMAP or POP3 greeting names, as that software is shipped:
 * "220 mx.example.ie ESMTP Postfix (Debian/GNU)".  The greeting is the server's own word.  It
 * counts only where the program puts its name, so that no host name and no sentence of an
 * operator is taken for one; what does not match is unknown.  Returns false for that.
 */
bool greeting_software(const char *s, size_t len, struct greeting *g);

#endif
