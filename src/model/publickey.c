/* Pure. */
/*
 * A key's members are put together to the bytes that were hashed or, where the record has
 * these bytes, taken out of them.  Nothing is told of a key before the hash agrees.
 */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/sha.h>

#include "survey/base64.h"
#include "survey/mem.h"
#include "survey/publickey.h"

#define EXPONENT_DIGITS 4933 /* of 2^16384: moduli are not longer */

/* Tags of DER (X.690, 8). */
enum {
	DER_INTEGER = 0x02,
	DER_BITS = 0x03,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_SEQUENCE = 0x30,
	DER_VERSION = 0xa0
};

#define OCTETS(array)                \
	{                            \
		array, sizeof(array) \
	}

static const uint8_t rsa_oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1 };
static const uint8_t rsa_pss_oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10 };
static const uint8_t dsa_oid[] = { 0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1 };
static const uint8_t ec_oid[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1 };
static const uint8_t ed25519_oid[] = { 0x2b, 0x65, 0x70 };
static const uint8_t ed448_oid[] = { 0x2b, 0x65, 0x71 };
static const uint8_t p192_oid[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 1 };
static const uint8_t p224_oid[] = { 0x2b, 0x81, 4, 0, 33 };
static const uint8_t p256_oid[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
static const uint8_t p384_oid[] = { 0x2b, 0x81, 4, 0, 34 };
static const uint8_t p521_oid[] = { 0x2b, 0x81, 4, 0, 35 };
static const uint8_t k256_oid[] = { 0x2b, 0x81, 4, 0, 10 };
static const uint8_t bp256_oid[] = { 0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7 };
static const uint8_t bp384_oid[] = { 0x2b, 0x24, 3, 3, 2, 8, 1, 1, 11 };
static const uint8_t bp512_oid[] = { 0x2b, 0x24, 3, 3, 2, 8, 1, 1, 13 };

/* The named curves that certificates and SSH keys use (RFC 5480, 5639, 5656). */
static const struct curve {
	const char *name, *ssh; /* NULL: not one of SSH's */
	struct octets oid;
	uint32_t bits;
} curves[] = {
	{ "P-256", "nistp256", OCTETS(p256_oid), 256 },
	{ "P-384", "nistp384", OCTETS(p384_oid), 384 },
	{ "P-521", "nistp521", OCTETS(p521_oid), 521 },
	{ "P-224", NULL, OCTETS(p224_oid), 224 },
	{ "P-192", NULL, OCTETS(p192_oid), 192 },
	{ "secp256k1", NULL, OCTETS(k256_oid), 256 },
	{ "brainpoolP256r1", NULL, OCTETS(bp256_oid), 256 },
	{ "brainpoolP384r1", NULL, OCTETS(bp384_oid), 384 },
	{ "brainpoolP512r1", NULL, OCTETS(bp512_oid), 512 },
};
#define NCURVES (sizeof(curves) / sizeof(curves[0]))

/* Edwards curves: the key is its bytes (RFC 8410, 8709). */
static const struct edwards {
	enum public_type type;
	const char *ssh;
	struct octets oid;
	uint32_t bits;
	size_t len;
} edwards[] = {
	{ PUBLIC_ED25519, "ssh-ed25519", OCTETS(ed25519_oid), 256, 32 },
	{ PUBLIC_ED448, "ssh-ed448", OCTETS(ed448_oid), 456, 57 },
};
#define NEDWARDS (sizeof(edwards) / sizeof(edwards[0]))

const char *const public_type_words[NPUBLIC_TYPES] = { "unknown", "rsa", "ec", "ed25519", "ed448",
	"dsa" };
const char *const public_result_words[NPUBLIC_RESULTS] = { "ok", "absent", "mismatch",
	"malformed" };

const char *
public_type_name(enum public_type type)
{
	return public_type_words[type];
}

const char *
public_result_name(enum public_result result)
{
	return public_result_words[result];
}

/* ---- octets ---- */

static struct octets
text_octets(const char *s)
{
	return (struct octets){ (const uint8_t *)s, strlen(s) };
}

static bool
equal(struct octets a, struct octets b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

struct octets
octets_minimal(struct octets o)
{
	while (o.len > 0 && o.data[0] == 0) {
		o.data++;
		o.len--;
	}
	return o;
}

size_t
octets_bits(struct octets minimal)
{
	size_t bits = minimal.len * 8;

	if (minimal.len == 0)
		return 0;
	for (unsigned top = minimal.data[0]; (top & 0x80) == 0; top <<= 1)
		bits--;
	return bits;
}

static bool
hashes_to(struct octets o, const uint8_t *fp)
{
	uint8_t md[SHA256_DIGEST_LENGTH];

	_Static_assert(SHA256_DIGEST_LENGTH == KEY_LEN, "a fingerprint is a SHA-256");
	SHA256(o.data, o.len, md);
	return memcmp(md, fp, KEY_LEN) == 0;
}

static bool
decode_base64(const char *text, struct arena *a, struct octets *out)
{
	size_t len = strlen(text);
	uint8_t *data = arena_alloc(a, BASE64_ROOM(len));

	out->data = data;
	return base64_decode(text, len, data, &out->len) && out->len > 0;
}

static bool
decode_decimal(const char *text, struct arena *a, struct octets *out)
{
	size_t digits = strspn(text, "0123456789");
	BIGNUM *n = NULL;
	uint8_t *data;

	if (digits == 0 || digits > EXPONENT_DIGITS || text[digits] != '\0' ||
	    BN_dec2bn(&n, text) == 0)
		return false;
	data = arena_alloc(a, (size_t)BN_num_bytes(n) + 1);
	*out = (struct octets){ data, (size_t)BN_bn2bin(n, data) };
	BN_free(n);
	return out->len > 0;
}

/* ---- writing DER ---- */

/* tag, length, and the parts one after the other. */
static struct octets
der(struct arena *a, uint8_t tag, const struct octets *part, size_t nparts)
{
	size_t len = 0, nlen = 0;
	uint8_t *start, *to;

	for (size_t i = 0; i < nparts; i++)
		len += part[i].len;
	to = start = arena_alloc(a, len + 2 + sizeof(len));
	*to++ = tag;
	if (len < 0x80) {
		*to++ = (uint8_t)len;
	} else {
		for (size_t rest = len; rest > 0; rest >>= 8)
			nlen++;
		*to++ = (uint8_t)(0x80 | nlen);
		while (nlen-- > 0)
			*to++ = (uint8_t)(len >> 8 * nlen);
	}
	for (size_t i = 0; i < nparts; i++) {
		if (part[i].len > 0)
			memcpy(to, part[i].data, part[i].len);
		to += part[i].len;
	}
	return (struct octets){ start, (size_t)(to - start) };
}

static struct octets
der1(struct arena *a, uint8_t tag, struct octets o)
{
	return der(a, tag, &o, 1);
}

static struct octets
der2(struct arena *a, uint8_t tag, struct octets first, struct octets second)
{
	const struct octets part[] = { first, second };

	return der(a, tag, part, 2);
}

static const struct octets zero_byte = { (const uint8_t[]){ 0 }, 1 };

/* An unsigned number as DER and SSH have it: with a zero byte before a set top bit. */
static struct octets
der_number(struct arena *a, struct octets minimal)
{
	if (minimal.len > 0 && (minimal.data[0] & 0x80) == 0)
		return der1(a, DER_INTEGER, minimal);
	return der2(a, DER_INTEGER, zero_byte, minimal);
}

/* SubjectPublicKeyInfo; parameters may be empty. */
static struct octets
spki(struct arena *a, struct octets oid, struct octets parameters, struct octets key)
{
	struct octets algorithm = der2(a, DER_SEQUENCE, der1(a, DER_OID, oid), parameters);

	return der2(a, DER_SEQUENCE, algorithm, der2(a, DER_BITS, zero_byte, key));
}

/* ---- writing SSH's format (RFC 4251, 5) ---- */

static struct octets
ssh_blob(struct arena *a, const struct octets *part, size_t nparts)
{
	size_t len = 0;
	uint8_t *start, *to;

	for (size_t i = 0; i < nparts; i++)
		len += 5 + part[i].len;
	to = start = arena_alloc(a, len);
	for (size_t i = 0; i < nparts; i++) {
		size_t n = part[i].len;

		for (int shift = 24; shift >= 0; shift -= 8)
			*to++ = (uint8_t)(n >> shift);
		memcpy(to, part[i].data, n);
		to += n;
	}
	return (struct octets){ start, (size_t)(to - start) };
}

static struct octets
ssh_number(struct arena *a, struct octets minimal)
{
	uint8_t *data;

	if ((minimal.data[0] & 0x80) == 0)
		return minimal;
	data = arena_alloc(a, minimal.len + 1);
	data[0] = 0;
	memcpy(data + 1, minimal.data, minimal.len);
	return (struct octets){ data, minimal.len + 1 };
}

/* ---- from members to bytes ---- */

struct decode {
	enum key_kind kind;
	const uint8_t *fp;
	struct arena *a;
	struct public_key *out;
};

static void
put_rsa(struct decode *d, struct octets n, struct octets e)
{
	*d->out = (struct public_key){
		.type = PUBLIC_RSA, .bits = (uint32_t)octets_bits(n), .modulus = n, .exponent = e
	};
}

static enum public_result
decode_rsa(struct decode *d, const struct host_public *given)
{
	static const uint8_t null[] = { DER_NULL, 0 };
	struct octets n, e, blob;
	bool right;

	if (!decode_base64(given->modulus, d->a, &n) || !decode_decimal(given->exponent, d->a, &e))
		return PUBLIC_MALFORMED;
	n = octets_minimal(n);
	if (n.len == 0)
		return PUBLIC_MALFORMED;
	if (d->kind == KEY_SSH_HOST) {
		const struct octets part[] = { text_octets("ssh-rsa"), ssh_number(d->a, e),
			ssh_number(d->a, n) };

		blob = ssh_blob(d->a, part, 3);
		right = hashes_to(blob, d->fp);
	} else {
		struct octets oid = OCTETS(rsa_oid), none = { NULL, 0 };
		struct octets key = der2(
		    d->a, DER_SEQUENCE, der_number(d->a, n), der_number(d->a, e));

		blob = spki(d->a, oid, (struct octets)OCTETS(null), key);
		/* Some certificates leave the parameters out. */
		right = hashes_to(blob, d->fp) || hashes_to(spki(d->a, oid, none, key), d->fp);
	}
	if (!right)
		return PUBLIC_MISMATCH;
	put_rsa(d, n, e);
	return PUBLIC_OK;
}

/* Is it a key with this point on this curve? */
static bool
try_curve(struct decode *d, const struct curve *c, struct octets point)
{
	struct octets blob;

	if (d->kind == KEY_SSH_HOST) {
		const struct octets dash = text_octets("ecdsa-sha2-");
		struct octets part[3];
		char name[32];

		if (c->ssh == NULL)
			return false;
		memcpy(name, dash.data, dash.len);
		memcpy(name + dash.len, c->ssh, strlen(c->ssh) + 1);
		part[0] = text_octets(name);
		part[1] = text_octets(c->ssh);
		part[2] = point;
		blob = ssh_blob(d->a, part, 3);
	} else {
		blob = spki(
		    d->a, (struct octets)OCTETS(ec_oid), der1(d->a, DER_OID, c->oid), point);
	}
	if (!hashes_to(blob, d->fp))
		return false;
	*d->out = (struct public_key){
		.type = PUBLIC_EC, .bits = c->bits, .curve = c->name, .point = point
	};
	return true;
}

/* The curve is the one whose key hashes right: records name it in several ways. */
static enum public_result
decode_point(struct decode *d, const char *text)
{
	struct octets point;

	if (!decode_base64(text, d->a, &point))
		return PUBLIC_MALFORMED;
	for (size_t i = 0; i < NCURVES; i++) {
		size_t field = (curves[i].bits + 7) / 8;

		if ((point.len == 2 * field + 1 || point.len == field + 1) &&
		    try_curve(d, &curves[i], point))
			return PUBLIC_OK;
	}
	return PUBLIC_MISMATCH;
}

static enum public_result
decode_coordinates(struct decode *d, const struct host_public *given)
{
	struct octets x, y;

	if (!decode_base64(given->x, d->a, &x) || !decode_base64(given->y, d->a, &y))
		return PUBLIC_MALFORMED;
	for (size_t i = 0; i < NCURVES; i++) {
		size_t field = (curves[i].bits + 7) / 8;
		uint8_t *point;

		if (x.len > field || y.len > field)
			continue;
		point = arena_alloc(d->a, 2 * field + 1);
		memset(point, 0, 2 * field + 1);
		point[0] = 0x04; /* uncompressed (SEC 1, 2.3.3) */
		memcpy(point + 1 + field - x.len, x.data, x.len);
		memcpy(point + 1 + 2 * field - y.len, y.data, y.len);
		if (try_curve(d, &curves[i], (struct octets){ point, 2 * field + 1 }))
			return PUBLIC_OK;
	}
	return PUBLIC_MISMATCH;
}

static void
put_edwards(struct decode *d, const struct edwards *e, struct octets key)
{
	*d->out = (struct public_key){ .type = e->type, .bits = e->bits, .point = key };
}

static enum public_result
decode_edwards(struct decode *d, const char *text)
{
	struct octets key, blob;

	if (!decode_base64(text, d->a, &key))
		return PUBLIC_MALFORMED;
	for (size_t i = 0; i < NEDWARDS; i++) {
		const struct edwards *e = &edwards[i];
		const struct octets part[] = { text_octets(e->ssh), key };

		if (key.len != e->len)
			continue;
		blob = d->kind == KEY_SSH_HOST
			   ? ssh_blob(d->a, part, 2)
			   : spki(d->a, e->oid, (struct octets){ NULL, 0 }, key);
		if (!hashes_to(blob, d->fp))
			return PUBLIC_MISMATCH;
		put_edwards(d, e, key);
		return PUBLIC_OK;
	}
	return PUBLIC_MALFORMED;
}

/* ---- taking bytes apart ---- */

/* The next element: its contents, and how long it is with tag and length. */
static bool
der_read(struct octets *from, uint8_t tag, struct octets *contents, struct octets *whole)
{
	const uint8_t *p = from->data;
	size_t len, head = 2, nlen;

	if (from->len < 2 || p[0] != tag)
		return false;
	len = p[1];
	if (len >= 0x80) {
		nlen = len & 0x7f;
		if (nlen == 0 || nlen > 4 || from->len < 2 + nlen)
			return false;
		for (len = 0; head < 2 + nlen; head++)
			len = len << 8 | p[head];
	}
	if (len > from->len - head)
		return false;
	*contents = (struct octets){ p + head, len };
	if (whole != NULL)
		*whole = (struct octets){ p, head + len };
	from->data += head + len;
	from->len -= head + len;
	return true;
}

static bool
der_read_unsigned(struct octets *from, struct octets *n)
{
	if (!der_read(from, DER_INTEGER, n, NULL) || n->len == 0 || (n->data[0] & 0x80) != 0)
		return false;
	*n = octets_minimal(*n);
	return true;
}

/* A number that is not 0. */
static bool
der_read_number(struct octets *from, struct octets *n)
{
	return der_read_unsigned(from, n) && n->len > 0;
}

bool
public_key_spki(struct octets certificate, struct octets *spki)
{
	struct octets tbs, skipped;
	bool versioned;

	if (!der_read(&certificate, DER_SEQUENCE, &tbs, NULL))
		return false;
	certificate = tbs;
	if (!der_read(&certificate, DER_SEQUENCE, &tbs, NULL))
		return false;
	versioned = tbs.len > 0 && tbs.data[0] == DER_VERSION;
	/* serial, signature, issuer, validity, subject, key (RFC 5280, 4.1) */
	return (!versioned || der_read(&tbs, DER_VERSION, &skipped, NULL)) &&
	       der_read(&tbs, DER_INTEGER, &skipped, NULL) &&
	       der_read(&tbs, DER_SEQUENCE, &skipped, NULL) &&
	       der_read(&tbs, DER_SEQUENCE, &skipped, NULL) &&
	       der_read(&tbs, DER_SEQUENCE, &skipped, NULL) &&
	       der_read(&tbs, DER_SEQUENCE, &skipped, NULL) &&
	       der_read(&tbs, DER_SEQUENCE, &skipped, spki);
}

static const struct curve *
find_curve(struct octets oid, struct octets ssh)
{
	for (size_t i = 0; i < NCURVES; i++) {
		if (oid.len > 0 ? equal(oid, curves[i].oid)
				: curves[i].ssh != NULL && equal(ssh, text_octets(curves[i].ssh)))
			return &curves[i];
	}
	return NULL;
}

static enum public_result
read_point(struct decode *d, const struct curve *c, struct octets point)
{
	size_t field = c != NULL ? (c->bits + 7) / 8 : 0;

	*d->out = (struct public_key){ .type = c != NULL ? PUBLIC_EC : PUBLIC_UNKNOWN };
	if (c == NULL)
		return PUBLIC_OK;
	if (point.len != 2 * field + 1 && point.len != field + 1)
		return PUBLIC_MALFORMED;
	d->out->bits = c->bits;
	d->out->curve = c->name;
	d->out->point = point;
	return PUBLIC_OK;
}

static enum public_result
read_dsa(struct decode *d, struct octets p, struct octets q, struct octets g, struct octets y)
{
	*d->out = (struct public_key){ .type = PUBLIC_DSA,
		.bits = (uint32_t)octets_bits(p),
		.modulus = p,
		.exponent = q,
		.point = y,
		.generator = g };
	return PUBLIC_OK;
}

/* A SubjectPublicKeyInfo that hashes right. */
static enum public_result
read_spki(struct decode *d, struct octets info)
{
	struct octets algorithm, oid, key, inner, n, e, g, y;

	if (!der_read(&info, DER_SEQUENCE, &inner, NULL) ||
	    !der_read(&inner, DER_SEQUENCE, &algorithm, NULL) ||
	    !der_read(&algorithm, DER_OID, &oid, NULL) || !der_read(&inner, DER_BITS, &key, NULL) ||
	    key.len < 2 || key.data[0] != 0)
		return PUBLIC_MALFORMED;
	key.data++;
	key.len--;
	if (equal(oid, (struct octets)OCTETS(rsa_oid)) ||
	    equal(oid, (struct octets)OCTETS(rsa_pss_oid))) {
		if (!der_read(&key, DER_SEQUENCE, &inner, NULL) || !der_read_number(&inner, &n) ||
		    !der_read_number(&inner, &e))
			return PUBLIC_MALFORMED;
		put_rsa(d, n, e);
		return PUBLIC_OK;
	}
	if (equal(oid, (struct octets)OCTETS(ec_oid))) {
		/* Parameters in full are no named curve. */
		if (!der_read(&algorithm, DER_OID, &oid, NULL))
			oid = (struct octets){ NULL, 0 };
		return read_point(d, oid.len > 0 ? find_curve(oid, oid) : NULL, key);
	}
	if (equal(oid, (struct octets)OCTETS(dsa_oid))) {
		/* RFC 3279, 2.3.2: p, q, g among the parameters; the key is y. */
		if (!der_read(&algorithm, DER_SEQUENCE, &inner, NULL) ||
		    !der_read_number(&inner, &n) || !der_read_number(&inner, &e) ||
		    !der_read_number(&inner, &g) || !der_read_unsigned(&key, &y))
			return PUBLIC_MALFORMED;
		return read_dsa(d, n, e, g, y);
	}
	for (size_t i = 0; i < NEDWARDS; i++) {
		if (!equal(oid, edwards[i].oid))
			continue;
		if (key.len != edwards[i].len)
			return PUBLIC_MALFORMED;
		put_edwards(d, &edwards[i], key);
		return PUBLIC_OK;
	}
	*d->out = (struct public_key){ .type = PUBLIC_UNKNOWN };
	return PUBLIC_OK;
}

static bool
ssh_read(struct octets *from, struct octets *string)
{
	size_t len = 0;

	if (from->len < 4)
		return false;
	for (int i = 0; i < 4; i++)
		len = len << 8 | from->data[i];
	if (len > from->len - 4)
		return false;
	*string = (struct octets){ from->data + 4, len };
	from->data += 4 + len;
	from->len -= 4 + len;
	return true;
}

static bool
ssh_read_unsigned(struct octets *from, struct octets *n)
{
	if (!ssh_read(from, n) || (n->len > 0 && (n->data[0] & 0x80) != 0))
		return false;
	*n = octets_minimal(*n);
	return true;
}

static bool
ssh_read_number(struct octets *from, struct octets *n)
{
	return ssh_read_unsigned(from, n) && n->len > 0;
}

/* An SSH key's blob that hashes right. */
static enum public_result
read_blob(struct decode *d, struct octets blob)
{
	static const char ecdsa[] = "ecdsa-sha2-";
	struct octets name, curve, key, n, e, g, y;

	if (!ssh_read(&blob, &name))
		return PUBLIC_MALFORMED;
	if (equal(name, text_octets("ssh-rsa"))) {
		if (!ssh_read_number(&blob, &e) || !ssh_read_number(&blob, &n))
			return PUBLIC_MALFORMED;
		put_rsa(d, n, e);
		return PUBLIC_OK;
	}
	if (equal(name, text_octets("ssh-dss"))) {
		/* RFC 4253, 6.6: p, q, g, y */
		if (!ssh_read_number(&blob, &n) || !ssh_read_number(&blob, &e) ||
		    !ssh_read_number(&blob, &g) || !ssh_read_unsigned(&blob, &y))
			return PUBLIC_MALFORMED;
		return read_dsa(d, n, e, g, y);
	}
	if (name.len > strlen(ecdsa) && memcmp(name.data, ecdsa, strlen(ecdsa)) == 0) {
		if (!ssh_read(&blob, &curve) || !ssh_read(&blob, &key))
			return PUBLIC_MALFORMED;
		return read_point(d, find_curve((struct octets){ NULL, 0 }, curve), key);
	}
	for (size_t i = 0; i < NEDWARDS; i++) {
		if (!equal(name, text_octets(edwards[i].ssh)))
			continue;
		if (!ssh_read(&blob, &key) || key.len != edwards[i].len)
			return PUBLIC_MALFORMED;
		put_edwards(d, &edwards[i], key);
		return PUBLIC_OK;
	}
	*d->out = (struct public_key){ .type = PUBLIC_UNKNOWN };
	return PUBLIC_OK;
}

static enum public_result
decode_raw(struct decode *d, const char *text)
{
	struct octets raw;

	if (!decode_base64(text, d->a, &raw) ||
	    (d->kind == KEY_TLS_SPKI && !public_key_spki(raw, &raw)))
		return PUBLIC_MALFORMED;
	if (!hashes_to(raw, d->fp))
		return PUBLIC_MISMATCH;
	return d->kind == KEY_SSH_HOST ? read_blob(d, raw) : read_spki(d, raw);
}

enum public_result
public_key_decode(const struct host_public *given, enum key_kind kind,
    const uint8_t fp[static KEY_LEN], struct arena *a, struct public_key *out)
{
	struct decode d = { kind, fp, a, out };

	if (given == NULL)
		return PUBLIC_ABSENT;
	if (given->modulus != NULL && given->exponent != NULL)
		return decode_rsa(&d, given);
	if (given->point != NULL)
		return decode_point(&d, given->point);
	if (given->x != NULL && given->y != NULL)
		return decode_coordinates(&d, given);
	if (given->bytes != NULL)
		return decode_edwards(&d, given->bytes);
	if (given->raw != NULL)
		return decode_raw(&d, given->raw);
	return PUBLIC_ABSENT;
}
