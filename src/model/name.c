#include <ctype.h>
#include <idn2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "survey/escape.h"
#include "survey/ip.h"
#include "survey/name.h"

#define LABEL_MAX 63

static const char *const class_names[NAME_NCLASSES] = {
	[NAME_OK] = "ok",
	[NAME_EMPTY] = "empty",
	[NAME_NODOT] = "nodot",
	[NAME_WILDCARD] = "wildcard",
	[NAME_LOCAL] = "local",
	[NAME_EXAMPLE] = "example",
	[NAME_ADDRESS] = "address",
	[NAME_INVALID] = "invalid",
};

static const char *const local_zones[] = { "internal", "local", "localdomain", "arpa" };

const char *name_class_name(enum name_class class)
{
	return class_names[class];
}

static bool
is_ascii(const char *s, size_t len)
{
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

/* name is in lower case.  Every label has 1 to 63 characters and neither begins nor ends with a hyphen. */
static bool
labels_valid(const char *name)
{
	size_t n = 0;

	for (const char *p = name;; p++) {
		if (*p == '.' || *p == '\0') {
			if (n == 0 || n > LABEL_MAX || p[-1] == '-')
				return false;
			if (*p == '\0')
				return true;
			n = 0;
			continue;
		}
		if (!is_label_char(*p) || (*p == '-' && n == 0))
			return false;
		n++;
	}
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
	} else if (len > NAME_MAX_TEXT || memchr(s, '\0', len) != NULL) {
		class = NAME_INVALID;
	} else {
		memcpy(out, s, len);
		out[len] = '\0';
	}
	if (class == NAME_OK) {
		for (char *p = out; *p != '\0'; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p - 'A' + 'a');
		if (!labels_valid(out))
			class = NAME_INVALID;
	}
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

/* No top-level domain is numeric (RFC 3696), so such a name can only be an address. */
static bool
last_label_is_number(const char *name)
{
	const char *p = strrchr(name, '.');

	for (p = p == NULL ? name : p + 1; *p != '\0'; p++)
		if (*p < '0' || *p > '9')
			return false;
	return true;
}

static enum name_class
policy_class(const char *name)
{
	if (strchr(name, '.') == NULL)
		return NAME_NODOT;
	if (last_label_is_number(name))
		return NAME_ADDRESS;
	for (size_t i = 0; i < sizeof(local_zones) / sizeof(local_zones[0]); i++)
		if (name_is_below(name, local_zones[i]))
			return NAME_LOCAL;
	if (name_is_below(name, "example.com"))
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
