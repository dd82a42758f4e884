/* What a query of find means, and which hosts it names: a statement each, which an index serves. */
#include <ctype.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "survey/base64.h"
#include "survey/buf.h"
#include "survey/hex.h"
#include "survey/host.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/name.h"
#include "survey/order.h"

#include "find.h"

#define FINGERPRINT_DIGITS 8 /* of one, at least */
#define HEX_DIGITS 64 /* of a fingerprint, and of a serial number in hexadecimal, at most */
#define SERIAL_DIGITS 80 /* of HEX_DIGITS in decimal: 78 and the NUL */

static const char *const kind_names[] = { "address", "network", "as", "cluster", "key", "serial",
	"serial", "name", "name", "as" };

const char *
find_kind_name(enum find_kind kind)
{
	return kind_names[kind];
}

/* What openssl(1) prints before a number: "sha256 Fingerprint=", "serial=". */
static const char *
without_label(const char *s, const char *label)
{
	return strncasecmp(s, label, strlen(label)) == 0 ? s + strlen(label) : s;
}

static bool
is_decimal(const char *s)
{
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

/* Without the colons of openssl's print; NULL when it is no hex of that many to HEX_DIGITS digits. */
static char *
hex_digits(const char *s, size_t least)
{
	char digits[HEX_DIGITS + 1];
	size_t n = 0;

	if (strncasecmp(s, "0x", 2) == 0)
		s += 2;
	for (; *s != '\0'; s++) {
		if (*s == ':' && n > 0 && n % 2 == 0)
			continue;
		if (!isxdigit((unsigned char)*s) || n == HEX_DIGITS)
			return NULL;
		digits[n++] = (char)tolower((unsigned char)*s);
	}
	return n >= least ? xstrndup(digits, n) : NULL;
}

/* A serial number that can be nothing else: behind its label, or too short for a fingerprint. */
static bool
serial_parse(struct find_query *q, const char *text)
{
	const char *s = without_label(text, "serial=");
	bool labelled = s != text, hex = strncasecmp(s, "0x", 2) == 0;

	if (!labelled && strlen(hex ? s + 2 : s) >= FINGERPRINT_DIGITS)
		return false;
	if (labelled || hex)
		q->value = hex_digits(s, 1);
	q->base = hex ? 16 : 0;
	if (q->value == NULL && is_decimal(s)) {
		q->value = xstrdup(s);
		q->base = 10;
		q->second = FIND_AS_NAME;
		q->has_second = !labelled;
	}
	return q->value != NULL;
}

/* CA:97:81:12:CA:1B:BD:CA is an address, and a serial number of 8 bytes as openssl prints it. */
static char *
eight_bytes(const char *s)
{
	for (size_t i = 0; i < 23; i++) {
		if (i % 3 == 2 ? s[i] != ':' : !isxdigit((unsigned char)s[i]))
			return NULL;
	}
	return s[23] == '\0' ? hex_digits(s, 16) : NULL;
}

/* "SHA256:…" as ssh-keygen prints it, as hex. */
static char *
ssh_digits(const char *s)
{
	static const char prefix[] = "SHA256:";
	uint8_t bytes[BASE64_ROOM(64)];
	struct buf b;
	char *hex;
	size_t n;

	if (strncasecmp(s, prefix, strlen(prefix)) != 0)
		return NULL;
	s += strlen(prefix);
	if (strlen(s) > 64 || !base64_decode(s, strlen(s), bytes, &n) || n != KEY_LEN)
		return NULL;
	buf_init(&b);
	hex_add(&b, bytes, n);
	hex = buf_steal(&b);
	buf_fini(&b);
	return hex;
}

/* The text from its end, as name_texts.reversed has it. */
static char *
reversed(const char *s)
{
	size_t n = strlen(s);
	char *r = xmalloc(n + 1);

	for (size_t i = 0; i < n; i++)
		r[i] = (char)tolower((unsigned char)s[n - 1 - i]);
	r[n] = '\0';
	return r;
}

static bool
is_number(const char *s, long long *n)
{
	char *end;

	if (!isdigit((unsigned char)*s) || strlen(s) > 18)
		return false;
	*n = strtoll(s, &end, 10);
	return *end == '\0';
}

/* A network in which bits of the host may be set: 192.0.2.7/24. */
static bool
network_parse(const char *text, struct cidr *c)
{
	const char *slash = strchr(text, '/');
	long long len;
	unsigned bits;

	if (slash == NULL || !is_number(slash + 1, &len) ||
	    !ip_parse(text, (size_t)(slash - text), &c->ip))
		return false;
	bits = c->ip.family == 4 ? 32 : 128;
	if (len > bits)
		return false;
	c->len = (uint8_t)len;
	for (unsigned i = (unsigned)len; i < bits; i++)
		c->ip.a[i / 8] &= (uint8_t) ~(0x80U >> i % 8);
	return true;
}

/* An address as it is, or in the brackets of a URL. */
static bool
address_parse(const char *text, struct ip *ip)
{
	size_t len = strlen(text);

	if (len > 2 && text[0] == '[' && text[len - 1] == ']')
		return ip_parse(text + 1, len - 2, ip);
	return ip_parse_any(text, len, ip);
}

/* A pattern of find as one of SQLite's GLOB, from its end: brackets mean nothing in ours. */
static char *
reversed_pattern(const char *text)
{
	struct buf b;
	char *pattern;

	buf_init(&b);
	for (size_t i = strlen(text); i-- > 0;) {
		if (text[i] == '[')
			buf_adds(&b, "[[]");
		else
			buf_addc(&b, (char)tolower((unsigned char)text[i]));
	}
	pattern = buf_steal(&b);
	buf_fini(&b);
	return pattern;
}

void
find_understand(struct find_query *q, const char *text)
{
	char normal[NAME_SIZE];
	long long n;

	*q = (struct find_query){ .text = text, .kind = FIND_AS_NAME };
	if (address_parse(text, &q->ip)) {
		q->kind = FIND_ADDRESS;
		q->value = eight_bytes(text);
		q->second = FIND_ONLY_SERIAL;
		q->has_second = q->value != NULL;
	} else if (network_parse(text, &q->cidr)) {
		q->kind = FIND_NETWORK;
	} else if (strncasecmp(text, "cluster:", 8) == 0 && is_number(text + 8, &n)) {
		q->kind = FIND_CLUSTER;
		q->number = n;
	} else if (strncasecmp(text, "AS", 2) == 0 && is_number(text + 2, &n)) {
		q->kind = FIND_AS;
		q->number = n;
	} else if ((q->value = ssh_digits(text)) != NULL) { /* NOLINT(bugprone-branch-clone) */
		q->kind = FIND_FINGERPRINT;
	} else if (serial_parse(q, text)) {
		q->kind = FIND_ONLY_SERIAL;
	} else if (is_decimal(text)) {
		q->kind = FIND_SERIAL;
		q->value = xstrdup(text);
	} else if ((q->value = hex_digits(
			without_label(text, "sha256 fingerprint="), FINGERPRINT_DIGITS)) != NULL) {
		q->kind = FIND_FINGERPRINT;
	} else if (strpbrk(text, "*?") != NULL) {
		q->kind = FIND_GLOB;
		q->value = reversed_pattern(text);
	} else if (strchr(text, '.') != NULL && strchr(text, ' ') == NULL &&
		   name_normalise(text, strlen(text), normal) == NAME_OK) {
		q->kind = FIND_NAME;
		q->value = reversed(normal);
	}
}

#define SERIAL_HOSTS                                                                \
	" p.host FROM certs c JOIN host_ports p ON p.key = c.key AND p.cert = c.id" \
	" WHERE c.serial IN (:serial, :decimal) ORDER BY 1"

#define KEY_HOSTS                                                                                \
	"SELECT host FROM host_ports WHERE key IN"                                               \
	" (SELECT id FROM keys WHERE fp >= :value AND fp < :above)"                              \
	" UNION SELECT p.host FROM certs c JOIN host_ports p ON p.key = c.key AND p.cert = c.id" \
	" WHERE c.sha256 >= :value AND c.sha256 < :above"                                        \
	" UNION SELECT" SERIAL_HOSTS

#define NAME_HOSTS "name_texts t JOIN host_names n ON n.name = t.id WHERE"

static const char *const statements[] = {
	[FIND_ADDRESS] = "SELECT id FROM hosts WHERE ip = :value",
	[FIND_NETWORK] = "SELECT id, ip FROM hosts WHERE ip >= :value AND ip < :above",
	[FIND_AS] = "SELECT id FROM hosts WHERE asn = :number ORDER BY id",
	[FIND_CLUSTER] = "SELECT id FROM hosts WHERE cluster = :number ORDER BY id",
	[FIND_FINGERPRINT] = KEY_HOSTS,
	[FIND_SERIAL] = KEY_HOSTS,
	[FIND_ONLY_SERIAL] = "SELECT DISTINCT" SERIAL_HOSTS,
	[FIND_NAME] = "SELECT DISTINCT host FROM " NAME_HOSTS " t.reversed = :value ORDER BY 1",
	/* A certificate's own "*.example.ie" stands as example.ie among the reversed names. */
	[FIND_GLOB] = "SELECT host FROM " NAME_HOSTS " t.reversed GLOB :value"
		      " UNION SELECT host FROM " NAME_HOSTS " t.reversed = :base AND"
		      " t.name GLOB '[*].*'"
		      " ORDER BY 1",
	[FIND_AS_NAME] =
	    "SELECT id FROM hosts WHERE as_name LIKE '%' || :value || '%' ESCAPE '\\' ORDER BY id",
};

static bool
in_network(const struct cidr *c, const char *text)
{
	struct ip ip, last = cidr_last(c);

	return text != NULL && ip_parse(text, strlen(text), &ip) && ip.family == c->ip.family &&
	       ip_cmp(&ip, &c->ip) >= 0 && ip_cmp(&ip, &last) <= 0;
}

/* A text in which LIKE's wildcards stand for themselves. */
static char *
like_text(const char *s)
{
	struct buf b;
	char *t;

	buf_init(&b);
	for (; *s != '\0'; s++) {
		if (*s == '%' || *s == '_' || *s == '\\')
			buf_addc(&b, '\\');
		buf_addc(&b, *s);
	}
	t = buf_steal(&b);
	buf_fini(&b);
	return t;
}

/* The decimal text of a hexadecimal number of at most HEX_DIGITS: serial numbers are kept so. */
static void
decimal_of_hex(const char *hex, char out[static SERIAL_DIGITS])
{
	uint8_t digits[SERIAL_DIGITS] = { 0 }; /* the lowest first */
	size_t n = 1;

	for (; *hex != '\0'; hex++) {
		unsigned carry = (unsigned)hex_value(*hex);

		for (size_t i = 0; i < n || carry > 0; i++) {
			carry += 16U * digits[i];
			digits[i] = (uint8_t)(carry % 10);
			carry /= 10;
			if (i == n)
				n++;
		}
	}
	for (size_t i = 0; i < n; i++)
		out[i] = (char)('0' + digits[n - 1 - i]);
	out[n] = '\0';
}

static void
bind_text(sqlite3_stmt *s, const char *name, const char *value)
{
	int at = sqlite3_bind_parameter_index(s, name);

	if (at > 0)
		sqlite3_bind_text(s, at, value, -1, SQLITE_TRANSIENT);
}

static sqlite3_stmt *
prepare(sqlite3 *db, const struct find_query *q)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(db, statements[q->kind], -1, &s, NULL) != SQLITE_OK)
		log_error("find: %s", sqlite3_errmsg(db));
	return s;
}

static int
take_rows(sqlite3 *db, sqlite3_stmt *s, const struct find_query *q, struct find_hosts *hosts)
{
	int rc;

	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (q->kind == FIND_NETWORK &&
		    !in_network(&q->cidr, (const char *)sqlite3_column_text(s, 1)))
			continue;
		mem_grow(&hosts->v, &hosts->cap, hosts->n + 1, sizeof(*hosts->v));
		hosts->v[hosts->n++] = sqlite3_column_int64(s, 0);
	}
	if (rc != SQLITE_DONE)
		log_error("find: %s", sqlite3_errmsg(db));
	sqlite3_reset(s);
	return rc == SQLITE_DONE ? 0 : -1;
}

/* Addresses whose text begins so. */
static int
take_prefix(sqlite3 *db, sqlite3_stmt *s, const struct find_query *q, const char *prefix,
    struct find_hosts *hosts)
{
	size_t len = strlen(prefix);
	char above[IP_STRLEN];

	bind_text(s, ":value", prefix);
	snprintf(above, sizeof(above), "%s", prefix);
	if (len > 0)
		above[len - 1]++; /* '/' after '.', ';' after ':' */
	bind_text(s, ":above", len > 0 ? above : "g");
	return take_rows(db, s, q, hosts);
}

/* IPv4: by whole octets; a length between two of them is up to 128 texts. */
static int
list_v4(sqlite3 *db, sqlite3_stmt *s, const struct find_query *q, struct find_hosts *hosts)
{
	unsigned octets = q->cidr.len / 8, rest = q->cidr.len % 8, n = 1, at = 0;
	char prefix[IP_STRLEN] = "";
	int rc = 0;

	if (octets > 3 || (octets == 3 && rest > 0)) {
		octets = 3;
		rest = 0;
	}
	for (unsigned i = 0; i < octets; i++)
		at += (unsigned)snprintf(prefix + at, sizeof(prefix) - at, "%u.", q->cidr.ip.a[i]);
	if (rest > 0)
		n = 1U << (8 - rest);
	for (unsigned i = 0; i < n && rc == 0; i++) {
		if (rest > 0)
			snprintf(prefix + at, sizeof(prefix) - at, "%u.", q->cidr.ip.a[octets] + i);
		rc = take_prefix(db, s, q, prefix, hosts);
	}
	return rc;
}

/* IPv6: by whole groups up to the first zero, where "::" may begin. */
static int
list_v6(sqlite3 *db, sqlite3_stmt *s, const struct find_query *q, struct find_hosts *hosts)
{
	char prefix[IP_STRLEN] = "";
	unsigned at = 0;

	for (unsigned i = 0; i < q->cidr.len / 16 && i < 7; i++) {
		unsigned group = (unsigned)q->cidr.ip.a[2 * i] << 8 | q->cidr.ip.a[2 * i + 1];

		if (group == 0)
			break;
		at += (unsigned)snprintf(prefix + at, sizeof(prefix) - at, "%x:", group);
	}
	return take_prefix(db, s, q, prefix, hosts);
}

static int
list_network(sqlite3 *db, const struct find_query *q, struct find_hosts *hosts)
{
	sqlite3_stmt *s = prepare(db, q);
	int rc = -1;

	if (s != NULL)
		rc = q->cidr.ip.family == 4 ? list_v4(db, s, q, hosts) : list_v6(db, s, q, hosts);
	sqlite3_finalize(s);
	if (hosts->n > 1)
		qsort(hosts->v, hosts->n, sizeof(*hosts->v), order_i64);
	return rc;
}

/* Of a pattern "*.example.ie" the name behind the dot, from its end; "" for others. */
static char *
base_of_pattern(const struct find_query *q)
{
	if (strncmp(q->text, "*.", 2) != 0 || strpbrk(q->text + 2, "*?") != NULL)
		return xstrdup("");
	return reversed(q->text + 2);
}

/* A serial number in one base or both; what is not bound is NULL, which equals nothing. */
static void
bind_serial(sqlite3_stmt *s, const struct find_query *q)
{
	char serial[SERIAL_DIGITS];

	if (q->base != 16)
		bind_text(s, ":decimal", q->value);
	if (q->base != 10 && strlen(q->value) <= HEX_DIGITS) {
		decimal_of_hex(q->value, serial);
		bind_text(s, ":serial", serial);
	}
}

static void
bind_values(sqlite3_stmt *s, const struct find_query *q)
{
	char ip[IP_STRLEN], *text;

	switch (q->kind) {
	case FIND_ADDRESS:
		bind_text(s, ":value", ip_format(&q->ip, ip));
		break;
	case FIND_AS:
	case FIND_CLUSTER:
		sqlite3_bind_int64(s, 1, q->number);
		break;
	case FIND_FINGERPRINT:
	case FIND_SERIAL:
		bind_text(s, ":value", q->value);
		text = xasprintf("%sg", q->value); /* behind all other digits */
		bind_text(s, ":above", text);
		free(text);
		bind_serial(s, q);
		break;
	case FIND_ONLY_SERIAL:
		bind_serial(s, q);
		break;
	case FIND_GLOB:
		bind_text(s, ":value", q->value);
		text = base_of_pattern(q);
		bind_text(s, ":base", text);
		free(text);
		break;
	case FIND_AS_NAME:
		text = like_text(q->text);
		bind_text(s, ":value", text);
		free(text);
		break;
	case FIND_NAME:
		bind_text(s, ":value", q->value);
		break;
	case FIND_NETWORK:
		break;
	}
}

int
find_list(sqlite3 *db, const struct find_query *q, struct find_hosts *hosts)
{
	sqlite3_stmt *s;
	int rc;

	hosts->n = 0;
	if (q->kind == FIND_NETWORK)
		return list_network(db, q, hosts);
	if ((s = prepare(db, q)) == NULL)
		return -1;
	bind_values(s, q);
	rc = take_rows(db, s, q, hosts);
	sqlite3_finalize(s);
	return rc;
}
