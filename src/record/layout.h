/*
 * Where each layout keeps each port's key: one row for each place.  A new
 * zgrab2 layout is a new row here.
 */
#ifndef RECORD_LAYOUT_H
#define RECORD_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "survey/simd.h"

enum layout {
	LAYOUT_RAW, /* (a) zgrab2's own objects: from the grab, the object with `status` */
	LAYOUT_V1, /* (b) FreshGrab.py: from the port's `data` */
	LAYOUT_CENSYS, /* (c) Censys until 2020: from the port */
	LAYOUT_SERVICES, /* (d) Censys Search 2: from the service */
	LAYOUT_PLATFORM, /* (e) Censys Platform: likewise */
	NLAYOUTS
};

/* Paths from the place that a row names. */
struct layout_ssh {
	const struct simd_key *key; /* the host key object */
	bool algorithm; /* a key without the name of its algorithm is none */
	const struct simd_key *version, *software, *kex;
	const struct simd_key *offered; /* host key algorithms of the server; or NULL */
};

struct layout_tls {
	const struct simd_key *leaf; /* the parsed certificate */
	const struct simd_key *raw; /* its DER in base64; or NULL */
	struct simd_key key, sans, digest, validity; /* members of the leaf */
	const char *start, *end; /* of the validity */
	const struct simd_key *digest_at; /* where the digest stands beside the leaf; or NULL */
	const struct simd_key *trusted; /* or NULL */
	const struct simd_key *cipher; /* a number, or "0xC02F"; or NULL */
	const struct simd_key *version;
};

struct layout_row {
	uint16_t port; /* number; 0: every TLS port */
	const struct simd_key *from; /* of what the server said; NULL: no more rows */
	const struct simd_key *chain; /* of HTTP responses before that one, first first; or NULL */
	const struct simd_key
	    *root; /* from there to the ssh result or TLS handshake; NULL: that is it */
	const struct simd_key *banner; /* of the mail server's greeting, or NULL */
	const struct simd_key *server; /* of the response's Server header, from `from`; or NULL */
};

extern const struct layout_ssh layout_ssh[NLAYOUTS];
extern const struct layout_tls layout_tls[NLAYOUTS];
extern const struct layout_row *const layout_rows[NLAYOUTS];

#endif
