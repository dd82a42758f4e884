#include <idn2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "survey/escape.h"
#include "survey/ip.h"
#include "survey/name.h"

#define LABEL_MAX 63

/* Top-level domains that no resolver of the Internet knows. */
static const char *const local_zones[] = { "internal", "local", "localdomain", "arpa" };

static bool
is_ascii(const char *s, size_t len)
{
	uint64_t eight;

	for (; len >= sizeof(eight); s += sizeof(eight), len -= sizeof(eight)) {
		memcpy(&eight, s, sizeof(eight));
		if ((eight & 0x8080808080808080U) != 0)
			return false;
	}
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] >= 0x80)
			return false;
	return true;
}

/* Underscores are no part of a host name (RFC 1123), yet real hosts have them and resolvers answer. */
static bool
is_label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/*
 * The name in lower case.  False: a label has not 1 to 63 characters, or a hyphen at an end, or a
 * character that is none of a host's name.  out may be s.
 */
static bool
lower_labels(const char *s, size_t len, char out[static NAME_SIZE])
{
	size_t label = 0; /* where it begins */

	for (size_t i = 0; i <= len; i++) {
		char c = i < len ? s[i] : '.';

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		out[i] = c;
		if (c == '.') {
			if (i == label || i - label > LABEL_MAX || out[label] == '-' ||
			    out[i - 1] == '-')
				return false;
			label = i + 1;
		} else if (!is_label_char(c)) {
			return false;
		}
	}
	out[len] = '\0';
	return true;
}

/*
 * The input may be longer than its A-labels: four bytes of UTF-8 can map to
 * one ASCII character.  The limit bounds libidn2's work, quadratic in a label.
 */
static enum name_class
to_alabels(const char *s, size_t len, char out[NAME_SIZE])
{
	char in[4 * NAME_MAX_TEXT + 1];
	char *ascii = NULL;
	size_t n;

	if (len >= sizeof(in) || !utf8_valid(s, len) || memchr(s, '\0', len) != NULL)
		return NAME_INVALID;
	memcpy(in, s, len);
	in[len] = '\0';
	if (idn2_to_ascii_8z(in, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return NAME_INVALID;
	n = strlen(ascii);
	if (n > 0 && ascii[n - 1] == '.')
		n--;
	if (n == 0 || n > NAME_MAX_TEXT) {
		idn2_free(ascii);
		return NAME_INVALID;
	}
	memcpy(out, ascii, n);
	out[n] = '\0';
	idn2_free(ascii);
	return NAME_OK;
}

enum name_class
name_canonical(const char *s, size_t len, char out[NAME_SIZE])
{
	enum name_class class = NAME_OK;

	out[0] = '\0';
	if (len > 0 && s[len - 1] == '.')
		len--;
	if (len == 0)
		return NAME_EMPTY;
	if (!is_ascii(s, len)) {
		class = to_alabels(s, len, out);
		s = out;
		len = strlen(out);
	}
	if (class == NAME_OK && (len > NAME_MAX_TEXT || !lower_labels(s, len, out)))
		class = NAME_INVALID;
	if (class != NAME_OK)
		out[0] = '\0';
	return class;
}

bool
name_is_below(const char *name, const char *zone)
{
	size_t n = strlen(name), z = strlen(zone);

	return n >= z && memcmp(name + n - z, zone, z) == 0 && (n == z || name[n - z - 1] == '.');
}

/* No top-level domain is numeric (RFC 3696), so a name that ends so can only be an address. */
static bool
is_number(const char *label)
{
	while (*label >= '0' && *label <= '9')
		label++;
	return *label == '\0';
}

static enum name_class
policy_class(const char *name)
{
	const char *last = strrchr(name, '.');

	if (last == NULL)
		return NAME_NODOT;
	if (is_number(++last))
		return NAME_ADDRESS;
	for (size_t i = 0; i < sizeof(local_zones) / sizeof(local_zones[0]); i++)
		if (strcmp(last, local_zones[i]) == 0)
			return NAME_LOCAL;
	if (strcmp(last, "com") == 0 && name_is_below(name, "example.com"))
		return NAME_EXAMPLE;
	return NAME_OK;
}

enum name_class
name_normalise(const char *s, size_t len, char out[NAME_SIZE])
{
	enum name_class class;

	out[0] = '\0';
	if (memchr(s, '*', len) != NULL)
		return NAME_WILDCARD;
	if ((class = name_canonical(s, len, out)) != NAME_OK)
		return class;
	if ((class = policy_class(out)) != NAME_OK)
		out[0] = '\0';
	return class;
}

void
name_reverse(const struct ip *ip, char out[NAME_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *a = ip->a;
	char *p = out;

	if (ip->family == 4) {
		snprintf(out, NAME_SIZE, "%u.%u.%u.%u.in-addr.arpa", a[3], a[2], a[1], a[0]);
		return;
	}
	for (int i = 15; i >= 0; i--) {
		*p++ = hex[a[i] & 15];
		*p++ = '.';
		*p++ = hex[a[i] >> 4];
		*p++ = '.';
	}
	memcpy(p, "ip6.arpa", sizeof("ip6.arpa"));
}

/* The start of the last n labels of name. */
static const char *
last_labels(const char *name, int n)
{
	const char *p = name + strlen(name);

	while (p > name)
		if (*--p == '.' && --n == 0)
			return p + 1;
	return name;
}

/* co.uk, com.au, ac.nz: names are registered below the second label. */
static bool
is_registry(const char *zone)
{
	static const char *const second[] = { "ac", "co", "com", "edu", "gov", "net", "or", "org" };
	size_t n = strcspn(zone, ".");

	if (strlen(zone) != n + 3)
		return false;
	for (size_t i = 0; i < sizeof(second) / sizeof(second[0]); i++)
		if (strlen(second[i]) == n && memcmp(zone, second[i], n) == 0)
			return true;
	return false;
}

const char *
name_zone(const char *name)
{
	const char *zone;

	if (name_is_below(name, "in-addr.arpa"))
		return last_labels(name, 4);
	if (name_is_below(name, "ip6.arpa"))
		return last_labels(name, 10);
	zone = last_labels(name, 2);
	return is_registry(zone) ? last_labels(name, 3) : zone;
}
