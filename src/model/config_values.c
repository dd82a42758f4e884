/* Pure */

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "survey/config.h"
#include "survey/country.h"
#include "survey/ip.h"
#include "survey/name.h"
#include "survey/port.h"
#include "survey/text.h"
#include "model/config_values.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

/* Only these characters, and at most max of them? */
static bool
is_made_of(const char *text, const char *characters, size_t max)
{
	size_t len = strlen(text);

	return len > 0 && len <= max && strspn(text, characters) == len;
}

/* A number of up to ten digits; false when text is anything else or out of bounds. */
static bool
number(const char *text, uint64_t min, uint64_t max, uint64_t *n)
{
	if (!is_made_of(text, DIGITS, 10))
		return false;
	*n = strtoull(text, NULL, 10);
	return *n >= min && *n <= max;
}

const char *
value_run_name(const char *text)
{
	/* It becomes part of a folder's name. */
	return is_made_of(text, LETTERS LOWER DIGITS "._-", 64) && text[0] != '.' && text[0] != '-'
		   ? NULL
		   : "up to 64 letters, digits, dots, hyphens and underscores";
}

const char *
value_user(const char *text)
{
	return text[0] == '\0' ||
		       (is_made_of(text, LETTERS LOWER DIGITS "._-", 32) && text[0] != '-')
		   ? NULL
		   : "a user's name";
}

const char *
value_country(const char *text)
{
	char cc[3];

	if (strcasecmp(text, "UK") == 0)
		return "GB, which is the United Kingdom's code";
	return country_code(text, strlen(text), cc) ? NULL
						    : "two letters as in IE, or XX for any country";
}

static bool
is_prefix(const char *text)
{
	struct cidr c;

	return cidr_parse(text, strlen(text), &c);
}

static const char prefix_expected[] =
    "an address, or a prefix with no bits set to the right of its length, as in 192.0.2.0/24";

const char *
value_target(const char *text)
{
	return is_prefix(text) ? NULL : prefix_expected;
}

const char *
value_prefix(const char *text)
{
	return value_target(text);
}

const char *
value_asn(const char *text)
{
	uint64_t n;

	if (strncasecmp(text, "AS", 2) == 0)
		text += 2;
	return number(text, 1, UINT32_MAX, &n) ? NULL : "an AS number as in 64501 or AS64501";
}

static bool
has_control(const char *text)
{
	for (; *text != '\0'; text++) {
		if (iscntrl((unsigned char)*text))
			return true;
	}
	return false;
}

const char *
value_path(const char *text)
{
	return has_control(text) || strlen(text) > 4000 ? "a path" : NULL;
}

const char *
value_file(const char *text)
{
	return text[0] == '\0' ? "a path" : value_path(text);
}

const char *
value_program(const char *text)
{
	return text[0] == '\0' || text[0] == '-' || has_control(text)
		   ? "the name of a program or a path to it"
		   : NULL;
}

const char *
value_interface(const char *text)
{
	/* IFNAMSIZ is 16 with the NUL. */
	if (strlen(text) > 15 || text[0] == '-')
		return "the name of a network interface";
	for (; *text != '\0'; text++) {
		if (*text == '/' || isspace((unsigned char)*text) || iscntrl((unsigned char)*text))
			return "the name of a network interface";
	}
	return NULL;
}

const char *
value_ipv4(const char *text)
{
	struct ip ip;

	return text[0] == '\0' || (ip_parse(text, strlen(text), &ip) && ip.family == 4)
		   ? NULL
		   : "an IPv4 address";
}

const char *
value_address(const char *text)
{
	struct ip ip;

	return ip_parse(text, strlen(text), &ip) ? NULL : "an address as in 192.0.2.25";
}

const char *
value_mac(const char *text)
{
	size_t i;

	if (text[0] == '\0')
		return NULL;
	for (i = 0; i < 17 && text[i] != '\0'; i++) {
		if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
			break;
	}
	return i == 17 && text[17] == '\0' ? NULL : "a hardware address as in 02:00:5e:10:00:01";
}

/* "hh:mm" at s as minutes after midnight, 24:00 included; -1 when it is none. */
static int
minutes(const char *s)
{
	int h, m;

	for (int i = 0; i < 5; i++) {
		if (i == 2 ? s[i] != ':' : !isdigit((unsigned char)s[i]))
			return -1;
	}
	h = (s[0] - '0') * 10 + (s[1] - '0');
	m = (s[3] - '0') * 10 + (s[4] - '0');
	return m < 60 && h * 60 + m <= 24 * 60 ? h * 60 + m : -1;
}

const char *
value_bytes(const char *text)
{
	uint64_t bytes;

	return text[0] == '\0' || text_parse_bytes(text, &bytes) ? NULL : "bytes, as in 512M or 4G";
}

size_t
value_list_name(const char *text)
{
	const char *equals = strchr(text, '='), *slash = strchr(text, '/');

	return equals != NULL && (slash == NULL || equals < slash) ? (size_t)(equals - text) + 1
								   : 0;
}

const char *
value_blocklist(const char *text)
{
	return text[value_list_name(text)] != '\0' ? value_path(text + value_list_name(text))
						   : "a file, or NAME=FILE";
}

void
value_read_hours(const char *text, int *from, int *to)
{
	*from = *to = -1;
	if (strlen(text) != 11 || text[5] != '-')
		return;
	*from = minutes(text);
	*to = minutes(text + 6);
	if (*from == -1 || *to == -1 || *from % (24 * 60) == *to % (24 * 60))
		*from = *to = -1;
}

const char *
value_hours(const char *text)
{
	int from, to;

	value_read_hours(text, &from, &to);
	return text[0] == '\0' || from != -1 ? NULL : "two times of the day as in 22:00-06:30";
}

const char *
value_port(const char *text)
{
	uint64_t n;

	return number(text, 1, 65535, &n) && port_index((unsigned)n) != -1
		   ? NULL
		   : "one of 22 25 110 143 443 587 993 465 995";
}

void
value_read_timeout(const char *text, int *row, long *ms)
{
	const char *eq = strchr(text, '=');
	uint64_t port, whole, part = 0, unit = 100;
	char digits[8];
	size_t len;

	*row = -1;
	*ms = -1;
	if (eq == NULL || (len = (size_t)(eq - text)) == 0 || len >= sizeof(digits))
		return;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (strcmp(digits, "*") != 0 &&
	    (!number(digits, 1, 65535, &port) || (*row = port_index((unsigned)port)) == -1))
		return;
	/* Seconds with up to three decimals. */
	text = eq + 1;
	if ((len = strspn(text, DIGITS)) == 0 || len > 4)
		return;
	whole = strtoull(text, NULL, 10);
	text += len;
	if (*text == '.') {
		for (text++; isdigit((unsigned char)*text); text++, unit /= 10)
			part += (uint64_t)(*text - '0') * unit;
	}
	if (strcmp(text, "s") == 0 && whole * 1000 + part > 0 && whole < 600)
		*ms = (long)(whole * 1000 + part);
}

const char *
value_timeout(const char *text)
{
	int row;
	long ms;

	value_read_timeout(text, &row, &ms);
	return ms != -1 ? NULL : "a port of the port table and seconds, as in 25=15s or *=2.5s";
}

const char *
value_user_agent(const char *text)
{
	if (text[0] == '\0')
		return NULL;
	for (const char *p = text; *p != '\0'; p++) {
		/* A quote or backslash would need escapes in zgrab2's ini, which it does not have. */
		if (*p < ' ' || *p > '~' || *p == '"' || *p == '\\')
			return "printable ASCII without quotes";
	}
	if (strlen(text) > 200)
		return "at most 200 characters";
	return strstr(text, "https://") != NULL || strstr(text, "http://") != NULL
		   ? NULL
		   : "a contact URL in it, as in \"survey (+https://survey.example.ie/)\"";
}

static bool
is_hostname(const char *text)
{
	char out[NAME_SIZE];

	return name_canonical(text, strlen(text), out) == NAME_OK && strcasecmp(out, text) == 0;
}

const char *
value_hostname(const char *text)
{
	return text[0] == '\0' || is_hostname(text) ? NULL : "a host name";
}

const char *
value_ehlo(const char *text)
{
	size_t len = strlen(text);
	struct ip ip;

	/* RFC 5321, section 4.1.3: an address literal, IPv6 ones with their tag. */
	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		bool v6 = strncmp(text, "[IPv6:", 6) == 0;
		size_t start = v6 ? 6 : 1;

		return len > start + 1 && ip_parse(text + start, len - start - 1, &ip) &&
			       ip.family == (v6 ? 6 : 4)
			   ? NULL
			   : "an address literal as in [192.0.2.1] or [IPv6:2001:db8::1]";
	}
	return len == 0 || (is_hostname(text) && strchr(text, '.') != NULL)
		   ? NULL
		   : "this host's full name, as its PTR record has it, or an address literal";
}

/* ADDRESS or ADDRESS#PORT. */
static bool
is_endpoint(const char *text)
{
	size_t len = strcspn(text, "#");
	struct ip ip;
	uint64_t port;

	return ip_parse(text, len, &ip) &&
	       (text[len] == '\0' || number(text + len + 1, 1, 65535, &port));
}

const char *
value_resolver(const char *text)
{
	return text[0] == '\0' || is_endpoint(text) ? NULL
						    : "an address and a port as in 127.0.0.1#53";
}

const char *
value_upstream(const char *text)
{
	return is_endpoint(text) ? NULL
				 : "an address, with a port if it is not 853: 192.0.2.1#8853";
}

const char *
value_pin(const char *text)
{
	/* 32 bytes in base64: 43 characters and one '='. */
	return text[0] == '\0' || (strlen(text) == 44 && text[43] == '=' &&
				      strspn(text, LETTERS LOWER DIGITS "+/") == 43)
		   ? NULL
		   : "the SHA-256 of a public key in base64, 44 characters";
}

const char *
value_format(const char *text)
{
	static const char *const formats[] = { "svg", "png", "pdf", "dot" };

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(text, formats[i]) == 0)
			return NULL;
	}
	return "one of svg png pdf dot";
}

const char *
value_line(const char *text)
{
	return has_control(text) || strlen(text) > 200 ? "one line of at most 200 characters"
						       : NULL;
}

const char *
value_probe(const char *text)
{
	size_t len = strcspn(text, "#");
	char *host;
	uint64_t port;
	struct ip ip;
	bool fits;

	if (text[0] == '\0')
		return NULL;
	host = strndup(text, len);
	fits = host != NULL && (ip_parse(text, len, &ip) || is_hostname(host)) &&
	       (text[len] == '\0' || number(text + len + 1, 1, 65535, &port));
	free(host);
	return fits ? NULL
		    : "a host of your own that takes mail, as in mail.example.ie or 192.0.2.1#25";
}
