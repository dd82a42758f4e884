/* Pure. */
#include <stdlib.h>
#include <string.h>

#include "survey/finding.h"
#include "survey/mem.h"

/*
 * The lengths: RSA-250 (829 bits) is the longest product of two primes of its
 * kind that has been factored in public (2020).  NIST SP 800-131A has allowed
 * nothing below 2,048 bits since 2014; some programs make 2,047 of that.
 */
const struct finding_kind_def finding_kinds[FINDING_NKINDS] = {
	[FINDING_SHARED_PRIME] = { "shared-prime", FINDING_CRITICAL,
	    "The modulus shares a prime with those of other keys, so that all of them are "
	    "factored." },
	[FINDING_KNOWN_PRIME] = { "known-prime", FINDING_CRITICAL,
	    "A prime of the modulus is publicly known." },
	[FINDING_LISTED] = { "listed", FINDING_CRITICAL,
	    "The key is on a list of keys whose private keys are known." },
	[FINDING_SQUARE] = { "square-modulus", FINDING_CRITICAL,
	    "The modulus is the square of a number." },
	[FINDING_CLOSE_PRIMES] = { "close-primes", FINDING_CRITICAL,
	    "The two primes are so close that Fermat's method factors the modulus at once." },
	[FINDING_ROCA] = { "roca", FINDING_CRITICAL,
	    "The key was made by Infineon's RSALib (ROCA, CVE-2017-15361)." },
	[FINDING_SMALL_PRIVATE] = { "small-private-exponent", FINDING_CRITICAL,
	    "The private exponent is so small that Wiener's method finds it." },
	[FINDING_ZERO_BLOCKS] = { "zero-blocks", FINDING_CRITICAL,
	    "The modulus has regular blocks of zeros: its primes do, too, and can be found as "
	    "factors of a polynomial." },
	[FINDING_EXPONENT_ONE] = { "exponent-one", FINDING_CRITICAL,
	    "The public exponent is 1: nothing is encrypted, and anyone can sign." },
	[FINDING_FACTORABLE_LENGTH] = { "factorable-length", FINDING_CRITICAL,
	    "Moduli of this length have been factored (at most 829 bits)." },
	[FINDING_SMALL_ORDER] = { "small-order", FINDING_CRITICAL,
	    "The point, or the value or generator of a DSA key, has a small order: signatures for "
	    "it "
	    "can be made without a private key." },
	[FINDING_SMALL_FACTOR] = { "small-factor", FINDING_HIGH,
	    "The modulus has a prime factor of at most 65,537: it is damaged, or was made badly." },
	[FINDING_BAD_EXPONENT] = { "bad-exponent", FINDING_HIGH,
	    "The public exponent is even, or not below the modulus: this is no RSA key." },
	[FINDING_OFF_CURVE] = { "off-curve", FINDING_HIGH,
	    "The point is not on its curve, or is the point at infinity: this is no key." },
	[FINDING_OFF_GROUP] = { "off-group", FINDING_HIGH,
	    "The value of the DSA key is not in the group of its parameters: this is no key." },
	[FINDING_BAD_GROUP] = { "bad-group", FINDING_HIGH,
	    "The parameters of the DSA key are no group of prime order: p or q is no prime, q does "
	    "not "
	    "divide p − 1, or the generator has another order." },
	[FINDING_VERY_SHORT] = { "very-short", FINDING_HIGH,
	    "The modulus has less than 1,024 bits." },
	[FINDING_SMALL_CURVE] = { "small-curve", FINDING_HIGH,
	    "The curve has less than 224 bits." },
	[FINDING_SMALL_GROUP] = { "small-group", FINDING_HIGH,
	    "The DSA key's p has less than 1,024 bits, or its q less than 160." },
	[FINDING_SHORT] = { "short", FINDING_MEDIUM, "The modulus has less than 2,040 bits." },
	[FINDING_DSA_KEY] = { "dsa", FINDING_MEDIUM,
	    "DSA keys are given up: OpenSSH, TLS 1.3 and NIST (FIPS 186-5) accept none." },
	[FINDING_MULTIPLE] = { "multiple", FINDING_MEDIUM,
	    "The modulus is equal to another key's up to a factor: one of the two is damaged, or "
	    "was made of the other." },
	[FINDING_SAME_KEY] = { "same-key", FINDING_MEDIUM,
	    "The same modulus or point stands under another fingerprint, too, with another "
	    "exponent "
	    "or in another form: each private key gives the other." },
	[FINDING_SSH_AND_TLS] = { "ssh-and-tls", FINDING_MEDIUM,
	    "The same public key is an SSH host key and in a certificate: whoever has one private "
	    "key has both." },
	[FINDING_SHA1_ONLY] = { "sha1-only", FINDING_LOW,
	    "An SSH server offers no signatures with the key but those with SHA-1 (ssh-rsa)." },
	[FINDING_ODD_WEIGHT] = { "odd-weight", FINDING_LOW,
	    "The modulus has far more or far less ones than zeros." },
	[FINDING_HUGE_EXPONENT] = { "huge-exponent", FINDING_LOW,
	    "The public exponent has more than 64 bits." },
};

const char *
finding_severity_name(enum finding_severity severity)
{
	static const char *const names[FINDING_NSEVERITIES] = { "critical", "high", "medium",
		"low" };

	return names[severity];
}

const char *
finding_skip_name(enum finding_skip reason)
{
	static const char *const names[FINDING_NSKIPS] = { "no number", "too long", "unknown curve",
		"unknown type", "only its fingerprint is known", "not of its fingerprint",
		"malformed" };

	return names[reason];
}

const char *
finding_check_name(enum finding_check check)
{
	static const char *const names[NCHECKS] = { "shared-primes", "known-primes", "rsa", "ec",
		"ed25519", "dsa", "ssh", "same-key", "lists" };

	return names[check];
}

int
finding_kind_from(const char *name, size_t len)
{
	for (int i = 0; i < FINDING_NKINDS; i++) {
		if (strlen(finding_kinds[i].name) == len &&
		    memcmp(finding_kinds[i].name, name, len) == 0)
			return i;
	}
	return -1;
}

static void
free_list(struct finding_list *l)
{
	free(l->name);
	free(l->note);
	free(l->error);
	for (size_t i = 0; l->parts != NULL && i < FINDING_PARTS; i++)
		free(l->parts[i]);
	free(l->parts);
}

void
findings_fini(struct findings *f)
{
	free(f->findings);
	free(f->refs);
	free(f->groups);
	free(f->members);
	free(f->skipped);
	for (size_t i = 0; i < f->nlists; i++)
		free_list(&f->lists[i]);
	free(f->lists);
	for (size_t i = 0; i < NCHECKS; i++)
		free(f->checks[i].why);
	memset(f, 0, sizeof(*f));
}

void
finding_index_init(struct finding_index *x, const struct findings *f, uint32_t nkeys)
{
	size_t n = f != NULL ? f->nfindings : 0;

	x->first = xcalloc((size_t)nkeys + 1, sizeof(*x->first));
	x->next = xcalloc(n + 1, sizeof(*x->next));
	for (size_t i = n; i > 0; i--) {
		uint32_t key = f->findings[i - 1].key;

		x->next[i - 1] = x->first[key];
		x->first[key] = i;
	}
}

void
finding_index_fini(struct finding_index *x)
{
	free(x->first);
	free(x->next);
}
