/* Pure. */
#include "survey/weak.h"

/*
 * The lengths: RSA-250 (829 bits) is the longest product of two primes of its
 * kind that has been factored in public (2020).  NIST SP 800-131A has allowed
 * nothing below 2,048 bits since 2014; some programs make 2,047 of that.
 */
const struct weak_kind_def weak_kinds[WEAK_NKINDS] = {
	[WEAK_SHARED_PRIME] = { "shared-prime", WEAK_CRITICAL,
	    "The modulus shares a prime with those of other keys, so that all of them are "
	    "factored." },
	[WEAK_KNOWN_PRIME] = { "known-prime", WEAK_CRITICAL,
	    "A prime of the modulus is publicly known." },
	[WEAK_LISTED] = { "listed", WEAK_CRITICAL,
	    "The key is on a list of keys whose private keys are known." },
	[WEAK_SQUARE] = { "square-modulus", WEAK_CRITICAL,
	    "The modulus is the square of a number." },
	[WEAK_CLOSE_PRIMES] = { "close-primes", WEAK_CRITICAL,
	    "The two primes are so close that Fermat's method factors the modulus at once." },
	[WEAK_ROCA] = { "roca", WEAK_CRITICAL,
	    "The key was made by Infineon's RSALib (ROCA, CVE-2017-15361)." },
	[WEAK_SMALL_PRIVATE] = { "small-private-exponent", WEAK_CRITICAL,
	    "The private exponent is so small that Wiener's method finds it." },
	[WEAK_ZERO_BLOCKS] = { "zero-blocks", WEAK_CRITICAL,
	    "The modulus has regular blocks of zeros: its primes do, too, and can be found as "
	    "factors of a polynomial." },
	[WEAK_EXPONENT_ONE] = { "exponent-one", WEAK_CRITICAL,
	    "The public exponent is 1: nothing is encrypted, and anyone can sign." },
	[WEAK_FACTORABLE_LENGTH] = { "factorable-length", WEAK_CRITICAL,
	    "Moduli of this length have been factored (at most 829 bits)." },
	[WEAK_SMALL_ORDER] = { "small-order", WEAK_CRITICAL,
	    "The point has a small order: signatures for it can be made without a private key." },
	[WEAK_SMALL_FACTOR] = { "small-factor", WEAK_HIGH,
	    "The modulus has a prime factor of at most 65,537: it is damaged, or was made badly." },
	[WEAK_BAD_EXPONENT] = { "bad-exponent", WEAK_HIGH,
	    "The public exponent is even, or not below the modulus: this is no RSA key." },
	[WEAK_OFF_CURVE] = { "off-curve", WEAK_HIGH,
	    "The point is not on its curve, or is the point at infinity: this is no key." },
	[WEAK_VERY_SHORT] = { "very-short", WEAK_HIGH, "The modulus has less than 1,024 bits." },
	[WEAK_SMALL_CURVE] = { "small-curve", WEAK_HIGH, "The curve has less than 224 bits." },
	[WEAK_SHORT] = { "short", WEAK_MEDIUM, "The modulus has less than 2,040 bits." },
	[WEAK_DSA_KEY] = { "dsa", WEAK_MEDIUM,
	    "DSA keys are given up: OpenSSH, TLS 1.3 and NIST (FIPS 186-5) accept none." },
	[WEAK_MULTIPLE] = { "multiple", WEAK_MEDIUM,
	    "The modulus is equal to another key's up to a factor: one of the two is damaged." },
	[WEAK_SAME_MODULUS] = { "same-modulus", WEAK_MEDIUM,
	    "Another key has the same modulus and another exponent: each private key gives the "
	    "other." },
	[WEAK_SSH_AND_TLS] = { "ssh-and-tls", WEAK_MEDIUM,
	    "The same public key is an SSH host key and in a certificate: whoever has one private "
	    "key has both." },
	[WEAK_SHA1_ONLY] = { "sha1-only", WEAK_LOW,
	    "The SSH server signs with SHA-1 only (ssh-rsa)." },
	[WEAK_ODD_WEIGHT] = { "odd-weight", WEAK_LOW,
	    "The modulus has far more or far less ones than zeros." },
	[WEAK_HUGE_EXPONENT] = { "huge-exponent", WEAK_LOW,
	    "The public exponent has more than 64 bits." },
};

const char *
weak_severity_name(enum weak_severity severity)
{
	static const char *const names[WEAK_NSEVERITIES] = { "critical", "high", "medium", "low" };

	return names[severity];
}

const char *
weak_skip_name(enum weak_skip reason)
{
	static const char *const names[WEAK_NSKIPS] = { "no number", "too long", "unknown curve",
		"unknown type" };

	return names[reason];
}

const char *
weak_check_name(enum weak_check check)
{
	static const char *const names[WEAK_NCHECKS] = { "shared-primes", "known-primes", "rsa",
		"ec", "ed25519", "dsa", "ssh", "same-key", "lists" };

	return names[check];
}
