#include <limits.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "survey/base64.h"
#include "survey/escape.h"
#include "survey/mem.h"
#include "survey/publickey.h"

#include "certificate.h"

/* A text as facts are: UTF-8 without control characters, not too long. */
static const char *
usable(const struct facts *f, const char *s, size_t len)
{
	if (len > HOST_NAME_BYTES || (len > 0 && !utf8_valid(s, len)))
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return NULL;
	}
	return arena_strndup(f->a, s, len);
}

/* "C=IE, O=Example, CN=mx.example.ie": in the certificate's order. */
static const char *
dn_text(const struct facts *f, const X509_NAME *name)
{
	BIO *out = BIO_new(BIO_s_mem());
	const char *text = NULL;
	char *data;
	long len;

	if (out != NULL &&
	    X509_NAME_print_ex(out, name, 0,
		XN_FLAG_SEP_CPLUS_SPC | ASN1_STRFLGS_ESC_2253 | ASN1_STRFLGS_UTF8_CONVERT |
		    ASN1_STRFLGS_DUMP_UNKNOWN | ASN1_STRFLGS_DUMP_DER) >= 0 &&
	    (len = BIO_get_mem_data(out, &data)) >= 0)
		text = usable(f, data, (size_t)len);
	BIO_free(out);
	return text;
}

static int64_t
unix_time(const ASN1_TIME *t)
{
	struct tm tm;

	return t != NULL && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : TIME_UNKNOWN;
}

static const char *
serial_text(const struct facts *f, const X509 *x)
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	char *digits = n != NULL ? BN_bn2dec(n) : NULL;
	const char *text = digits != NULL ? usable(f, digits, strlen(digits)) : NULL;

	OPENSSL_free(digits);
	BN_free(n);
	return text;
}

static void
read_sans(const struct facts *f, X509 *x, struct certificate *c)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int n = names != NULL ? sk_GENERAL_NAME_num(names) : 0;

	c->sans = n > 0 ? arena_alloc(f->a, (size_t)n * sizeof(*c->sans)) : NULL;
	for (int i = 0; i < n; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS)
			c->sans[c->nsans++] = usable(f,
			    (const char *)ASN1_STRING_get0_data(name->d.dNSName),
			    (size_t)ASN1_STRING_length(name->d.dNSName));
	}
	GENERAL_NAMES_free(names);
}

static void
read_facts(const struct facts *f, X509 *x, struct host_grab *g, struct certificate *c)
{
	const X509_NAME *subject = X509_get_subject_name(x), *issuer = X509_get_issuer_name(x);
	const char *text;

	c->subject = dn_text(f, subject);
	c->nsans = 0;
	read_sans(f, x, c);
	text = dn_text(f, issuer);
	g->issuer = text != NULL && text[0] != '\0' ? text : NULL;
	g->subject = c->subject != NULL && c->subject[0] != '\0' ? c->subject : NULL;
	g->serial = serial_text(f, x);
	g->not_before = unix_time(X509_get0_notBefore(x));
	g->not_after = unix_time(X509_get0_notAfter(x));
	g->self_signed = X509_NAME_cmp(subject, issuer) == 0 && X509_get0_pubkey(x) != NULL &&
				 X509_verify(x, X509_get0_pubkey(x)) == 1
			     ? FACT_YES
			     : FACT_NO;
}

static void
read_key(const struct facts *f, const char *text, const uint8_t *fp, struct host_grab *g)
{
	static const char *const algorithm[NPUBLIC_TYPES] = { [PUBLIC_RSA] = "RSA",
		[PUBLIC_EC] = "ECDSA",
		[PUBLIC_ED25519] = "Ed25519",
		[PUBLIC_ED448] = "Ed448",
		[PUBLIC_DSA] = "DSA" };
	struct host_public *given = arena_alloc(f->a, sizeof(*given));
	struct public_key key = { .type = PUBLIC_UNKNOWN };

	*given = (struct host_public){ .raw = text };
	g->fp = fp;
	g->public_key = given;
	if (public_key_decode(given, KEY_TLS_SPKI, fp, f->a, &key) != PUBLIC_OK)
		return;
	g->alg = algorithm[key.type];
	g->curve = key.curve;
	if (key.type == PUBLIC_RSA && key.bits > 0 && key.bits <= 1 << 20)
		g->key_bits = (int32_t)key.bits;
}

bool
certificate_read(
    const struct facts *f, const char *text, struct host_grab *g, struct certificate *c)
{
	size_t len = strlen(text);
	uint8_t *der = arena_alloc(f->a, BASE64_ROOM(len)), *fp, *digest;
	const unsigned char *p = der;
	struct octets all = { der, 0 }, spki;
	X509 *x;

	if (!base64_decode(text, len, der, &all.len) || all.len > LONG_MAX ||
	    !public_key_spki(all, &spki))
		return false;
	x = d2i_X509(NULL, &p, (long)all.len);
	if (x == NULL || p != der + all.len) {
		X509_free(x);
		ERR_clear_error();
		return false;
	}
	fp = arena_alloc(f->a, KEY_LEN);
	digest = arena_alloc(f->a, KEY_LEN);
	SHA256(spki.data, spki.len, fp);
	SHA256(all.data, all.len, digest);
	g->cert = digest;
	read_facts(f, x, g, c);
	read_key(f, text, fp, g);
	X509_free(x);
	ERR_clear_error(); /* of a signature that does not fit, for one */
	return true;
}
