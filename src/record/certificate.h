/* A certificate that a record has only in DER. */
#ifndef RECORD_CERTIFICATE_H
#define RECORD_CERTIFICATE_H

#include "facts.h"

/* Its facts as ZGrab2 words them; what a certificate lacks is NULL.  In the line's arena. */
struct certificate {
	const char *subject; /* DN, "" when it is empty; NULL: no text */
	const char **sans; /* DNS names */
	size_t nsans;
};

/*
 * Read base64 text of a DER certificate (RFC 5280) and put its facts and its key into g.
 * False: it is no certificate, or not one with a key of its own; g is as it was.
 */
bool certificate_read(
    const struct facts *f, const char *text, struct host_grab *g, struct certificate *c);

#endif
