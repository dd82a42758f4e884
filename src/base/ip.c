#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "survey/ip.h"

static size_t
ip_bytes(const struct ip *ip)
{
	return ip->family == 4 ? 4 : 16;
}

bool
ip_parse(const char *s, size_t len, struct ip *ip)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[IP_STRLEN];
	uint8_t a[16];

	if (len == 0 || len >= sizeof(text) || memchr(s, '\0', len) != NULL)
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	memset(ip, 0, sizeof(*ip));
	if (inet_pton(AF_INET, text, ip->a) == 1) {
		ip->family = 4;
		return true;
	}
	if (inet_pton(AF_INET6, text, a) != 1)
		return false;
	if (memcmp(a, mapped, sizeof(mapped)) == 0) {
		ip->family = 4;
		memcpy(ip->a, a + 12, 4);
	} else {
		ip->family = 6;
		memcpy(ip->a, a, 16);
	}
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

	for (unsigned bit = c->len; bit < ip_bytes(&c->ip) * 8; bit++)
		last.a[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return last;
}

bool
cidr_parse(const char *s, size_t len, struct cidr *c)
{
	const char *slash = memchr(s, '/', len);
	unsigned bits = 0, max;
	struct ip first;

	if (!ip_parse(s, slash != NULL ? (size_t)(slash - s) : len, &c->ip))
		return false;
	max = (unsigned)ip_bytes(&c->ip) * 8;
	if (slash == NULL) {
		c->len = (uint8_t)max;
		return true;
	}
	if (slash + 1 == s + len || s + len - slash > 4)
		return false;
	for (const char *p = slash + 1; p < s + len; p++) {
		if (*p < '0' || *p > '9')
			return false;
		bits = bits * 10 + (unsigned)(*p - '0');
	}
	if (bits > max)
		return false;
	c->len = (uint8_t)bits;
	first = c->ip;
	for (unsigned bit = bits; bit < max; bit++)
		first.a[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return ip_cmp(&first, &c->ip) == 0;
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
