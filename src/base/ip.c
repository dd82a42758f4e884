#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "survey/ip.h"

static size_t
ip_bytes(const struct ip *ip)
{
	return ip->family == 4 ? 4 : 16;
}

static const uint8_t mapped[12] = {
	[10] = 0xff, [11] = 0xff
}; /* ::ffff:0:0/96, RFC 4291 2.5.5.2 */

/* An address of the family in which it is written: IPv4-mapped stays IPv6. */
static bool
parse_as_written(const char *s, size_t len, struct ip *ip)
{
	char text[IP_STRLEN];

	memset(ip, 0, sizeof(*ip));
	if (len == 0 || len >= sizeof(text) || memchr(s, '\0', len) != NULL)
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	if (inet_pton(AF_INET, text, ip->a) == 1)
		ip->family = 4;
	else if (inet_pton(AF_INET6, text, ip->a) == 1)
		ip->family = 6;
	return ip->family != 0;
}

static bool
is_mapped(const struct ip *ip)
{
	return ip->family == 6 && memcmp(ip->a, mapped, sizeof(mapped)) == 0;
}

static void
unmap(struct ip *ip)
{
	struct ip v4 = { .family = 4 };

	memcpy(v4.a, ip->a + sizeof(mapped), 4);
	*ip = v4;
}

bool
ip_parse(const char *s, size_t len, struct ip *ip)
{
	if (!parse_as_written(s, len, ip))
		return false;
	if (is_mapped(ip))
		unmap(ip);
	return true;
}

/* By hand: a study's results name millions of addresses, and inet_ntop() goes through printf. */
static void
format_v4(const uint8_t a[static 4], char *to)
{
	for (int i = 0; i < 4; i++) {
		if (a[i] >= 100)
			*to++ = (char)('0' + a[i] / 100);
		if (a[i] >= 10)
			*to++ = (char)('0' + a[i] / 10 % 10);
		*to++ = (char)('0' + a[i] % 10);
		*to++ = i < 3 ? '.' : '\0';
	}
}

static const char alias_prefix[] = "host-";

static void
format_alias(const struct ip *ip, char *to)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = ip->a[15] <= IP_ALIAS_MAX ? ip->a[15] : 0;

	memcpy(to, alias_prefix, sizeof(alias_prefix) - 1);
	to += sizeof(alias_prefix) - 1;
	for (size_t i = 0; i < n; i++) {
		*to++ = digits[ip->a[i] >> 4];
		*to++ = digits[ip->a[i] & 15];
	}
	*to = '\0';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
ip_parse_any(const char *s, size_t len, struct ip *ip)
{
	const size_t skip = sizeof(alias_prefix) - 1;
	size_t n;

	if (len <= skip || memcmp(s, alias_prefix, skip) != 0)
		return ip_parse(s, len, ip);
	n = (len - skip) / 2;
	if ((len - skip) % 2 != 0 || n > IP_ALIAS_MAX)
		return false;
	*ip = (struct ip){ .family = IP_ALIAS };
	for (size_t i = 0; i < n; i++) {
		int hi = hex_digit(s[skip + 2 * i]), lo = hex_digit(s[skip + 2 * i + 1]);

		if (hi == -1 || lo == -1)
			return false;
		ip->a[i] = (uint8_t)(hi << 4 | lo);
	}
	ip->a[15] = (uint8_t)n;
	return true;
}

const char *
ip_format(const struct ip *ip, char buf[static IP_STRLEN])
{
	if (ip->family == 4)
		format_v4(ip->a, buf);
	else if (ip->family == IP_ALIAS)
		format_alias(ip, buf);
	else if (ip->family == 0 || inet_ntop(AF_INET6, ip->a, buf, IP_STRLEN) == NULL)
		buf[0] = '\0';
	return buf;
}

int
ip_cmp(const struct ip *a, const struct ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->a, b->a, sizeof(a->a));
}

struct ip
ip_from_v4(uint32_t v)
{
	struct ip ip = { .family = 4,
		.a = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v } };

	return ip;
}

uint32_t
ip_to_v4(const struct ip *ip)
{
	return (uint32_t)ip->a[0] << 24 | (uint32_t)ip->a[1] << 16 | (uint32_t)ip->a[2] << 8 |
	       ip->a[3];
}

bool
ip_next(struct ip *ip)
{
	for (size_t i = ip_bytes(ip); i-- > 0;) {
		if (++ip->a[i] != 0)
			return true;
	}
	return false;
}

bool
ip_prev(struct ip *ip)
{
	for (size_t i = ip_bytes(ip); i-- > 0;) {
		if (ip->a[i]-- != 0)
			return true;
	}
	return false;
}

struct ip
cidr_last(const struct cidr *c)
{
	struct ip last = c->ip;
	size_t whole = (c->len + 7u) / 8, bytes = ip_bytes(&c->ip);

	if (c->len % 8 != 0)
		last.a[whole - 1] |= (uint8_t)(0xff >> c->len % 8);
	if (whole < bytes)
		memset(last.a + whole, 0xff, bytes - whole);
	return last;
}

/* The number in s[0..len), at most max; false for anything else. */
static bool
parse_bits(const char *s, size_t len, unsigned max, unsigned *bits)
{
	*bits = 0;
	if (len == 0 || len > 3)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		*bits = *bits * 10 + (unsigned)(s[i] - '0');
	}
	return *bits <= max;
}

bool
cidr_parse(const char *s, size_t len, struct cidr *c)
{
	const char *slash = memchr(s, '/', len);
	size_t left = slash != NULL ? (size_t)(slash - s) : len;
	unsigned bits, max;
	struct ip first;

	if (!parse_as_written(s, left, &c->ip))
		return false;
	bits = max = (unsigned)ip_bytes(&c->ip) * 8;
	if (slash != NULL && !parse_bits(slash + 1, len - left - 1, max, &bits))
		return false;
	/* A part of the mapped addresses is IPv4; all of them are a special range of IPv6. */
	if (is_mapped(&c->ip) && bits > 96) {
		unmap(&c->ip);
		bits -= 96;
		max = 32;
	}
	c->len = (uint8_t)bits;
	first = c->ip;
	for (unsigned bit = bits; bit < max; bit++)
		first.a[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return ip_cmp(&first, &c->ip) == 0;
}

const char ip_no_range[] = "no address, prefix or range";

/* Both ends of "a-b". */
static const char *
parse_ends(const char *s, size_t left, const char *t, size_t right, struct ip_range *r)
{
	bool lo_mapped, hi_mapped;

	if (!parse_as_written(s, left, &r->lo) || !parse_as_written(t, right, &r->hi))
		return ip_no_range;
	if (r->lo.family != r->hi.family)
		return "one end of the range is IPv4, the other IPv6";
	if (ip_cmp(&r->lo, &r->hi) > 0)
		return "the range ends before it starts";
	lo_mapped = is_mapped(&r->lo);
	hi_mapped = is_mapped(&r->hi);
	if (lo_mapped && hi_mapped) {
		unmap(&r->lo);
		unmap(&r->hi);
		if (ip_to_v4(&r->lo) == 0 && ip_to_v4(&r->hi) == UINT32_MAX) {
			/* All of them, as with /96. */
			parse_as_written(s, left, &r->lo);
			parse_as_written(t, right, &r->hi);
		}
		return NULL;
	}
	return lo_mapped || hi_mapped ? "one end of the range is IPv4 in IPv6 form; write IPv4"
				      : NULL;
}

const char *
ip_range_parse(const char *s, size_t len, struct ip_range *r)
{
	const char *dash = memchr(s, '-', len), *slash = memchr(s, '/', len);
	size_t left, right;
	struct cidr c;

	if (dash == NULL) {
		if (cidr_parse(s, len, &c)) {
			r->lo = c.ip;
			r->hi = cidr_last(&c);
			return NULL;
		}
		if (slash != NULL && cidr_parse(s, (size_t)(slash - s), &c))
			return "bits are set to the right of the prefix length, or it is too long";
		return ip_no_range;
	}
	left = (size_t)(dash - s);
	right = len - left - 1;
	while (left > 0 && s[left - 1] == ' ')
		left--;
	for (dash++; right > 0 && *dash == ' '; dash++)
		right--;
	return parse_ends(s, left, dash, right, r);
}

uint64_t
ip_range_size(const struct ip_range *r)
{
	uint64_t lo = 0, hi = 0;
	size_t n = ip_bytes(&r->lo);

	if (n == 16 && memcmp(r->lo.a, r->hi.a, 8) != 0)
		return UINT64_MAX;
	for (size_t i = n == 16 ? 8 : 0; i < n; i++) {
		lo = lo << 8 | r->lo.a[i];
		hi = hi << 8 | r->hi.a[i];
	}
	return hi - lo == UINT64_MAX ? UINT64_MAX : hi - lo + 1;
}

const char *
cidr_format(const struct cidr *c, char buf[static IP_STRLEN + 4])
{
	size_t n;

	ip_format(&c->ip, buf);
	n = strlen(buf);
	snprintf(buf + n, IP_STRLEN + 4 - n, "/%u", c->len);
	return buf;
}
