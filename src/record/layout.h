/*
 * Where each layout keeps each port's key: one row for each place.  A new
 * zgrab2 layout is a new row here.
 */
#ifndef RECORD_LAYOUT_H
#define RECORD_LAYOUT_H

#include <stdint.h>

enum layout {
	LAYOUT_RAW, /* (a) zgrab2's own objects: from the grab, the object with `status` */
	LAYOUT_V1, /* (b) FreshGrab.py: from the port's `data` */
	LAYOUT_CENSYS, /* (c) from the port */
	NLAYOUTS
};

/* Paths from the place that a row names. */
struct layout_ssh {
	const char *key; /* the host key object */
	const char *algorithm; /* member of it */
	const char *version, *software, *kex;
};

struct layout_tls {
	const char *leaf; /* the parsed certificate */
	const char *raw; /* its DER in base64 */
	const char *trusted;
	const char *cipher; /* a number, or "0xC02F" */
	const char *version;
};

struct layout_row {
	uint16_t port; /* number; 0: every TLS port */
	const char *root; /* of the ssh result or TLS handshake; NULL: no more rows */
	const char *banner; /* of the server's greeting, or NULL */
};

extern const struct layout_ssh layout_ssh[NLAYOUTS];
extern const struct layout_tls layout_tls[NLAYOUTS];
extern const struct layout_row *const layout_rows[NLAYOUTS];

#endif
