#include <stdio.h>
#include <string.h>

#include "survey/base64.h"
#include "survey/mem.h"

#include "key.h"

struct key_object
key_open(struct simd_node object)
{
	enum { FP, FP2, ALG, ALG2, RSA, RSA2, EC, EC2, ED, ED2, DSA, RAW, CERTIFIED, NMEMBERS };
	static const struct simd_key member[NMEMBERS] = { [FP] = SIMD_KEY("fingerprint_sha256"),
		[FP2] = SIMD_KEY("fingerprint"),
		[ALG] = SIMD_KEY("algorithm"),
		[ALG2] = SIMD_KEY("key_algorithm"),
		[RSA] = SIMD_KEY("rsa_public_key"),
		[RSA2] = SIMD_KEY("rsa"),
		[EC] = SIMD_KEY("ecdsa_public_key"),
		[EC2] = SIMD_KEY("ecdsa"),
		[ED] = SIMD_KEY("ed25519_public_key"),
		[ED2] = SIMD_KEY("ed25519"),
		[DSA] = SIMD_KEY("dsa_public_key"),
		[RAW] = SIMD_KEY("raw"),
		[CERTIFIED] = SIMD_KEY("certkey_public_key") };
	struct simd_node m[NMEMBERS];
	struct key_object k;

	simd_get_all(object, member, NMEMBERS, m);
	k.fingerprint = m[FP].doc != NULL ? m[FP] : m[FP2];
	k.algorithm = m[ALG].doc != NULL ? m[ALG] : m[ALG2];
	k.rsa = m[RSA].doc != NULL ? m[RSA] : m[RSA2];
	k.ec = m[EC].doc != NULL ? m[EC] : m[EC2];
	k.ed25519 = m[ED].doc != NULL ? m[ED] : m[ED2];
	k.dsa = m[DSA];
	k.raw = m[RAW];
	k.certified = m[CERTIFIED];
	return k;
}

/* An exponent in decimal; Censys has it in base64 (AQAB). */
static const char *
exponent_text(const struct facts *f, struct simd_node n)
{
	const char *text;
	char digits[24];
	uint8_t bytes[BASE64_ROOM(8)];
	uint64_t v = 0;
	size_t len;

	if (simd_type(n) != SIMD_STRING)
		return fact_digits(f, n);
	text = fact_base64(f, n);
	if (text == NULL || strspn(text, "0123456789") == strlen(text) || strlen(text) > 8 ||
	    !base64_decode(text, strlen(text), bytes, &len))
		return text;
	for (size_t i = 0; i < len; i++)
		v = v << 8 | bytes[i];
	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)v);
	return arena_strndup(f->a, digits, strlen(digits));
}

const struct host_public *
key_public(const struct facts *f, enum key_kind kind, const struct key_object *k,
    struct simd_node from, const struct simd_key *raw)
{
	struct host_public p = { 0 }, *copy;

	if (kind == KEY_SSH_HOST && (p.raw = fact_base64(f, k->raw)) != NULL)
		goto found; /* the hashed bytes themselves */
	if (simd_type(k->rsa) == SIMD_OBJECT) {
		p.modulus = fact_base64(f, simd_get(k->rsa, "modulus"));
		if (p.modulus != NULL)
			p.exponent = exponent_text(f, simd_get(k->rsa, "exponent"));
		if (p.exponent != NULL)
			goto found;
	} else if (simd_type(k->ec) == SIMD_OBJECT) {
		if ((p.point = fact_base64(f, simd_get(k->ec, "pub"))) != NULL)
			goto found;
		p.x = fact_base64(f, simd_get(k->ec, "x"));
		if (p.x != NULL)
			p.y = fact_base64(f, simd_get(k->ec, "y"));
		if (p.y != NULL)
			goto found;
	} else if (simd_type(k->ed25519) == SIMD_OBJECT) {
		if ((p.bytes = fact_base64(f, simd_get(k->ed25519, "public_bytes"))) != NULL)
			goto found;
	}
	if (raw == NULL || (p.raw = fact_base64(f, simd_at(from, raw))) == NULL)
		return NULL;
found:
	copy = arena_alloc(f->a, sizeof(*copy));
	*copy = p;
	return copy;
}

const char *
key_ssh_algorithm(const struct key_object *k)
{
	static const struct {
		const char *curve, *algorithm;
	} ec[] = { { "P-256", "ecdsa-sha2-nistp256" }, { "P-384", "ecdsa-sha2-nistp384" },
		{ "P-521", "ecdsa-sha2-nistp521" } };
	struct simd_text curve = simd_string(simd_get(k->ec, "curve"));

	if (simd_type(k->rsa) == SIMD_OBJECT)
		return "ssh-rsa";
	if (simd_type(k->ed25519) == SIMD_OBJECT)
		return "ssh-ed25519";
	if (simd_type(k->dsa) == SIMD_OBJECT)
		return "ssh-dss";
	for (size_t i = 0; i < sizeof(ec) / sizeof(ec[0]); i++) {
		if (curve.s != NULL && curve.len == strlen(ec[i].curve) &&
		    memcmp(curve.s, ec[i].curve, curve.len) == 0)
			return ec[i].algorithm;
	}
	return NULL;
}
