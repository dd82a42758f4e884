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

const char *
ip_format(const struct ip *ip, char buf[static IP_STRLEN])
{
	if (ip->family == 4)
		format_v4(ip->a, buf);
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
