#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/ip.h"
#include "survey/mem.h"

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

const char *
ip_format(const struct ip *ip, char buf[static IP_STRLEN])
{
	if (ip->family == 0 ||
	    inet_ntop(ip->family == 4 ? AF_INET : AF_INET6, ip->a, buf, IP_STRLEN) == NULL)
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

/* ip + 1; false when it wraps. */
static bool
ip_next(struct ip *ip)
{
	for (size_t i = ip_bytes(ip); i-- > 0;) {
		if (++ip->a[i] != 0)
			return true;
	}
	return false;
}

static bool
ip_prev(struct ip *ip)
{
	for (size_t i = ip_bytes(ip); i-- > 0;) {
		if (ip->a[i]-- != 0)
			return true;
	}
	return false;
}

/* The last address of the prefix of len bits that starts at ip. */
static struct ip
ip_last(const struct ip *ip, unsigned len)
{
	struct ip last = *ip;

	for (unsigned bit = len; bit < ip_bytes(ip) * 8; bit++)
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

void
ipset_init(struct ipset *s)
{
	memset(s, 0, sizeof(*s));
}

void
ipset_fini(struct ipset *s)
{
	free(s->r);
	ipset_init(s);
}

void
ipset_add_range(struct ipset *s, const struct ip *lo, const struct ip *hi)
{
	mem_grow(&s->r, &s->cap, s->n + 1, sizeof(*s->r));
	s->r[s->n].lo = *lo;
	s->r[s->n++].hi = *hi;
}

void
ipset_add_cidr(struct ipset *s, const struct cidr *c)
{
	struct ip hi = ip_last(&c->ip, c->len);

	ipset_add_range(s, &c->ip, &hi);
}

void
ipset_add_set(struct ipset *s, const struct ipset *more)
{
	for (size_t i = 0; i < more->n; i++)
		ipset_add_range(s, &more->r[i].lo, &more->r[i].hi);
}

static int
range_cmp(const void *a, const void *b)
{
	const struct ip_range *x = a, *y = b;

	return ip_cmp(&x->lo, &y->lo);
}

void
ipset_normalise(struct ipset *s)
{
	size_t out = 0;

	if (s->n == 0)
		return;
	qsort(s->r, s->n, sizeof(*s->r), range_cmp);
	for (size_t i = 1; i < s->n; i++) {
		struct ip after = s->r[out].hi;
		bool wraps = !ip_next(&after);

		if (s->r[i].lo.family == s->r[out].lo.family &&
		    (wraps || ip_cmp(&s->r[i].lo, &after) <= 0)) {
			if (ip_cmp(&s->r[i].hi, &s->r[out].hi) > 0)
				s->r[out].hi = s->r[i].hi;
		} else {
			s->r[++out] = s->r[i];
		}
	}
	s->n = out + 1;
}

bool
ipset_contains(const struct ipset *s, const struct ip *ip)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ip_cmp(ip, &s->r[mid].lo) < 0)
			hi = mid;
		else if (ip_cmp(ip, &s->r[mid].hi) > 0)
			lo = mid + 1;
		else
			return true;
	}
	return false;
}

void
ipset_subtract(struct ipset *s, const struct ipset *take)
{
	struct ipset out;
	size_t k = 0;

	ipset_init(&out);
	for (size_t i = 0; i < s->n; i++) {
		struct ip lo = s->r[i].lo, hi = s->r[i].hi;
		bool left = true;

		while (k < take->n && ip_cmp(&take->r[k].hi, &lo) < 0)
			k++;
		for (size_t j = k; left && j < take->n && ip_cmp(&take->r[j].lo, &hi) <= 0; j++) {
			struct ip end = take->r[j].lo;

			if (ip_cmp(&end, &lo) > 0 && ip_prev(&end))
				ipset_add_range(&out, &lo, &end);
			lo = take->r[j].hi;
			left = ip_cmp(&lo, &hi) < 0 && ip_next(&lo);
		}
		if (left)
			ipset_add_range(&out, &lo, &hi);
	}
	ipset_fini(s);
	*s = out;
}

void
ipset_intersect(struct ipset *s, const struct ipset *with)
{
	struct ipset out;

	ipset_init(&out);
	for (size_t i = 0, j = 0; i < s->n && j < with->n;) {
		const struct ip_range *a = &s->r[i], *b = &with->r[j];
		const struct ip *lo = ip_cmp(&a->lo, &b->lo) > 0 ? &a->lo : &b->lo;
		const struct ip *hi = ip_cmp(&a->hi, &b->hi) < 0 ? &a->hi : &b->hi;

		if (ip_cmp(lo, hi) <= 0)
			ipset_add_range(&out, lo, hi);
		if (ip_cmp(&a->hi, &b->hi) < 0)
			i++;
		else
			j++;
	}
	ipset_fini(s);
	*s = out;
}

double
ipset_count(const struct ipset *s, int family)
{
	double total = 0;

	for (size_t i = 0; i < s->n; i++) {
		double lo = 0, hi = 0;

		if (s->r[i].lo.family != family)
			continue;
		for (size_t k = 0; k < ip_bytes(&s->r[i].lo); k++) {
			lo = lo * 256 + s->r[i].lo.a[k];
			hi = hi * 256 + s->r[i].hi.a[k];
		}
		total += hi - lo + 1;
	}
	return total;
}

/* The shortest prefix that starts at lo and ends at or before hi. */
static unsigned
prefix_len(const struct ip *lo, const struct ip *hi)
{
	unsigned max = (unsigned)ip_bytes(lo) * 8, len = max;

	while (len > 0 && (lo->a[(len - 1) / 8] & 0x80 >> (len - 1) % 8) == 0) {
		struct ip last = ip_last(lo, len - 1);

		if (ip_cmp(&last, hi) > 0)
			break;
		len--;
	}
	return len;
}

int
ipset_each_cidr(const struct ipset *s, int (*fn)(const struct cidr *c, void *arg), void *arg)
{
	for (size_t i = 0; i < s->n; i++) {
		struct ip lo = s->r[i].lo;

		for (;;) {
			struct cidr c = { .ip = lo, .len = (uint8_t)prefix_len(&lo, &s->r[i].hi) };
			int rc = fn(&c, arg);

			if (rc != 0)
				return rc;
			lo = ip_last(&lo, c.len);
			if (ip_cmp(&lo, &s->r[i].hi) >= 0 || !ip_next(&lo))
				break;
		}
	}
	return 0;
}

void
ipset_add_reserved(struct ipset *s)
{
	/* https://www.iana.org/assignments/iana-ipv4-special-registry and the IPv6 one. */
	static const char *const table[] = {
		"0.0.0.0/8", /* RFC 791: this network */
		"10.0.0.0/8", /* RFC 1918 */
		"100.64.0.0/10", /* RFC 6598: shared address space */
		"127.0.0.0/8", /* RFC 1122: loopback */
		"169.254.0.0/16", /* RFC 3927: link local */
		"172.16.0.0/12", /* RFC 1918 */
		"192.0.0.0/24", /* RFC 6890: IETF protocol assignments */
		"192.0.2.0/24", /* RFC 5737: TEST-NET-1 */
		"192.31.196.0/24", /* RFC 7535: AS112-v4 */
		"192.52.193.0/24", /* RFC 7450: AMT */
		"192.88.99.0/24", /* RFC 7526: 6to4 relay anycast, deprecated */
		"192.168.0.0/16", /* RFC 1918 */
		"192.175.48.0/24", /* RFC 7534: direct delegation AS112 */
		"198.18.0.0/15", /* RFC 2544: benchmarking */
		"198.51.100.0/24", /* RFC 5737: TEST-NET-2 */
		"203.0.113.0/24", /* RFC 5737: TEST-NET-3 */
		"224.0.0.0/4", /* RFC 5771: multicast */
		"240.0.0.0/4", /* RFC 1112: reserved; 255.255.255.255, RFC 919 */
		"::/3", /* RFC 4291: unspecified, loopback, mapped, translated, discard-only */
		"2001::/23", /* RFC 2928: IETF protocol assignments, Teredo */
		"2001:db8::/32", /* RFC 3849: documentation */
		"2002::/16", /* RFC 3056: 6to4 */
		"2620:4f:8000::/48", /* RFC 7534: direct delegation AS112 */
		"3fff::/20", /* RFC 9637: documentation */
		"4000::/2", /* not global unicast yet */
		"8000::/1", /* unallocated, ULA (RFC 4193), link local, multicast */
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct cidr c;

		if (cidr_parse(table[i], strlen(table[i]), &c))
			ipset_add_cidr(s, &c);
	}
	ipset_normalise(s);
}

/* One line without its comment and white space: address, prefix or range. */
static bool
add_line(struct ipset *s, const char *line, size_t len)
{
	const char *dash = memchr(line, '-', len);
	struct cidr c;
	struct ip lo, hi;

	if (dash == NULL) {
		if (!cidr_parse(line, len, &c))
			return false;
		ipset_add_cidr(s, &c);
		return true;
	}
	if (!ip_parse(line, (size_t)(dash - line), &lo) ||
	    !ip_parse(dash + 1, (size_t)(line + len - dash - 1), &hi) || lo.family != hi.family ||
	    ip_cmp(&lo, &hi) > 0)
		return false;
	ipset_add_range(s, &lo, &hi);
	return true;
}

int
ipset_read_file(struct ipset *s, const char *path, char **error)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0, number = 0, had = s->n;
	ssize_t n;
	int rc = -1;

	if (f == NULL) {
		*error = xasprintf("%s: %m", path);
		return -1;
	}
	while ((n = getline(&line, &cap, f)) != -1) {
		size_t start = 0, len = strcspn(line, "#\r\n");

		number++;
		if (memchr(line, '\0', (size_t)n) != NULL) {
			*error = xasprintf("%s:%zu: a NUL byte", path, number);
			goto out;
		}
		while (start < len && (line[start] == ' ' || line[start] == '\t'))
			start++;
		while (len > start && (line[len - 1] == ' ' || line[len - 1] == '\t'))
			len--;
		if (len > start && !add_line(s, line + start, len - start)) {
			*error = xasprintf("%s:%zu: \"%.*s\" is no address, prefix or range", path,
			    number, (int)(len - start > 60 ? 60 : len - start), line + start);
			goto out;
		}
	}
	if (ferror(f)) {
		*error = xasprintf("%s: %m", path);
		goto out;
	}
	rc = 0;
out:
	if (rc != 0)
		s->n = had;
	else
		ipset_normalise(s);
	free(line);
	fclose(f);
	return rc;
}
