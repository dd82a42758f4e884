#include <stdlib.h>
#include <string.h>

#include "survey/ip.h"
#include "survey/mem.h"

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
	/* Sources come in order: growing the last range here keeps the array small. */
	if (s->n > 0) {
		struct ip after = s->r[s->n - 1].hi;

		if (ip_next(&after) && ip_cmp(&after, lo) == 0) {
			s->r[s->n - 1].hi = *hi;
			return;
		}
	}
	mem_grow(&s->r, &s->cap, s->n + 1, sizeof(*s->r));
	s->r[s->n].lo = *lo;
	s->r[s->n++].hi = *hi;
}

void
ipset_add_cidr(struct ipset *s, const struct cidr *c)
{
	struct ip hi = cidr_last(c);

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

/* qsort() takes as much memory again, and most sets are built in order. */
static bool
is_sorted(const struct ipset *s)
{
	for (size_t i = 1; i < s->n; i++) {
		if (range_cmp(&s->r[i - 1], &s->r[i]) > 0)
			return false;
	}
	return true;
}

void
ipset_normalise(struct ipset *s)
{
	size_t out = 0;

	if (s->n == 0)
		return;
	if (!is_sorted(s))
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
		for (size_t k = 0; k < (family == 4 ? 4u : 16u); k++) {
			lo = lo * 256 + s->r[i].lo.a[k];
			hi = hi * 256 + s->r[i].hi.a[k];
		}
		total += hi - lo + 1;
	}
	return total;
}

/* The largest prefix that starts at lo and ends at or before hi. */
static struct cidr
first_cidr(const struct ip *lo, const struct ip *hi)
{
	struct cidr c = { .ip = *lo, .len = lo->family == 4 ? 32 : 128 };

	while (c.len > 0 && (lo->a[(c.len - 1) / 8] & 0x80 >> (c.len - 1) % 8) == 0) {
		struct cidr wider = { .ip = *lo, .len = (uint8_t)(c.len - 1) };
		struct ip last = cidr_last(&wider);

		if (ip_cmp(&last, hi) > 0)
			break;
		c = wider;
	}
	return c;
}

int
ipset_each_cidr(const struct ipset *s, int (*fn)(const struct cidr *c, void *arg), void *arg)
{
	for (size_t i = 0; i < s->n; i++) {
		struct ip lo = s->r[i].lo;

		for (;;) {
			struct cidr c = first_cidr(&lo, &s->r[i].hi);
			int rc = fn(&c, arg);

			if (rc != 0)
				return rc;
			lo = cidr_last(&c);
			if (ip_cmp(&lo, &s->r[i].hi) >= 0 || !ip_next(&lo))
				break;
		}
	}
	return 0;
}

static int
print_cidr(const struct cidr *c, void *arg)
{
	char text[IP_STRLEN + 4];

	return fprintf(arg, "%s\n", cidr_format(c, text)) < 0 ? -1 : 0;
}

int
ipset_write(const struct ipset *s, int family, FILE *f)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct ipset one = { .r = &s->r[i], .n = 1 };

		if ((family == 0 || s->r[i].lo.family == family) &&
		    ipset_each_cidr(&one, print_cidr, f) != 0)
			return -1;
	}
	return 0;
}
