/*
 * One host as its records show it: an address, the keys of its ports with
 * what goes with them, and the names it gave.
 *
 * The same type serves for one line of a record file and for a host whose
 * lines have been merged.  Texts are borrowed from whoever made the host.
 */
/* Layer: model */
#ifndef SURVEY_HOST_H
#define SURVEY_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/ip.h"
#include "survey/outcome.h"
#include "survey/port.h"
#include "survey/rfc3339.h"

struct arena;

#define KEY_LEN 32 /* SHA-256 */
#define HOST_SANS_MAX 100 /* names of a certificate that are used */
#define HOST_NAME_BYTES 1024 /* bytes; longer ones are no names */
#define HOST_GRABS_MAX 64 /* grabs of one line that are used */

enum fact { FACT_NO, FACT_YES, FACT_UNKNOWN };

#define HOST_PUBLIC_TEXT ((size_t)64 << 10) /* bytes of a member of struct host_public */

/*
 * A public key in the record's own words: neither decoded nor compared with the
 * fingerprint, which is public_key_decode()'s work.  Base64, but for the exponent, which is
 * decimal; each at most HOST_PUBLIC_TEXT bytes, NULL where it is missing.
 */
struct host_public {
	const char *modulus, *exponent; /* RSA */
	const char *point; /* EC: as the key has it */
	const char *x, *y; /* EC: its coordinates, leading zeros left out */
	const char *bytes; /* Ed25519 */
	const char
	    *raw; /* ssh: the key's blob; TLS, where nothing else is known: the DER certificate */
};

/* One key that one port showed, and the facts beside it; each may be missing. */
struct host_grab {
	uint8_t port; /* row of port_table */
	uint8_t kind; /* enum key_kind */
	uint8_t trusted, self_signed; /* enum fact: browser_trusted, signed by its own key */
	/* enum fact; of an RSA host key of SSH: the server offers no signature with it but ssh-rsa, SHA-1 */
	uint8_t sha1_only;
	int32_t cipher_suite; /* IANA number, -1 unknown */
	int32_t key_bits; /* -1 unknown */
	uint32_t key; /* number of the key in the host set; unused in a single line */
	const uint8_t *fp; /* KEY_LEN bytes */
	const char
	    *grab; /* which of the port's grabs: "" for the plain one, else "rsa", "tls13", … */
	const char *alg; /* ssh: host key algorithm; TLS: "RSA", "ECDSA", …; NULL unknown */
	const char *curve; /* of an ECDSA key, or NULL */
	const char *version; /* "TLSv1.2"; ssh: "2.0"; or NULL */
	/* ssh: server id without "SSH-2.0-"; https: server header; mail: name and version; or NULL */
	const char *software;
	const char *kex; /* ssh: key exchange algorithm, or NULL */
	const char *issuer, *subject; /* DNs, or NULL */
	const char *serial; /* of the certificate, mostly decimal; or NULL */
	const uint8_t *cert; /* SHA-256 of the certificate, KEY_LEN bytes; NULL unknown */
	const struct host_public *public_key; /* NULL where the record shows only its fingerprint */
	int64_t not_before, not_after; /* seconds since 1970, or TIME_UNKNOWN */
	int64_t at; /* when it was grabbed, or TIME_UNKNOWN */
};

enum name_source { NAME_BANNER, NAME_DN, NAME_SAN };

/* A name as the host gave it: no control characters, at most HOST_NAME_BYTES bytes; "" for a DN without CN. */
struct host_name {
	const char *text;
	uint8_t source; /* enum name_source */
	uint8_t port; /* row of port_table */
	uint16_t san; /* number of the SAN */
};

/* Where a name stands among those of its host: by port, banner, DN, SANs. */
static inline uint32_t
host_name_rank(uint8_t port, uint8_t source, uint16_t san)
{
	return (uint32_t)port << 18 | (uint32_t)source << 16 | san;
}

/* Why a host takes no part in the clustering; it takes part with OUT_NONE. */
enum host_out { OUT_NONE, OUT_NO_KEY, OUT_WRONG_COUNTRY, OUT_NO_COUNTRY, HOST_NOUTS };

struct host {
	struct ip ip;
	uint8_t out; /* enum host_out */
	char country[3]; /* "" unknown */
	bool own_country, own_as; /* country; asn and as_name: came with the record */
	uint32_t asn; /* 0 unknown */
	uint16_t seen; /* rows of port_table whose plain grab the records speak of, as bits */
	uint8_t outcome[NPORTS]; /* enum port_outcome; of a port with a key: OUTCOME_KEY */
	uint32_t ngrabs, nnames;
	uint64_t record; /* number of the host's first line, from 0 */
	int64_t time; /* when its grab ended, or TIME_UNKNOWN */
	const char *as_name, *writer; /* or NULL */
	struct host_grab *grabs; /* by port, then the plain grab, then by grab name */
	struct host_name *names; /* by port; banner, DN, SANs */
};

#define HOST_KEY_SIZE 16

/* "banner", "p25dn", "p443san7": the name's key in a nameset. */
const char *host_name_key(const struct host_name *n, char key[static HOST_KEY_SIZE]);
/* "no-key", "wrong-country", "no-country" */
const char *host_out_name(enum host_out out);
extern const char *const host_out_words[HOST_NOUTS]; /* all of them; "" for OUT_NONE */

/*
 * Building.  The arrays grow in the arena a, or on the heap when it is NULL
 * (then the caller frees grabs and names); they must all come from one of the
 * two.  Texts are not copied.
 *
 * host_put_grab() keeps the order; a grab of the same port and name is replaced, and
 * true returned.
 */
bool host_put_grab(struct host *h, const struct host_grab *g, struct arena *a);
void host_put_name(struct host *h, const struct host_name *n, struct arena *a);
/*
 * One more grab of a port ended so.  A key outdoes an answer, and that any failure; of two
 * failures the plain grab's counts.
 */
void host_put_outcome(struct host *h, uint8_t port, bool plain, enum port_outcome outcome);
/* Forget a port's banner, or else the names of its certificate. */
void host_drop_names(struct host *h, uint8_t port, bool banner);

/* What a merge could not keep. */
struct merge_counts {
	uint64_t repeated; /* ports that both records had */
	uint64_t over; /* grabs past HOST_GRABS_MAX */
};

/*
 * Put a later record of the same address into h.  Of a port that both have
 * the later one that shows a key wins, and when neither does, the later.
 */
void host_merge(
    struct host *h, const struct host *later, struct arena *a, struct merge_counts *counts);

#endif
